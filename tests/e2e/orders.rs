//! Silences, holds and maintenance windows, as people give them.

use std::process::Output;

use serde_json::json;

use super::stage::{Script, Stage, on_demand};
use crate::support::wait::{PATIENCE, wait_until};

const CONTROL: &str = "[http]\ncontrol = true";

fn stage(more: &str) -> Stage {
    Stage::set(Script {
        programs: &on_demand("app", "exit 3 0", &[]),
        more,
        ..Script::default()
    })
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn complained(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr.clone()).expect("text")
}

#[test]
fn a_silence_keeps_quiet_and_its_end_tells() {
    let mut stage = stage(CONTROL);
    let order = [
        "silence",
        "app",
        "--for",
        "1h",
        "--reason",
        "disk swap",
        "--author",
        "li",
    ];
    let answer = said(&stage.supervigil.command(&order));
    assert!(answer.contains("nobody is told of app until"), "{answer}");
    stage.start("app");
    stage.supervigil.wait_for_incident("app", "fatal");
    stage.fence();
    assert_eq!(stage.shown_with("FATAL: app"), 0);
    let suppressed = "supervigil_notices_suppressed_total{reason=\"silence\"}";
    assert_eq!(stage.metric(suppressed), Some(1.0));

    // It is durable.
    stage.supervigil.kill9();
    stage.supervigil.start_again();
    let listed = said(&stage.supervigil.command(&["holds"]));
    assert!(listed.contains("by li: disk swap"), "{listed}");
    let silences = stage.supervigil.json("/api/v1/silences");
    let silence = &silences["silences"][0];
    assert_eq!(silence["pattern"], "app");
    let id = silence["id"].as_str().expect("an id").to_owned();
    stage.wait_until_ready();
    assert_eq!(stage.shown_with("FATAL: app"), 0);

    said(
        &stage
            .supervigil
            .command(&["unsilence", &id, "--author", "wang"]),
    );
    stage.dingtalk.wait_until_shown("FATAL: app");
    assert_eq!(
        stage.supervigil.json("/api/v1/silences"),
        json!({"silences": []})
    );
    let audit = stage.supervigil.json("/api/v1/audit");
    let lines = audit["audit"].as_array().expect("a list").iter();
    let lines: Vec<_> = lines
        .map(|line| (&line["author"], &line["action"]))
        .collect();
    let (li, wang) = (json!("li"), json!("wang"));
    let (silence, end) = (json!("silence"), json!("end_silence"));
    assert_eq!(lines, [(&wang, &end), (&li, &silence)]);
}

#[test]
fn a_hold_has_nothing_started() {
    let retry = format!("{CONTROL}\n[retry]\nbackoff = \"1s\"\nbackoff_max = \"1s\"");
    let stage = stage(&retry);
    said(
        &stage
            .supervigil
            .command(&["hold", "app", "--reason", "core dump", "--author", "li"]),
    );
    let held = |stage: &Stage| {
        stage.supervigil.json("/api/v1/processes?name=app")["processes"][0]["held"].clone()
    };
    assert_eq!(held(&stage), json!(true));
    stage.start("app");
    let message = stage.dingtalk.wait_until_shown("FATAL: app");
    assert!(message.contains("the hold of li says so"), "{message}");
    // A retry of another program is through before anything is concluded of this one.
    stage.fence();
    wait_until(PATIENCE, "the other to be started", || {
        stage.spawns("fence") >= 2
    });
    assert_eq!(stage.spawns("app"), 1);
    said(&stage.supervigil.command(&["release", "app"]));
    assert_eq!(held(&stage), json!(false));
    wait_until(PATIENCE, "it to be started", || stage.spawns("app") >= 2);
}

#[test]
fn a_maintenance_window_is_open_and_shown() {
    let window =
        "[[maintenance]]\nmatch = \"app\"\nfrom = \"00:00\"\nto = \"24:00\"\ntimezone = \"UTC\"\n";
    let stage = stage(window);
    stage.start("app");
    stage.supervigil.wait_for_incident("app", "fatal");
    stage.fence();
    assert_eq!(stage.shown_with("FATAL: app"), 0);
    let listed = said(&stage.supervigil.command(&["holds"]));
    assert!(listed.starts_with("maintenance app  until "), "{listed}");
    let (_, page) = stage.supervigil.get("/?lang=en");
    assert!(page.contains("maintenance"), "{page}");
}

#[test]
fn orders_are_off_unless_they_are_wanted() {
    let stage = stage("");
    let order = ["silence", "app", "--for", "1h", "--reason", "disk swap"];
    let complaint = complained(&stage.supervigil.command(&order));
    assert!(
        complaint.contains("set [http] control = true"),
        "{complaint}"
    );
    said(&stage.supervigil.command(&["holds"]));
}

#[test]
fn pages_and_proxies_give_no_orders() {
    let stage = stage(CONTROL);
    let json = ("Content-Type", "application/json");
    for (headers, status) in [
        (vec![json, ("Origin", "http://evil.example")], 403),
        (vec![json, ("Sec-Fetch-Site", "cross-site")], 403),
        (vec![json, ("X-Forwarded-For", "10.0.0.1")], 403),
        (vec![("Content-Type", "text/plain")], 415),
        (vec![json], 400),
    ] {
        for path in ["silences", "silences/end", "holds", "holds/release"] {
            let path = format!("/api/v1/{path}");
            let answer = stage.supervigil.request("POST", &path, &headers);
            let answer = answer.expect("an answer");
            assert_eq!(answer.status, status, "{path} {headers:?}: {}", answer.body);
        }
    }
    for path in ["/api/v1/silences/end", "/api/v1/holds/release"] {
        assert_eq!(stage.supervigil.get(path).0, 405);
    }
    assert_eq!(stage.supervigil.json("/api/v1/audit"), json!({"audit": []}));
}

#[test]
fn a_wrong_order_is_said_to_be_one() {
    let stage = stage(CONTROL);
    for (order, words) in [
        (vec!["hold", "nobody"], "no program is called \"nobody\""),
        (vec!["release", "app"], "main/app is not held"),
        (vec!["unsilence", "01J"], "no silence has the id 01J"),
        (
            vec!["silence", "app", "--for", "soon", "--reason", "x"],
            "\"soon\" is not a duration",
        ),
        (
            vec!["silence", "app[", "--for", "1h", "--reason", "x"],
            "is not a pattern",
        ),
        (
            vec!["silence", "app", "--for", "1h", "--reason", " "],
            "the reason is missing",
        ),
        (
            vec!["silence", "app", "--for", "9999d", "--reason", "x"],
            "it must last from 1s to 366d",
        ),
    ] {
        let complaint = complained(&stage.supervigil.command(&order));
        assert!(complaint.contains(words), "{order:?}: {complaint}");
    }
}
