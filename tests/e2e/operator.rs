//! What an operator does to programs, healthy and failed ones.

use std::fs;

use serde_json::Value;

use super::stage::{Script, Stage, on_demand};
use crate::support::{programs, supervisord::Release};

crate::each_release!(
    stops_starts_and_restarts_are_no_incidents,
    a_reload_is_none,
    an_update_is_none
);

const NONE: Vec<Value> = Vec::new();

fn stops_starts_and_restarts_are_no_incidents(release: Release) {
    let sections = [programs::healthy("web"), programs::stubborn("stubborn")].concat();
    let stage = Stage::set(Script {
        release,
        programs: &sections,
        ..Script::default()
    });
    stage.supervisord.wait_for_state("stubborn", "RUNNING");
    stage.ctl(&["stop", "web"]);
    let stop = stage.wait_for_transition("web", "be stopped", |one| one["to"] == "STOPPED");
    assert_eq!(stop["cause"], "operator");
    stage.ctl(&["start", "web"]);
    let start = stage.wait_for_transition("web", "be started", |one| one["from"] == "STOPPED");
    assert_eq!(start["cause"], "operator");
    stage.ctl(&["restart", "web"]);
    stage.ctl(&["restart", "stubborn"]);
    stage.ctl(&["stop", "all"]);
    stage.ctl(&["start", "web", "stubborn"]);
    stage.fence();
    assert_eq!(stage.incidents(), NONE);
    assert_eq!(stage.dingtalk.shown().len(), 1, "the fence alone");
}

fn a_reload_is_none(release: Release) {
    let sections = [programs::healthy("web"), programs::healthy("db")].concat();
    let stage = Stage::set(Script {
        release,
        programs: &sections,
        ..Script::default()
    });
    let before = stage.supervisord.pid_of("web").expect("a pid");
    stage.ctl(&["reload"]);
    stage
        .supervigil
        .wait_for_json("/api/v1/status", "a restart of supervisord", |status| {
            (status["supervisords"][0]["restarts"] == 1).then_some(())
        });
    stage.supervisord.wait_for_state("web", "RUNNING");
    assert_ne!(stage.supervisord.pid_of("web"), Some(before));
    stage.fence();
    assert_eq!(stage.incidents(), NONE);
    assert_eq!(
        stage.metric("supervisord_restarts_total{server=\"main\"}"),
        Some(1.0)
    );
}

fn an_update_is_none(release: Release) {
    let fence = on_demand("fence", "exit 1 0", &[]);
    let sections = [programs::healthy("web"), programs::healthy("old")].concat();
    let stage = Stage::set(Script {
        release,
        programs: &sections,
        ..Script::default()
    });
    let changed = [
        programs::program("web", "sleep", &["startsecs=0", "priority=5"]),
        programs::healthy("new"),
        fence,
    ]
    .concat();
    stage.supervisord.rewrite_config(&changed);
    stage.ctl(&["reread"]);
    stage.ctl(&["update"]);
    stage
        .supervigil
        .wait_for_json("/api/v1/processes", "new, and no old", |answer| {
            let names: Vec<_> = answer["processes"]
                .as_array()?
                .iter()
                .map(|one| &one["name"])
                .collect();
            (names.iter().any(|name| *name == "new") && names.iter().all(|name| *name != "old"))
                .then_some(())
        });
    stage.fence();
    assert_eq!(stage.incidents(), NONE);
}

#[test]
fn a_reload_ends_no_incident_of_what_fails_again() {
    let sections = programs::fatal("broken");
    let stage = Stage::set(Script {
        programs: &sections,
        ..Script::default()
    });
    stage.dingtalk.wait_until_shown("FATAL: broken");
    stage.ctl(&["reload"]);
    stage
        .supervigil
        .wait_for_json("/api/v1/status", "a restart of supervisord", |status| {
            (status["supervisords"][0]["restarts"] == 1).then_some(())
        });
    stage.supervisord.wait_for_state("broken", "FATAL");
    stage.fence();
    assert_eq!(stage.incidents().len(), 1);
    assert_eq!(stage.shown_with("broken"), 1);
}

#[test]
fn a_failed_program_that_is_mended_and_started_has_recovered() {
    let (stage, mended) = with_a_failed_program("");
    fs::write(&mended, "xx").expect("it can be mended");
    stage.start("app");
    let message = stage.dingtalk.wait_until_shown("Recovered: app");
    assert!(
        !message.contains("by supervigil"),
        "nobody else started it: {message}"
    );
    let incident = stage.wait_until_closed("app", "recovered");
    assert_eq!(incident["attempts"], 0);
    assert!(incident["closed_at"].is_string());
}

#[test]
fn a_failed_program_that_is_started_and_stopped_is_the_operators() {
    // However long the stop takes, it comes before it has recovered.
    let (stage, mended) = with_a_failed_program("resolve_after = \"1h\"\n");
    fs::write(&mended, "xx").expect("it can be mended");
    stage.start("app");
    stage.ctl(&["stop", "app"]);
    stage
        .dingtalk
        .wait_until_shown("Stopped by an operator: app");
    stage.wait_until_closed("app", "stopped_by_operator");
    assert_eq!(stage.incidents().len(), 1);
}

#[test]
fn a_failed_program_that_is_removed_is_no_longer_wrong() {
    let (stage, _mended) = with_a_failed_program("");
    stage.ctl(&["remove", "app"]);
    stage.dingtalk.wait_until_shown("No longer configured: app");
    stage.wait_until_closed("app", "removed");
    let (_, metrics) = stage.supervigil.get("/metrics");
    assert!(!metrics.contains("name=\"app\""), "its series are gone");
}

#[test]
fn starting_a_failed_program_in_vain_goes_on_with_its_incident() {
    let (stage, _mended) = with_a_failed_program("");
    // supervisord refuses to stop what does not run.
    stage.ctl(&["stop", "app"]);
    stage.start("app");
    stage.supervisord.wait_for_state("app", "FATAL");
    stage.fence();
    assert_eq!(stage.incidents().len(), 1);
    assert_eq!(stage.shown_with("FATAL: app"), 1);
}

/// `app` is FATAL and that was told. It works once the file has two bytes in it.
fn with_a_failed_program(alert: &str) -> (Stage, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a folder").keep();
    let file = folder.join("starts");
    let behaviour = format!("from-start 3 {}", file.display());
    let sections = on_demand("app", &behaviour, &[]);
    let stage = Stage::set(Script {
        programs: &sections,
        alert,
        ..Script::default()
    });
    stage.start("app");
    stage.dingtalk.wait_until_shown("FATAL: app");
    (stage, file)
}
