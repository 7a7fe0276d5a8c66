//! supervigil killed at any moment.

use super::stage::{Script, Stage, on_demand};
use crate::support::{
    programs,
    wait::{PATIENCE, let_pass, wait_until},
};

/// How often it is killed.
const KILLS: usize = 10;

/// The longest time between a failure and the kill: a poll, a commit and a message fit into it
/// several times.
const SOON_MILLIS: u64 = 700;

#[test]
fn killed_at_random_moments_it_loses_nothing_and_tells_nothing_twice() {
    // No name is part of another one.
    let names: Vec<_> = (b'a'..)
        .take(KILLS)
        .map(|letter| format!("p-{}", char::from(letter)))
        .collect();
    let sections: String = names
        .iter()
        .map(|name| on_demand(name, "exit 1 0", &[]))
        .collect();
    let mut stage = Stage::set(Script {
        programs: &sections,
        ..Script::default()
    });
    for name in &names {
        stage.start(name);
        let_pass(fastrand::u64(..SOON_MILLIS));
        stage.supervigil.kill9();
        stage.supervigil.start_again();
    }
    for name in &names {
        stage.supervigil.wait_for_incident(name, "fatal");
        stage.dingtalk.wait_until_shown(&format!("FATAL: {name}"));
    }
    stage.fence();
    for name in &names {
        assert_eq!(stage.shown_with(&format!("FATAL: {name}")), 1, "{name}");
    }
    assert_eq!(stage.incidents().len(), KILLS);
}

#[test]
fn a_known_incident_is_not_told_again() {
    let mut stage = Stage::set(Script {
        programs: &on_demand("broken", "exit 3 0", &[]),
        ..Script::default()
    });
    stage.start("broken");
    stage.dingtalk.wait_until_shown("FATAL: broken");
    let before = stage.incidents();
    for _ in 0..3 {
        stage.supervigil.kill9();
        stage.supervigil.start_again();
        stage.wait_until_ready();
    }
    stage.fence();
    assert_eq!(stage.shown_with("broken"), 1);
    let after = stage.incidents();
    assert_eq!(before[0]["id"], after[0]["id"]);
    assert_eq!(before[0]["opened_at"], after[0]["opened_at"]);
}

#[test]
fn what_failed_while_it_was_down_is_told() {
    let left = ["startsecs=0", "autorestart=false"];
    let mut stage = Stage::set(Script {
        programs: &[
            on_demand("broken", "exit 3 0", &[]),
            programs::program("job", "sleep", &left),
        ]
        .concat(),
        ..Script::default()
    });
    stage.supervisord.wait_for_state("job", "RUNNING");
    stage.wait_for_state("job", "RUNNING");
    stage.supervigil.kill9();
    stage.kill("job", rustix::process::Signal::KILL);
    stage.start("broken");
    stage.supervisord.wait_for_state("broken", "FATAL");
    stage.supervigil.start_again();
    stage.dingtalk.wait_until_shown("FATAL: broken");
    stage.dingtalk.wait_until_shown("Unexpected exit: job");
    assert_eq!(
        stage.shown_with("already when supervigil started"),
        0,
        "it is news"
    );
}

#[test]
fn what_recovered_while_it_was_down_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let behaviour = format!("from-start 2 {}", folder.path().join("starts").display());
    let mut stage = Stage::set(Script {
        programs: &on_demand("app", &behaviour, &[]),
        ..Script::default()
    });
    stage.start("app");
    stage.dingtalk.wait_until_shown("FATAL: app");
    assert!(stage.supervigil.terminate().0.success());
    stage.start("app");
    stage.supervisord.wait_for_state("app", "RUNNING");
    stage.supervigil.start_again();
    stage.dingtalk.wait_until_shown("Recovered: app");
    assert_eq!(stage.incidents().len(), 1);
}

#[test]
fn a_message_that_was_under_way_is_shown_once() {
    let mut stage = Stage::set(Script {
        programs: &on_demand("broken", "exit 3 0", &[]),
        ..Script::default()
    });
    // DingTalk takes it, and supervigil is killed before it hears of that.
    stage
        .dingtalk
        .script(&serde_json::json!([{"take": true, "hang": true}]));
    stage.start("broken");
    stage.dingtalk.wait_until_shown("FATAL: broken");
    stage.supervigil.kill9();
    stage.supervigil.start_again();
    wait_until(PATIENCE, "the message to come again", || {
        stage.dingtalk.messages().len() >= 2
    });
    stage.fence();
    assert_eq!(stage.shown_with("broken"), 1);
    let messages = stage.dingtalk.messages();
    assert_eq!(messages[0]["uuid"], messages[1]["uuid"]);
    assert_eq!(messages[0]["body"], messages[1]["body"]);
}
