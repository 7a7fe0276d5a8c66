//! `status`, `test-notify` and the command line itself.

use std::process::Output;

use serde_json::{Value, json};

use super::stage::{SECRET, Script, Stage, config, on_demand};
use crate::support::{
    programs,
    supervigil::command,
    supervisord::Release,
    wait::{PATIENCE, wait_until},
};

crate::each_release!(status_shows_every_program_and_says_whether_all_is_well);

fn text(output: &Output) -> String {
    let all = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&all).into_owned()
}

fn run(arguments: &[&str]) -> Output {
    let arguments: Vec<_> = arguments.iter().map(|text| (*text).to_owned()).collect();
    command(&arguments)
}

fn status_shows_every_program_and_says_whether_all_is_well(release: Release) {
    let left = ["startsecs=0", "autorestart=false"];
    let mut stage = Stage::set(Script {
        release,
        programs: &[
            programs::healthy("web"),
            programs::exits("done", 0, 0.0, &left),
            on_demand("broken", "exit 3 0", &[]),
        ]
        .concat(),
        ..Script::default()
    });
    stage.supervisord.wait_for_state("done", "EXITED");
    let output = stage.supervigil.command(&["status"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let table = text(&output);
    assert!(
        table
            .lines()
            .next()
            .is_some_and(|line| line.starts_with("PROGRAM")),
        "{table}"
    );
    assert!(table.contains("ended as it is expected to"), "{table}");

    stage.start("broken");
    stage.supervisord.wait_for_state("broken", "FATAL");
    let output = stage.supervigil.command(&["status", "-o", "json"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    let all: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let rows = all["processes"].as_array().expect("a list");
    let row = rows
        .iter()
        .find(|one| one["name"] == "broken")
        .expect("it is listed");
    assert_eq!(row["state"], "FATAL");
    assert_eq!(row["as_expected"], false);
    assert!(
        row["why"]
            .as_str()
            .is_some_and(|why| why.contains("Exited too quickly")),
        "{row}"
    );
    let row = rows
        .iter()
        .find(|one| one["name"] == "web")
        .expect("it is listed");
    assert_eq!(row["pid"], json!(stage.supervisord.pid_of("web")));

    stage.supervisord.kill9();
    let output = stage.supervigil.command(&["status"]);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output));
    let output = stage.supervigil.command(&["status", "-o", "json"]);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output));
    serde_json::from_slice::<Value>(&output.stdout).expect("JSON, whatever happens");
}

#[test]
fn test_notify_sends_one_of_each_kind() {
    let stage = Stage::set(Script::default());
    let output = stage.supervigil.command(&["test-notify"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let shown = stage.dingtalk.shown();
    for fact in [
        "FATAL: supervigil:test_fatal",
        "Unexpected exit",
        "Keeps failing to start",
        "supervisord does not answer",
        "Crash loop",
        "Flapping",
        "It got worse",
        "Reminder",
        "Recovered",
    ] {
        let told = shown.iter().filter(|message| message.contains(fact));
        assert_ne!(told.count(), 0, "{fact}: {shown:?}");
    }
    assert_eq!(text(&output).matches(": taken").count(), shown.len());
    assert!(
        shown.iter().all(|message| message.contains("test")),
        "{shown:?}"
    );
}

#[test]
fn test_notify_tells_what_dingtalk_said() {
    let stage = Stage::set(Script::default());
    let right = config(&stage.supervisord, &stage.dingtalk, Script::default());
    stage
        .supervigil
        .rewrite_config(&right.replace(SECRET, "SECwrong"));
    let output = stage.supervigil.command(&["test-notify"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(
        text(&output).contains("sign not match"),
        "{}",
        text(&output)
    );
    assert!(!text(&output).contains("SECwrong"), "{}", text(&output));
    assert_eq!(stage.dingtalk.shown().len(), 0);
}

#[test]
fn test_notify_can_be_tried_dry_and_on_one_channel() {
    let other = "[[webhook]]\nname = \"hook\"\nurl = \"http://127.0.0.1:1/\"\n";
    let stage = Stage::set(Script {
        more: other,
        ..Script::default()
    });
    let output = stage.supervigil.command(&["test-notify", "--dry-run"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("msgtype"), "{}", text(&output));
    assert_eq!(stage.dingtalk.messages().len(), 0);
    let output = stage
        .supervigil
        .command(&["test-notify", "--channel", "ops"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let output = stage
        .supervigil
        .command(&["test-notify", "--channel", "nosuch"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(
        text(&output).contains("no channel is called \"nosuch\""),
        "{}",
        text(&output)
    );
    assert!(text(&output).contains("ops, hook"), "{}", text(&output));
}

#[test]
fn the_command_line_explains_itself() {
    let help = run(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    for word in [
        "run",
        "check",
        "status",
        "watch",
        "test-notify",
        "--config",
        "78",
    ] {
        assert!(text(&help).contains(word), "no {word} in {}", text(&help));
    }
    assert_eq!(run(&["--version"]).status.code(), Some(0));
    for wrong in [
        &["nosuch"][..],
        &["status", "-o", "xml"],
        &["run", "--nosuch"],
        &[],
    ] {
        let output = run(wrong);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{wrong:?}: {}",
            text(&output)
        );
        assert!(!output.stderr.is_empty(), "{wrong:?}");
    }
}

#[test]
fn a_webhook_gets_the_notice_as_json() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (bodies, received) = std::sync::mpsc::channel();
    std::thread::spawn(move || super::stage::take_posts(&listener, &bodies));
    let stage = Stage::set(Script {
        programs: &on_demand("broken", "exit 3 0", &[]),
        more: &format!("[[webhook]]\nname = \"hook\"\nurl = \"http://127.0.0.1:{port}/\"\n"),
        ..Script::default()
    });
    stage.start("broken");
    let body = received.recv_timeout(PATIENCE).expect("a notice");
    let notice: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(
        super::stage::keys(&notice),
        ["id", "incidents", "reason", "version"]
    );
    assert_eq!(
        (&notice["version"], &notice["reason"]),
        (&json!(1), &json!("opened"))
    );
    let incident = stage.supervigil.wait_for_incident("broken", "fatal");
    assert_eq!(notice["incidents"][0]["id"], incident["id"]);
    assert_eq!(
        super::stage::keys(&notice["incidents"][0]),
        super::stage::keys(&incident)
    );
    let sent = "supervigil_notices_sent_total{channel=\"hook\"}";
    wait_until(PATIENCE, "it to count as sent", || {
        stage.metric(sent) == Some(1.0)
    });
}
