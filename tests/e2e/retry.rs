//! Starting what supervisord gave up on, and leaving the rest alone.

use std::fs;

use rustix::process::Signal;

use super::stage::{Script, Stage, on_demand};
use crate::support::{
    programs,
    supervisord::Release,
    wait::{PATIENCE, wait_until},
};

crate::each_release!(
    a_program_that_recovers_is_healed,
    a_missing_binary_needs_a_human
);

/// Quick attempts. supervisord gives times in whole seconds: less than one apart, two failures may look
/// like one.
const QUICK: &str = "[retry]\nbackoff = \"1100ms\"\nbackoff_max = \"1100ms\"\njitter = 0.0\n";

fn attempts(program: &str, outcome: &str) -> String {
    format!(
        "supervigil_retry_attempts_total{{server=\"main\",group=\"{program}\",name=\"{program}\",\
         outcome=\"{outcome}\"}}"
    )
}

fn a_program_that_recovers_is_healed(release: Release) {
    let folder = tempfile::tempdir().expect("a folder");
    let counter = folder.path().join("starts");
    let behaviour = format!("from-start 3 {}", counter.display());
    let stage = Stage::set(Script {
        release,
        programs: &on_demand("es", &behaviour, &[]),
        more: QUICK,
        ..Script::default()
    });
    stage.start("es");
    let message = stage.dingtalk.wait_until_shown("FATAL: es");
    assert!(message.contains("of 5)"), "{message}");
    let message = stage.dingtalk.wait_until_shown("Recovered: es");
    assert!(
        message.contains("started 2 times by supervigil"),
        "{message}"
    );
    let incident = stage.wait_until_closed("es", "recovered");
    assert_eq!(incident["attempts"], 2);
    assert_eq!(stage.spawns("es"), 3);
    assert_eq!(stage.metric(&attempts("es", "failed")), Some(1.0));
    assert_eq!(stage.metric(&attempts("es", "running")), Some(1.0));
    assert_eq!(stage.incidents().len(), 1);
    let start = stage.wait_for_transition("es", "start", |one| {
        one["from"] == "FATAL" && one["cause"] == "retry"
    });
    assert_eq!(start["to"], "STARTING");
}

#[test]
fn used_up_attempts_are_told() {
    let stage = Stage::set(Script {
        programs: &on_demand("broken", "exit 3 0", &[]),
        more: &format!("{QUICK}max_attempts = 2\n"),
        ..Script::default()
    });
    stage.start("broken");
    let message = stage
        .dingtalk
        .wait_until_shown("all 2 attempts of supervigil failed");
    assert!(message.contains("it tries once more at"), "{message}");
    stage.fence();
    assert_eq!(stage.spawns("broken"), 3);
    assert_eq!(stage.metric(&attempts("broken", "failed")), Some(2.0));
    let exhausted = "supervigil_retry_exhausted{server=\"main\",group=\"broken\",name=\"broken\"}";
    assert_eq!(stage.metric(exhausted), Some(1.0));
    assert_eq!(stage.incidents().len(), 1);
    assert_eq!(stage.shown_with("all 2 attempts"), 1);
}

fn a_missing_binary_needs_a_human(release: Release) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("app");
    fs::copy("/bin/sleep", &file).expect("a program to copy");
    let section = format!(
        "[program:app]\ncommand={} 1000000\nstartsecs=0\nstartretries=0\nautorestart=true\n",
        file.display()
    );
    let stage = Stage::set(Script {
        release,
        programs: &section,
        more: QUICK,
        ..Script::default()
    });
    stage.supervisord.wait_for_state("app", "RUNNING");
    fs::remove_file(&file).expect("it is there");
    stage.kill("app", Signal::KILL);
    let message = stage.dingtalk.wait_until_shown("needs a human");
    assert!(
        message.contains("NO_FILE"),
        "supervisord's words: {message}"
    );
    // Where somebody mends it, the next start helps.
    fs::copy("/bin/sleep", &file).expect("it can be put back");
    stage.dingtalk.wait_until_shown("Recovered: app");
}

#[test]
fn what_is_meant_to_be_down_is_never_started() {
    let left = ["startsecs=0", "autorestart=false", "autostart=false"];
    let stage = Stage::set(Script {
        programs: &[
            programs::healthy("stopped"),
            programs::exits("done", 0, 0.2, &left),
            programs::exits("job", 1, 0.2, &left),
            on_demand("exempt", "exit 1 0", &[]),
        ]
        .concat(),
        more: &format!(
            "{QUICK}on = [\"FATAL\", \"EXITED\"]\n[[program]]\nmatch = \"exempt\"\nretry = false\n"
        ),
        ..Script::default()
    });
    stage.ctl(&["stop", "stopped"]);
    stage.start("done");
    stage.start("exempt");
    stage.start("job");
    wait_until(PATIENCE, "the job to be started again", || {
        stage.spawns("job") >= 3
    });
    assert_eq!(stage.spawns("stopped"), 1);
    assert_eq!(stage.spawns("done"), 1);
    assert_eq!(stage.spawns("exempt"), 1);
    assert_eq!(
        stage.supervisord.state("stopped").as_deref(),
        Some("STOPPED")
    );
}

