//! The forms of a message, and whom it calls.

use serde_json::json;

use super::stage::{Script, Stage, on_demand};
use crate::support::programs;

#[test]
fn text_with_a_keyword_and_people() {
    let stage = Stage::set(Script {
        programs: &on_demand("broken", "exit 3 0", &[]),
        dingtalk: "message_type = \"text\"\nkeyword = \"值班\"\nat_mobiles = [\"13800000000\"]\n\
                   at_user_ids = [\"u1\"]\nat_all = true\n",
        more: "[[program]]\nmatch = \"bro*\"\nat_mobiles = [\"13911111111\"]\nrunbook = \"https://wiki/broken\"",
        arguments: &["--keyword", "值班"],
        ..Script::default()
    });
    stage.start("broken");
    let message = stage.dingtalk.wait_until_shown("FATAL: broken");
    for words in [
        "值班",
        "@13800000000",
        "@13911111111",
        "@u1",
        "@all",
        "https://wiki/broken",
    ] {
        assert!(message.contains(words), "no {words:?} in {message}");
    }
    let sent = &stage.dingtalk.messages()[0]["message"];
    assert_eq!(sent["msgtype"], "text");
    assert_eq!(
        sent["at"],
        json!({"atMobiles": ["13800000000", "13911111111"], "atUserIds": ["u1"], "isAtAll": true})
    );
}

#[test]
fn markdown_in_chinese() {
    let stage = Stage::set(Script {
        programs: &on_demand("broken", "exit 3 0", &[]),
        alert: "language = \"zh\"\n",
        dingtalk: "at_mobiles = [\"13800000000\"]\n",
        ..Script::default()
    });
    stage.start("broken");
    let message = stage.dingtalk.wait_until_shown("FATAL: broken");
    for words in [
        "supervisord 已放弃启动它",
        "位置",
        "接下来",
        "supervigil 不会自动启动它",
        "@13800000000",
    ] {
        assert!(message.contains(words), "no {words:?} in {message}");
    }
    let sent = &stage.dingtalk.messages()[0]["message"];
    assert_eq!(sent["msgtype"], "markdown");
    let title = sent["markdown"]["title"].as_str().unwrap_or_default();
    assert_eq!(title, format!("FATAL: broken @ {}", super::stage::host()));
    assert_eq!(sent["at"]["atMobiles"], json!(["13800000000"]));
}

#[test]
fn a_recovery_calls_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let behaviour = format!("from-start 2 {}", folder.path().join("starts").display());
    let stage = Stage::set(Script {
        programs: &on_demand("app", &behaviour, &[]),
        dingtalk: "at_mobiles = [\"13800000000\"]\n",
        ..Script::default()
    });
    stage.start("app");
    stage.dingtalk.wait_until_shown("FATAL: app");
    stage.start("app");
    let message = stage.dingtalk.wait_until_shown("Recovered: app");
    assert!(!message.contains("13800000000"), "{message}");
    let messages = stage.dingtalk.messages();
    assert_eq!(
        messages.last().map(|it| &it["message"]["at"]["atMobiles"]),
        Some(&json!([]))
    );
}

#[test]
fn a_storm_is_one_message() {
    let names: Vec<_> = (0..6).map(|number| format!("node_{number}")).collect();
    let mut sections: String = names
        .iter()
        .map(|name| on_demand(name, "exit 1 0", &[]))
        .collect();
    sections += &programs::healthy("web");
    let stage = Stage::set(Script {
        programs: &sections,
        alert: "group_wait = \"8s\"\n",
        ..Script::default()
    });
    for name in &names {
        stage.start(name);
    }
    let message = stage.dingtalk.wait_until_shown("6 failing");
    for name in &names {
        assert!(message.contains(name.as_str()), "no {name} in {message}");
    }
    assert_eq!(stage.dingtalk.shown().len(), 1);
}

#[test]
fn a_severity_that_a_channel_does_not_want_is_not_sent() {
    let stage = Stage::set(Script {
        programs: &[
            on_demand("minor", "exit 1 0", &[]),
            on_demand("mute", "exit 1 0", &[]),
        ]
        .concat(),
        dingtalk: "severities = [\"critical\"]\n",
        more: "[[program]]\nmatch = \"minor\"\nseverity = \"warning\"\n\
               [[program]]\nmatch = \"mute\"\nseverity = \"none\"\n",
        ..Script::default()
    });
    stage.start("minor");
    stage.start("mute");
    stage.fence();
    assert_eq!(stage.dingtalk.shown().len(), 1);
    assert_eq!(stage.incidents().len(), 2, "they are shown all the same");
}
