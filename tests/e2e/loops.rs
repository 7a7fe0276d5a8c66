//! Programs that supervisord never gives up on.

use serde_json::Value;

use super::stage::{Script, Stage};
use crate::support::{
    programs,
    supervisord::Release,
    wait::{PATIENCE, wait_until},
};

crate::each_release!(
    without_startsecs_nothing_is_made_up,
    past_startsecs_nothing_is_made_up
);

fn without_startsecs_nothing_is_made_up(release: Release) {
    let settings = ["startsecs=0", "autorestart=true"];
    let stage = Stage::set(Script {
        release,
        programs: &programs::exits("loops", 1, 0.3, &settings),
        ..Script::default()
    });
    tells_the_truth(&stage);
}

fn past_startsecs_nothing_is_made_up(release: Release) {
    let stage = Stage::set(Script {
        release,
        programs: &programs::crash_loops("loops"),
        ..Script::default()
    });
    tells_the_truth(&stage);
}

/// Five deaths, none of them one that supervisord did not have.
fn tells_the_truth(stage: &Stage) {
    let death = "exited: loops (exit status 1; not expected)";
    wait_until(PATIENCE, "five deaths", || {
        stage.supervisord.log().matches(death).count() >= 5
    });
    wait_until(PATIENCE, "deaths that are seen", || {
        deaths(stage).len() >= 3
    });
    let made_up = |one: &&Value| {
        let known = ["STARTING", "RUNNING", "EXITED"];
        [&one["from"], &one["to"]]
            .iter()
            .any(|state| !known.contains(&state.as_str().unwrap_or("")))
    };
    let transitions = stage.transitions("loops");
    assert_eq!(transitions.iter().find(made_up), None);
    for death in deaths(stage) {
        assert!(
            death["exit"].is_null() || death["exit"]["code"] == 1,
            "{death}"
        );
        assert_ne!(death["cause"], "operator", "{death}");
        assert_ne!(death["cause"], "expected_exit", "{death}");
    }
    let seen = deaths(stage).len();
    let real = stage.supervisord.log().matches(death).count();
    assert!(seen <= real, "{seen} deaths of {real}");
    stage.fence();
    let incidents = stage.incidents();
    assert!(
        incidents.iter().all(|one| one["kind"] == "crash_loop"),
        "{incidents:?}"
    );
    assert!(!stage.supervigil.log().contains("panicked"));
}

fn deaths(stage: &Stage) -> Vec<Value> {
    let mut all = stage.transitions("loops");
    all.retain(|one| one["from"] == "RUNNING" || one["to"] == "EXITED");
    all
}
