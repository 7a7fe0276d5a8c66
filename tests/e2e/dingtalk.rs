//! What DingTalk answers, and what becomes of the message.

use serde_json::{Value, json};

use super::stage::{SECRET, Script, Stage, config, on_demand};
use crate::support::{
    dingtalk::DingTalk,
    wait::{PATIENCE, wait_for, wait_until},
};

const SENT: &str = "supervigil_notices_sent_total{channel=\"ops\"}";
const UP: &str = "supervigil_channel_up{channel=\"ops\"}";

/// A stage with a program `broken` that fails when it is started.
fn stage() -> Stage {
    Stage::set(Script {
        programs: &on_demand("broken", "gbk 3 0", &[]),
        ..Script::default()
    })
}

fn failed(reason: &str) -> String {
    format!("supervigil_notices_failed_total{{channel=\"ops\",reason=\"{reason}\"}}")
}

/// The only channel, as the API shows it.
fn channel(stage: &Stage) -> Value {
    stage.supervigil.json("/api/v1/status")["channels"][0].clone()
}

/// Waits for a number of requests to the robot.
fn requests(stage: &Stage, count: usize) -> Vec<Value> {
    wait_for(PATIENCE, &format!("{count} requests"), || {
        let all = stage.dingtalk.messages();
        (all.len() >= count).then_some(all)
    })
}

#[test]
fn busy_and_broken_servers_get_the_same_bytes_again() {
    let stage = stage();
    stage.dingtalk.script(&json!([
        {"errcode": -1, "errmsg": "system busy"},
        {"http": 502, "body": "<html>"},
        {"garbage": "not JSON"},
    ]));
    stage.start("broken");
    stage.dingtalk.wait_until_shown("FATAL: broken");
    let messages = requests(&stage, 4);
    for message in &messages {
        assert_eq!(message["body"], messages[0]["body"]);
    }
    wait_until(PATIENCE, "the channel to be well", || {
        stage.metric(UP) == Some(1.0)
    });
    assert_eq!(stage.metric(SENT), Some(1.0));
    for reason in ["busy", "server_error", "unreadable"] {
        assert_eq!(stage.metric(&failed(reason)), Some(1.0), "{reason}");
    }
    assert_eq!(channel(&stage)["length"], 0);
}

#[test]
fn a_lost_answer_shows_nothing_twice() {
    let stage = stage();
    stage
        .dingtalk
        .script(&json!([{"take": true, "close": true}, {"close": true}]));
    stage.start("broken");
    let messages = requests(&stage, 3);
    stage.fence();
    assert_eq!(stage.shown_with("broken"), 1);
    assert_eq!(messages[0]["uuid"], messages[2]["uuid"]);
}

#[test]
fn a_silent_dingtalk_is_asked_again() {
    let stage = stage();
    stage.dingtalk.script(&json!([{"hang": true}]));
    stage.start("broken");
    requests(&stage, 1);
    // supervigil goes on meanwhile.
    assert_eq!(stage.supervigil.get("/-/healthy").0, 200);
    stage.dingtalk.wait_until_shown("FATAL: broken");
    assert_eq!(stage.metric(&failed("timeout")), Some(1.0));
}

#[test]
fn an_unknown_refusal_is_no_success() {
    let stage = stage();
    stage
        .dingtalk
        .script(&json!([{"errcode": 987_654, "errmsg": "something else"}]));
    stage.start("broken");
    stage.dingtalk.wait_until_shown("FATAL: broken");
    let messages = requests(&stage, 2);
    assert_ne!(
        messages[0]["uuid"], messages[1]["uuid"],
        "it was refused for sure"
    );
    assert_eq!(stage.metric(&failed("refused")), Some(1.0));
    assert!(stage.supervigil.log().contains("something else"));
}

#[test]
fn a_throttled_robot_is_left_alone() {
    let stage = stage();
    stage
        .dingtalk
        .script(&json!([{"errcode": 130_101, "errmsg": "send too fast"}]));
    stage.start("broken");
    wait_until(PATIENCE, "the freeze", || {
        channel(&stage)["frozen_until"].is_string()
    });
    let shown = channel(&stage);
    assert_eq!((&shown["up"], &shown["length"]), (&json!(false), &json!(1)));
    assert_eq!(stage.metric(UP), Some(0.0));
    assert_eq!(stage.metric(&failed("throttled")), Some(1.0));
    let until = stage.metric("supervigil_channel_frozen_until_timestamp_seconds{channel=\"ops\"}");
    let now = jiff::Timestamp::now().as_second();
    let now = f64::from(i32::try_from(now).expect("before 2038"));
    let seconds = until.expect("a time") - now;
    assert!((500.0..=601.0).contains(&seconds), "{seconds} s");
}

