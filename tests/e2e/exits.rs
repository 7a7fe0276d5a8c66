//! Programs that end.

use rustix::process::Signal;
use serde_json::json;

use super::stage::{Script, Stage};
use crate::support::{programs, supervisord::Release, wait::PATIENCE, wait::wait_until};

crate::each_release!(
    an_unexpected_exit_is_told,
    an_expected_exit_is_not,
    a_crash_that_autorestart_heals_is_a_transition_only
);

/// Left alone by supervisord after its end.
const LEFT: [&str; 3] = ["startsecs=0", "autorestart=false", "autostart=false"];

fn an_unexpected_exit_is_told(release: Release) {
    let stage = Stage::set(Script {
        release,
        programs: &programs::exits("job", 3, 0.5, &LEFT),
        ..Script::default()
    });
    stage.start("job");
    let message = stage.dingtalk.wait_until_shown("Unexpected exit: job");
    assert!(message.contains("exit code 3"), "{message}");
    assert!(message.contains("supervisord leaves it down"), "{message}");
    let incident = stage.supervigil.wait_for_incident("job", "unexpected_exit");
    assert_eq!(incident["exit"], json!({"code": 3}));
    assert_eq!(incident["spawn_error"], "Bad exit code 3");
    let death = stage.wait_for_transition("job", "exit", |one| one["to"] == "EXITED");
    assert_eq!(death["cause"], "crash");
    assert_eq!(death["expected"], json!(false));
    assert_eq!(death["exit"], json!({"code": 3}));
    stage.fence();
    assert_eq!(stage.shown_with("job"), 1);
}

fn an_expected_exit_is_not(release: Release) {
    let settings = [
        "startsecs=0",
        "autostart=false",
        "autorestart=unexpected",
        "exitcodes=0,7",
    ];
    let stage = Stage::set(Script {
        release,
        programs: &[
            programs::exits("zero", 0, 0.3, &settings),
            programs::exits("seven", 7, 0.3, &settings),
            programs::exits("job", 1, 0.3, &LEFT),
        ]
        .concat(),
        ..Script::default()
    });
    for program in ["zero", "seven"] {
        stage.start(program);
        let end = stage.wait_for_transition(program, "exit", |one| one["to"] == "EXITED");
        assert_eq!(end["cause"], "expected_exit");
        assert_eq!(end["expected"], json!(true));
    }
    // One that ends unexpectedly after them is decided upon after them.
    stage.start("job");
    stage.dingtalk.wait_until_shown("Unexpected exit: job");
    assert_eq!(stage.incidents().len(), 1);
    assert_eq!(stage.dingtalk.shown().len(), 1);
    let exits = "supervisord_process_exits_total{server=\"main\",group=\"seven\",name=\"seven\",\
                 expected=\"true\",kind=\"code\"}";
    assert_eq!(stage.metric(exits), Some(1.0));
}

fn a_crash_that_autorestart_heals_is_a_transition_only(release: Release) {
    let settings = ["startsecs=0", "autorestart=true"];
    let stage = Stage::set(Script {
        release,
        programs: &programs::program("web", "sleep", &settings),
        ..Script::default()
    });
    stage.supervisord.wait_for_state("web", "RUNNING");
    let before = stage.supervisord.pid_of("web").expect("a pid");
    stage.kill("web", Signal::KILL);
    let death = stage.wait_for_transition("web", "die", |one| one["from"] == "RUNNING");
    assert_eq!(death["pid"], json!(before));
    stage.wait_for_transition("web", "be back", |one| one["to"] == "RUNNING");
    stage.fence();
    assert_eq!(stage.incidents(), Vec::<serde_json::Value>::new());
    assert_eq!(stage.shown_with("web"), 0);
}

#[test]
fn a_crash_is_told_where_that_is_asked_for() {
    let settings = ["startsecs=0", "autorestart=true"];
    let stage = Stage::set(Script {
        programs: &programs::program("web", "sleep", &settings),
        more: "[[program]]\nmatch = \"web\"\nalert_on = [\"crash\"]",
        ..Script::default()
    });
    // A poll sees a death only where it comes before supervisord has started the program again.
    wait_until(PATIENCE, "a death that a poll sees", || {
        let known = stage.transitions("web").len();
        stage.supervisord.wait_for_state("web", "RUNNING");
        stage.kill("web", Signal::KILL);
        stage.wait_for_transition("web", "be back", |one| {
            one["to"] == "RUNNING" && stage.transitions("web").len() > known
        });
        stage
            .transitions("web")
            .iter()
            .any(|one| one["cause"] == "crash")
    });
    stage.dingtalk.wait_until_shown("Unexpected exit: web");
    stage.dingtalk.wait_until_shown("Recovered: web");
    stage.wait_until_closed("web", "recovered");
}

#[test]
fn a_death_by_a_signal_is_told_as_one() {
    let stage = Stage::set(Script {
        programs: &programs::dies_by("job", "SEGV", 0.3, &LEFT),
        ..Script::default()
    });
    stage.start("job");
    let message = stage.dingtalk.wait_until_shown("Unexpected exit: job");
    let words = "killed by SIGSEGV (a bad memory access)";
    assert!(message.contains(words), "{message}");
    let incident = stage.supervigil.wait_for_incident("job", "unexpected_exit");
    assert_eq!(incident["exit"]["signal"], "SIGSEGV");
}

#[test]
fn nothing_is_wrong_with_what_may_be_down() {
    let stage = Stage::set(Script {
        programs: &[
            programs::exits("batch", 1, 0.2, &LEFT),
            programs::exits("job", 1, 0.2, &LEFT),
        ]
        .concat(),
        more: "[[program]]\nmatch = \"batch\"\nexpect = \"any\"",
        ..Script::default()
    });
    stage.start("batch");
    stage.wait_for_transition("batch", "exit", |one| one["to"] == "EXITED");
    stage.start("job");
    stage.dingtalk.wait_until_shown("Unexpected exit: job");
    assert_eq!(stage.incidents().len(), 1);
}
