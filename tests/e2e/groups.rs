//! Programs in groups, in numbers, and rules that go by their names.

use super::stage::{Script, Stage, on_demand};
use crate::support::{programs, supervisord::Release};

crate::each_release!(a_group_is_told_by_its_full_names);

fn a_group_is_told_by_its_full_names(release: Release) {
    let sections = [
        on_demand("es_node_a", "exit 3 0", &[]),
        on_demand("es_node_b", "exit 3 0", &[]),
        on_demand(
            "many",
            "exit 3 0",
            &[
                "numprocs=2",
                "process_name=%(program_name)s_%(process_num)02d",
            ],
        ),
        "[group:es]\nprograms=es_node_a,es_node_b\n".to_owned(),
    ]
    .concat();
    let more = "[[program]]\nmatch = \"es_node_*\"\nrunbook = \"https://wiki/es\"\n\
                [[program]]\nmatch = \"many:*_01\"\nseverity = \"warning\"\n";
    let stage = Stage::set(Script {
        release,
        programs: &sections,
        more,
        ..Script::default()
    });
    stage.start("es:es_node_a");
    let message = stage.dingtalk.wait_until_shown("FATAL: es:es_node_a");
    assert!(
        message.contains("supervisorctl start es:es_node_a"),
        "{message}"
    );
    assert!(
        message.contains("https://wiki/es"),
        "by the bare name: {message}"
    );
    let incident = stage.supervigil.wait_for_incident("es_node_a", "fatal");
    assert_eq!(incident["group"], "es");

    stage.start("many:many_01");
    stage.dingtalk.wait_until_shown("FATAL: many:many_01");
    let incident = stage.supervigil.wait_for_incident("many_01", "fatal");
    assert_eq!(incident["severity"], "warning", "by the full name");
    let open = "supervigil_incidents_open{kind=\"fatal\",severity=\"warning\"}";
    assert_eq!(stage.metric(open), Some(1.0));
}

#[test]
fn a_group_that_is_stopped_and_started_is_no_incident() {
    let sections = [
        programs::healthy("a"),
        programs::healthy("b"),
        "[group:both]\nprograms=a,b\n".to_owned(),
    ]
    .concat();
    let stage = Stage::set(Script {
        programs: &sections,
        ..Script::default()
    });
    stage.ctl(&["restart", "both:*"]);
    stage.ctl(&["stop", "both:*"]);
    stage.ctl(&["start", "both:*"]);
    stage.fence();
    assert_eq!(stage.incidents().len(), 0);
}

#[test]
fn an_open_incident_outlives_a_death_of_supervisord() {
    let folder = tempfile::tempdir().expect("a folder");
    let behaviour = format!("from-start 2 {}", folder.path().join("starts").display());
    let mut stage = Stage::set(Script {
        programs: &[
            on_demand("broken", "exit 3 0", &["autostart=true"]),
            on_demand("heals", &behaviour, &["autostart=true"]),
        ]
        .concat(),
        ..Script::default()
    });
    for program in ["broken", "heals"] {
        stage.dingtalk.wait_until_shown(program);
        stage.supervigil.wait_for_incident(program, "fatal");
    }
    stage.supervisord.kill9();
    stage.supervisord.restart();
    stage.dingtalk.wait_until_shown("Recovered: heals");
    stage.fence();
    let incidents = stage.incidents();
    assert_eq!(incidents.len(), 2, "{incidents:?}");
    stage.supervigil.wait_for_incident("broken", "fatal");
}
