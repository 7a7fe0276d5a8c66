//! Programs that supervisord gives up on.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::stage::{Script, Stage, host, keys, on_demand};
use crate::support::{
    programs,
    supervisord::Release,
    wait::{PATIENCE, wait_until},
};

crate::each_release!(
    an_early_exit_is_told_once,
    a_missing_binary_is_told_with_its_reason
);

/// A retry that is planned, and far away.
const LATER: &str = "[retry]\nbackoff = \"1h\"\nbackoff_max = \"1h\"";

fn an_early_exit_is_told_once(release: Release) {
    let broken = on_demand("broken", "exit 3 0", &[]);
    let stage = Stage::set(Script {
        release,
        programs: &[programs::healthy("web"), broken].concat(),
        more: LATER,
        ..Script::default()
    });
    stage.start("broken");
    let message = stage.dingtalk.wait_until_shown("FATAL: broken");
    for words in [
        &host(),
        "supervisord main · broken",
        "supervisord gave up starting it",
        "Exited too quickly (process log may have details)",
        "(attempt 1 of 5)",
    ] {
        assert!(message.contains(words), "no {words:?} in {message}");
    }

    is_as_documented(&stage.supervigil.wait_for_incident("broken", "fatal"));

    stage.fence();
    assert_eq!(stage.shown_with("FATAL: broken"), 1);
    assert_eq!(stage.incidents().len(), 1);
    assert!(
        stage
            .dingtalk
            .messages()
            .iter()
            .all(|one| one["accepted"] == true)
    );
    let sent = "supervigil_notices_sent_total{channel=\"ops\"}";
    wait_until(PATIENCE, "both to count as sent", || {
        stage.metric(sent) == Some(2.0)
    });
}

/// An incident in JSON, to the letter.
fn is_as_documented(incident: &Value) {
    let mut wanted = vec![
        "id",
        "server",
        "group",
        "name",
        "kind",
        "severity",
        "opened_at",
        "closed_at",
        "outcome",
        "exit",
        "spawn_error",
        "attempts",
        "next_attempt_at",
        "log_tail",
    ];
    wanted.sort_unstable();
    assert_eq!(keys(incident), wanted);
    assert_eq!(incident["id"].as_str().map(str::len), Some(26), "a ULID");
    for (key, value) in [
        ("server", json!("main")),
        ("group", json!("broken")),
        ("severity", json!("critical")),
        ("closed_at", json!(null)),
        ("outcome", json!(null)),
        // supervisord erases the code in FATAL, and its main log has it.
        ("exit", json!({"code": 3})),
        (
            "spawn_error",
            json!("Exited too quickly (process log may have details)"),
        ),
        ("attempts", json!(0)),
        ("log_tail", json!([])),
    ] {
        assert_eq!(incident[key], value, "{key}");
    }
    for time in ["opened_at", "next_attempt_at"] {
        let text = incident[time].as_str().unwrap_or_default();
        let is_time = text.parse::<jiff::Timestamp>().is_ok();
        assert!(
            is_time && text.len() == 24 && text.ends_with('Z'),
            "{time}: {text}"
        );
    }
}

/// The waits grow, so that few messages come in a long night; a restart of supervigil begins nothing anew.
#[test]
fn what_stays_down_is_reminded_of_over_a_restart() {
    let mut stage = Stage::set(Script {
        programs: &on_demand("app", "exit 3 0", &[]),
        alert: "reminders = [\"2s\", \"1h\"]",
        ..Script::default()
    });
    stage.start("app");
    stage.dingtalk.wait_until_shown("FATAL: app");
    let reminder = stage.dingtalk.wait_until_shown("Reminder · FATAL: app");
    assert!(reminder.contains("Still so, after"), "{reminder}");
    assert!(stage.supervigil.terminate().0.success());
    stage.supervigil.start_again();
    stage.wait_until_ready();
    stage.fence();
    assert_eq!(stage.shown_with("Reminder · FATAL: app"), 1);
    assert_eq!(stage.incidents().len(), 1);
}

fn a_missing_binary_is_told_with_its_reason(release: Release) {
    let folder = tempfile::tempdir().expect("a folder");
    let stage = Stage::set(Script {
        release,
        programs: &of_file(folder.path()),
        ..Script::default()
    });
    stage.supervisord.wait_for_state("app", "RUNNING");
    fs::remove_file(folder.path().join("app")).expect("it is there");
    stage.kill("app", Signal::KILL);
    let message = stage.dingtalk.wait_until_shown("FATAL: app");
    assert!(message.contains("can't find command"), "{message}");
    assert!(message.contains("supervisorctl start app"), "{message}");
    let incident = stage.supervigil.wait_for_incident("app", "fatal");
    let why = incident["spawn_error"].as_str().unwrap_or_default();
    assert!(why.starts_with("can't find command"), "{why}");
    assert_eq!(
        incident["next_attempt_at"],
        json!(null),
        "nothing is started without [retry]"
    );
    let last = stage.wait_for_transition("app", "be FATAL", |one| one["to"] == "FATAL");
    assert_eq!(last["cause"], "spawn_error");
    let opened = stage.supervigil.wait_for_json(
        "/api/v1/notices?name=app",
        "that DingTalk took it",
        |answer| {
            let notice = &answer["notices"][0];
            (notice["deliveries"]["ops"] == "taken").then(|| notice.clone())
        },
    );
    assert_eq!(opened["reason"], "opened");
    assert_eq!(opened["incidents"][0]["id"], incident["id"]);
}

#[test]
fn a_file_that_is_no_program_is_told_with_its_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let stage = Stage::set(Script {
        programs: &of_file(folder.path()),
        ..Script::default()
    });
    stage.supervisord.wait_for_state("app", "RUNNING");
    let readable = fs::Permissions::from_mode(0o644);
    fs::set_permissions(folder.path().join("app"), readable).expect("it is there");
    stage.kill("app", Signal::KILL);
    let message = stage.dingtalk.wait_until_shown("FATAL: app");
    assert!(message.contains("is not executable"), "{message}");
    assert_eq!(stage.shown_with("FATAL: app"), 1);
}

#[test]
fn a_folder_that_is_not_there_is_told() {
    let lost = on_demand("lost", "sleep", &["directory=/nonexistent"]);
    let stage = Stage::set(Script {
        programs: &lost,
        ..Script::default()
    });
    stage.start("lost");
    let message = stage.dingtalk.wait_until_shown("FATAL: lost");
    assert!(message.contains("Why"), "{message}");
    let incident = stage.supervigil.wait_for_incident("lost", "fatal");
    assert_ne!(incident["spawn_error"], "");
}

#[test]
fn the_end_of_its_log_comes_with_it() {
    let stage = Stage::set(Script {
        programs: &on_demand("talks", "gbk 3 0.1", &[]),
        alert: "group_wait = \"1s\"\n",
        ..Script::default()
    });
    stage.start("talks");
    let message = stage.dingtalk.wait_until_shown("FATAL: talks");
    assert!(message.contains("中文日志"), "{message}");
}

/// A program `app` that runs from a file of its own.
fn of_file(folder: &Path) -> String {
    let file = folder.join("app");
    fs::copy("/bin/sleep", &file).expect("a program to copy");
    format!(
        "[program:app]\ncommand={} 1000000\nstartsecs=0\nstartretries=0\nautorestart=true\n",
        file.display()
    )
}
