//! SIGHUP, SIGTERM, and a second supervigil.

use std::{
    fs,
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::Signal;
use serde_json::json;

use super::stage::{Script, Stage, config, on_demand};
use crate::support::{
    programs,
    supervigil::free_port,
    wait::{PATIENCE, wait_until},
};

const RELOADED: &str = "supervigil_config_last_reload_successful";

/// The whole stop, at most.
const STOP_MAX: Duration = Duration::from_secs(10);

#[test]
fn a_reload_takes_a_good_file_into_force() {
    let stage = Stage::set(Script {
        programs: &on_demand("broken", "exit 3 0", &[]),
        ..Script::default()
    });
    assert_eq!(stage.metric(RELOADED), Some(1.0));
    let script = Script {
        alert: "language = \"zh\"\n",
        ..Script::default()
    };
    stage
        .supervigil
        .rewrite_config(&config(&stage.supervisord, &stage.dingtalk, script));
    stage.supervigil.hup();
    wait_until(PATIENCE, "the reload", || {
        stage.supervigil.log().contains("configuration reloaded")
    });
    stage.start("broken");
    let message = stage.dingtalk.wait_until_shown("FATAL: broken");
    assert!(message.contains("已放弃启动它"), "{message}");
    assert_eq!(stage.metric(RELOADED), Some(1.0));
}

#[test]
fn a_bad_file_changes_nothing_and_is_said() {
    let stage = Stage::set(Script {
        programs: &on_demand("broken", "exit 3 0", &[]),
        ..Script::default()
    });
    let good = config(&stage.supervisord, &stage.dingtalk, Script::default());
    let bad = good.replace("group_wait = \"100ms\"", "group_wait = \"soon\"");
    stage.supervigil.rewrite_config(&bad);
    stage.supervigil.hup();
    wait_until(PATIENCE, "the refusal", || {
        stage.metric(RELOADED) == Some(0.0)
    });
    let log = stage.supervigil.log();
    assert!(
        log.contains("alert.group_wait") && log.contains("the old one stays in force"),
        "{log}"
    );
    let status = stage.supervigil.json("/api/v1/status");
    assert_eq!(status["config"]["last_reload_successful"], false);
    stage.start("broken");
    stage.dingtalk.wait_until_shown("FATAL: broken");

    stage.supervigil.rewrite_config(&good);
    stage.supervigil.hup();
    wait_until(PATIENCE, "the reload", || {
        stage.metric(RELOADED) == Some(1.0)
    });
    stage.fence();
    assert_eq!(
        stage.shown_with("FATAL: broken"),
        1,
        "a reload tells nothing again"
    );
}

#[test]
fn a_reload_brings_programs_rules_and_supervisords_in_and_out() {
    let stage = Stage::set(Script {
        programs: &on_demand("batch", "exit 3 0", &[]),
        ..Script::default()
    });
    stage.start("batch");
    stage.dingtalk.wait_until_shown("FATAL: batch");
    let more = "[[program]]\nmatch = \"batch\"\nexpect = \"any\"\n";
    let script = Script {
        more,
        ..Script::default()
    };
    stage
        .supervigil
        .rewrite_config(&config(&stage.supervisord, &stage.dingtalk, script));
    stage.supervigil.hup();
    stage.wait_until_closed("batch", "removed");
}

#[test]
fn a_stop_is_quick_and_clean() {
    let mut stage = Stage::set(Script {
        programs: &programs::healthy("web"),
        ..Script::default()
    });
    let (status, took) = stage.supervigil.terminate();
    assert_eq!(status.code(), Some(0));
    assert!(took < STOP_MAX, "{took:?}");
    assert!(stage.supervigil.log().contains("supervigil has stopped"));
    assert_eq!(stage.supervisord.state("web").as_deref(), Some("RUNNING"));
}

#[test]
fn a_stop_is_in_time_while_everybody_hangs_and_loses_nothing() {
    let mut stage = Stage::set(Script {
        programs: &on_demand("broken", "exit 3 0", &[]),
        supervisord: "timeout = \"60s\"\n",
        ..Script::default()
    });
    stage.dingtalk.script(&json!([{"hang": true}]));
    stage.start("broken");
    wait_until(PATIENCE, "the message to be under way", || {
        !stage.dingtalk.messages().is_empty()
    });
    stage.supervisord.signal(Signal::STOP);
    let (status, took) = stage.supervigil.terminate();
    assert_eq!(status.code(), Some(0), "{}", stage.supervigil.log());
    assert!(took < STOP_MAX, "{took:?}");
    stage.supervisord.signal(Signal::CONT);
    stage.supervigil.start_again();
    stage.dingtalk.wait_until_shown("FATAL: broken");
    let messages = stage.dingtalk.messages();
    assert_eq!(
        messages[0]["uuid"], messages[1]["uuid"],
        "it may have arrived"
    );
}

#[test]
fn a_second_signal_stops_at_once() {
    let mut stage = Stage::set(Script {
        programs: &on_demand("broken", "exit 3 0", &[]),
        ..Script::default()
    });
    stage.dingtalk.script(&json!([{"hang": true}]));
    stage.start("broken");
    wait_until(PATIENCE, "the message to be under way", || {
        !stage.dingtalk.messages().is_empty()
    });
    stage.supervigil.signal(Signal::TERM);
    wait_until(PATIENCE, "the stop to begin", || {
        stage
            .supervigil
            .log()
            .contains("finishing the starts and messages under way")
    });
    let (status, took) = stage.supervigil.terminate();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[test]
fn a_second_one_on_the_same_database_says_so() {
    let stage = Stage::set(Script::default());
    let other = fs::read_to_string(stage.supervigil.config_path()).expect("its configuration");
    let other = other.replace(
        &stage.supervigil.address(),
        &format!("127.0.0.1:{}", free_port()),
    );
    let (code, text) = second(&other);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("is in use: stop the other supervigil"),
        "{text}"
    );
}

#[test]
fn a_second_one_on_the_same_port_says_so() {
    let stage = Stage::set(Script::default());
    let other = fs::read_to_string(stage.supervigil.config_path()).expect("its configuration");
    let other = other.replace("supervigil.db", "other.db");
    let (code, text) = second(&other);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(&stage.supervigil.address()), "{text}");
    assert_eq!(
        text.matches("supervigil: ").count(),
        1,
        "one sentence: {text}"
    );
}

/// Runs another daemon that must end by itself: its exit code and what it said.
fn second(config: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("supervigil.toml");
    fs::write(&file, config).expect("a file");
    let output = Command::new("timeout")
        .arg("25")
        .arg(env!("CARGO_BIN_EXE_supervigil"))
        .arg("--config")
        .arg(file)
        .arg("run")
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}
