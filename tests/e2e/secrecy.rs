//! The robot's token and secret, and supervisord's password, are shown nowhere.

use serde_json::json;

use super::stage::{SECRET, Script, Stage, on_demand};
use crate::support::wait::{PATIENCE, wait_until};

#[test]
fn no_secret_is_shown_anywhere() {
    let stage = Stage::set(Script {
        programs: &on_demand("broken", "exit 3 0", &[]),
        more: "[log]\nlevel = \"trace\"\n",
        ..Script::default()
    });
    // Refusals that quote the request, an answer that cannot be read, no answer at all.
    stage.dingtalk.script(&json!([
        {"errcode": 987, "errmsg": "bad access_token=the-token"},
        {"garbage": "the-token"},
        {"close": true},
    ]));
    stage.start("broken");
    stage.dingtalk.wait_until_shown("FATAL: broken");
    let outputs = [
        stage.supervigil.command(&["check"]),
        stage.supervigil.command(&["status", "-o", "json"]),
        stage.supervigil.command(&["test-notify", "--dry-run"]),
        stage.supervigil.command(&["test-notify"]),
    ];
    let mut places: Vec<_> = outputs
        .iter()
        .map(|it| {
            format!(
                "{}{}",
                String::from_utf8_lossy(&it.stdout),
                String::from_utf8_lossy(&it.stderr)
            )
        })
        .collect();
    for path in [
        "/",
        "/metrics",
        "/api/v1/status",
        "/api/v1/incidents",
        "/api/v1/transitions",
        "/api/v1/processes",
    ] {
        places.push(stage.supervigil.get(path).1);
    }
    wait_until(PATIENCE, "the success to be logged", || {
        stage
            .supervigil
            .log()
            .contains("the receiver took the message")
    });
    places.push(stage.supervigil.log());
    let database = std::fs::read(stage.supervigil.database()).expect("a database");
    places.push(String::from_utf8_lossy(&database).into_owned());
    for place in places {
        for secret in ["the-token", SECRET] {
            assert!(!place.contains(secret), "{secret} in:\n{place}");
        }
    }
}

#[test]
fn no_secret_is_shown_where_the_robot_is_out_of_reach() {
    let stage = Stage::set(Script {
        programs: &on_demand("broken", "exit 3 0", &[]),
        more: "[[dingtalk]]\nname = \"lost\"\n\
               webhook = \"http://127.0.0.1:1/robot/send?access_token=lost-token\"\nsecret = \"SEClost\"\n",
        ..Script::default()
    });
    stage.start("broken");
    let failed = "supervigil_notices_failed_total{channel=\"lost\",reason=\"unreachable\"}";
    wait_until(PATIENCE, "the failure", || {
        stage.metric(failed) >= Some(1.0)
    });
    let output = stage
        .supervigil
        .command(&["test-notify", "--channel", "lost"]);
    assert_eq!(output.status.code(), Some(1));
    for place in [
        stage.supervigil.log(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
        stage.supervigil.get("/api/v1/status").1,
        stage.supervigil.get("/").1,
    ] {
        assert!(
            !place.contains("lost-token") && !place.contains("SEClost"),
            "{place}"
        );
    }
}