#[test]
fn too_long_a_message_goes_out_with_less_in_it() {
    for code in [460_101, 430_104] {
        let stage = Stage::set(Script {
            programs: &on_demand("broken", "exit 3 0", &[]),
            ..Script::default()
        });
        stage
            .dingtalk
            .script(&json!([{"errcode": code, "errmsg": "no"}]));
        stage.start("broken");
        stage.dingtalk.wait_until_shown("FATAL: broken");
        let messages = requests(&stage, 2);
        let length = |at: usize| messages[at]["body"].as_str().map_or(0, str::len);
        assert!(length(1) <= length(0));
        assert_ne!(messages[0]["uuid"], messages[1]["uuid"]);
    }
}

#[test]
fn the_other_channel_is_told_of_a_dead_one() {
    let night = DingTalk::start(&[]);
    let mut stage = Stage::set(Script {
        programs: &on_demand("broken", "exit 3 0", &[]),
        more: &night.table("night", ""),
        ..Script::default()
    });
    stage
        .dingtalk
        .script(&json!([{"errcode": 300_001, "errmsg": "token is not exist"}]));
    stage.start("broken");
    night.wait_until_shown("FATAL: broken");
    let told = night.wait_until_shown("The channel ops takes no messages");
    assert!(told.contains("token is not exist"), "{told}");
    assert!(
        !told.contains("access_token"),
        "the address stays secret: {told}"
    );
    stage.supervigil.terminate();
    stage.supervigil.start_again();
    stage.dingtalk.wait_until_shown("FATAL: broken");
    night.wait_until_shown("The channel ops takes messages again");
}

#[test]
fn a_malformed_request_is_dropped_and_counted() {
    let stage = stage();
    stage
        .dingtalk
        .script(&json!([{"errcode": 40_035, "errmsg": "invalid parameter"}]));
    stage.start("broken");
    let dropped = "supervigil_notices_dropped_total{channel=\"ops\",reason=\"rejected\"}";
    wait_until(PATIENCE, "the drop", || stage.metric(dropped) == Some(1.0));
    stage.fence();
    assert_eq!(stage.shown_with("FATAL: broken"), 0);
    assert!(
        stage.shown_with("could not be delivered") >= 1,
        "the loss is told"
    );
    assert!(stage.supervigil.log().contains("a mistake in supervigil"));
}

#[test]
fn a_wrong_secret_is_said_and_mended_by_a_reload() {
    let stage = stage();
    let right = config(&stage.supervisord, &stage.dingtalk, Script::default());
    stage
        .supervigil
        .rewrite_config(&right.replace(SECRET, "SECwrong"));
    stage.supervigil.hup();
    wait_until(PATIENCE, "the reload", || {
        stage.supervigil.log().contains("configuration reloaded")
    });
    stage.start("broken");
    wait_until(PATIENCE, "the refusal", || channel(&stage)["up"] == false);
    let error = channel(&stage)["error"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(
        error.contains("sign not match") && error.contains("`secret`"),
        "{error}"
    );
    assert_eq!(stage.metric(&failed("misconfigured")), Some(1.0));
    stage.supervigil.rewrite_config(&right);
    stage.supervigil.hup();
    stage.dingtalk.wait_until_shown("FATAL: broken");
    wait_until(PATIENCE, "the channel to be well", || {
        channel(&stage)["up"] == true
    });
}

#[test]
fn a_dead_token_is_said_and_mended_by_a_reload() {
    let stage = stage();
    let right = config(&stage.supervisord, &stage.dingtalk, Script::default());
    stage
        .dingtalk
        .script(&json!([{"errcode": 300_001, "errmsg": "token is not exist"}]));
    stage.start("broken");
    wait_until(PATIENCE, "the refusal", || channel(&stage)["up"] == false);
    let log = stage.supervigil.log();
    assert!(log.contains("copy the robot's address again"), "{log}");
    stage.supervigil.rewrite_config(&right);
    stage.supervigil.hup();
    stage.dingtalk.wait_until_shown("FATAL: broken");
}

#[test]
fn a_dingtalk_out_of_reach_gets_everything_later() {
    let stage = stage();
    let right = config(&stage.supervisord, &stage.dingtalk, Script::default());
    let port = crate::support::supervigil::free_port();
    let nowhere = format!("http://127.0.0.1:{port}/robot/send?access_token=the-token");
    stage
        .supervigil
        .rewrite_config(&right.replace(stage.dingtalk.webhook(), &nowhere));
    stage.supervigil.hup();
    wait_until(PATIENCE, "the reload", || {
        stage.supervigil.log().contains("configuration reloaded")
    });
    stage.start("broken");
    wait_until(PATIENCE, "the failure", || {
        stage.metric(&failed("unreachable")) >= Some(1.0)
    });
    assert_eq!(channel(&stage)["length"], 1);
    stage.supervigil.rewrite_config(&right);
    stage.supervigil.hup();
    stage.dingtalk.wait_until_shown("FATAL: broken");
}
