//! What is told beside incidents.

use crate::{
    model::{ChannelTrouble, Heartbeat, Notice, NoticeReason},
    notify::Language,
};

use super::tests::{notice, render};

#[test]
fn another_channel_is_told_of_in_its_last_state() {
    let told = |name: &str, why: Option<&str>, time| Notice {
        channel: Some(Box::new(ChannelTrouble {
            name: name.to_owned(),
            why: why.map(ToOwned::to_owned),
            until: (name == "day").then(|| "2026-11-22T01:10:00Z".parse().unwrap()),
        })),
        heartbeat: None,
        ..notice(NoticeReason::Opened, time, Vec::new())
    };
    let notices = [
        told("ops", Some("DingTalk refused the message"), 0),
        told("night", Some("the webhook answered HTTP 410"), 1),
        told("day", Some("DingTalk refused the message"), 1),
        told("ops", None, 2),
    ];
    for language in [Language::En, Language::Zh] {
        let message = render(language, &notices, 0);
        assert!(!message.mentions);
        let shown = format!("{}\n---\n{}", message.title, message.markdown());
        insta::assert_snapshot!(format!("channels_{language:?}"), shown);
    }
}

#[test]
fn a_heartbeat_is_one_line_that_calls_nobody() {
    let beat = Notice {
        heartbeat: Some(Box::new(Heartbeat {
            since: "2026-11-22T01:00:00Z".parse().unwrap(),
            supervisords: 2,
            silent: 1,
            programs: 31,
            failing: 1,
            deaths: 4,
            opened: 2,
            starts: 3,
        })),
        ..notice(NoticeReason::Digest, 0, Vec::new())
    };
    for language in [Language::En, Language::Zh] {
        let message = render(language, std::slice::from_ref(&beat), 0);
        assert!(!message.mentions);
        let shown = format!("{}\n---\n{}", message.title, message.markdown());
        insta::assert_snapshot!(format!("heartbeat_{language:?}"), shown);
    }
}