#[test]
fn nothing_is_started_without_the_table() {
    let stage = Stage::set(Script {
        programs: &on_demand("broken", "exit 3 0", &[]),
        ..Script::default()
    });
    stage.start("broken");
    let message = stage.dingtalk.wait_until_shown("FATAL: broken");
    assert!(message.contains("supervisorctl start broken"), "{message}");
    stage.fence();
    assert_eq!(stage.spawns("broken"), 1);
}

#[test]
fn an_operators_start_takes_the_place_of_the_plan() {
    let folder = tempfile::tempdir().expect("a folder");
    let counter = folder.path().join("starts");
    let behaviour = format!("from-start 2 {}", counter.display());
    let stage = Stage::set(Script {
        programs: &on_demand("app", &behaviour, &[]),
        more: "[retry]\nbackoff = \"1h\"\nbackoff_max = \"1h\"",
        ..Script::default()
    });
    let planned =
        "supervigil_retry_next_timestamp_seconds{server=\"main\",group=\"app\",name=\"app\"}";
    stage.start("app");
    stage.dingtalk.wait_until_shown("(attempt 1 of 5)");
    assert!(stage.metric(planned).is_some());
    stage.start("app");
    let incident = stage.wait_until_closed("app", "recovered");
    assert_eq!(incident["attempts"], 0);
    assert_eq!(stage.metric(planned), None);
    assert_eq!(stage.spawns("app"), 2);
}

#[test]
fn only_so_many_are_started_at_a_time() {
    let slow = ["startsecs=5"];
    let stage = Stage::set(Script {
        programs: &[
            programs::healthy("web"),
            programs::healthy("db"),
            on_demand("one", "exit 1 0.7", &slow),
            on_demand("two", "exit 1 0.7", &slow),
        ]
        .concat(),
        more: "[retry]\nbackoff = \"3s\"\nbackoff_max = \"3s\"\njitter = 0.0\nmax_concurrent = 1\nmax_attempts = 2\n",
        ..Script::default()
    });
    // One after the other: the operator's own starts are not limited.
    stage.start("one");
    stage.start("two");
    wait_until(PATIENCE, "all attempts", || {
        stage.supervisord.log().matches("gave up: ").count() == 6
    });
    let log = stage.supervisord.log();
    let of_theirs = |line: &&str| line.contains("one") || line.contains("two");
    let mut running = 0;
    for line in log.lines().filter(of_theirs) {
        if line.contains("spawned: ") {
            running += 1;
        } else if line.contains("gave up: ") {
            running -= 1;
        }
        assert!(running <= 1, "two at a time:\n{log}");
    }
}

#[test]
fn a_restart_of_supervigil_does_not_refill_the_budget() {
    let mut stage = Stage::set(Script {
        programs: &on_demand("broken", "exit 3 0", &[]),
        more: &format!("{QUICK}max_attempts = 3\n"),
        ..Script::default()
    });
    stage.start("broken");
    let ended = "the attempt to start it ended";
    for attempt in 1..=3 {
        wait_until(PATIENCE, "the end of an attempt", || {
            stage.supervigil.log().matches(ended).count() >= attempt
        });
        stage.supervigil.kill9();
        stage.supervigil.start_again();
    }
    stage
        .dingtalk
        .wait_until_shown("all 3 attempts of supervigil failed");
    stage.fence();
    assert_eq!(stage.spawns("broken"), 4);
    assert_eq!(stage.shown_with("all 3 attempts"), 1);
    assert_eq!(stage.incidents().len(), 1);
}

#[test]
fn when_the_host_fails_everything_waits() {
    let names = ["a", "b", "c"];
    let sections: String = names
        .iter()
        .map(|name| on_demand(name, "exit 1 0", &[]))
        .collect();
    let stage = Stage::set(Script {
        programs: &sections,
        more: "[retry]\nbackoff = \"5s\"\nbackoff_max = \"5s\"\njitter = 0.0\n",
        ..Script::default()
    });
    for name in names {
        stage.start(name);
    }
    stage
        .dingtalk
        .wait_until_shown("looks like trouble of the host");
    stage.fence();
    for name in names {
        assert_eq!(stage.spawns(name), 1);
    }
}
