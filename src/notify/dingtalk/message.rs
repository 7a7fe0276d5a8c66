//! Pure: the body of a robot's request.

use serde::Serialize;

use crate::notify::{
    robot::each_once,
    settings::{DingTalkSettings, MessageType},
    text::Message,
};

/// The most bytes of a body: DingTalk refuses more than 20,000, and what a gateway counts on top is
/// not known, so a tenth is left.
pub(in crate::notify) const BODY_MAX: usize = 18_000;

/// The request's JSON. `msgUuid` is what lets DingTalk tell a repetition from a second message.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    msgtype: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    markdown: Option<Markdown<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Text>,
    at: At<'a>,
    msg_uuid: &'a str,
}

#[derive(Debug, Serialize)]
struct Markdown<'a> {
    title: &'a str,
    text: String,
}

#[derive(Debug, Serialize)]
struct Text {
    content: String,
}

#[derive(Debug, Default, Serialize)]
struct At<'a> {
    #[serde(rename = "atMobiles")]
    mobiles: Vec<&'a str>,
    #[serde(rename = "atUserIds")]
    user_ids: Vec<&'a str>,
    #[serde(rename = "isAtAll")]
    everybody: bool,
}

/// The body that carries `message`, mentioning the channel's people and the programs' own where the
/// message is worth it.
pub(in crate::notify) fn body(
    settings: &DingTalkSettings,
    message: &Message,
    uuid: &str,
) -> String {
    let at = if message.mentions {
        mentioned(settings, &message.mobiles)
    } else {
        At::default()
    };
    let (msgtype, markdown, text) = match settings.message_type {
        MessageType::Markdown => {
            let text = complete(message.markdown(), &settings.keyword, &at);
            let title = message.title.as_str();
            ("markdown", Some(Markdown { title, text }), None)
        }
        MessageType::Text => {
            let content = complete(message.plain(), &settings.keyword, &at);
            ("text", None, Some(Text { content }))
        }
    };
    let body = Body {
        msgtype,
        markdown,
        text,
        at,
        msg_uuid: uuid,
    };
    // Strings and lists of strings always serialise; an empty body would be refused, and told.
    serde_json::to_string(&body).unwrap_or_default()
}

/// Whom to mention, each once.
fn mentioned<'a>(settings: &'a DingTalkSettings, mobiles: &'a [String]) -> At<'a> {
    At {
        mobiles: each_once(settings.at_mobiles.iter().chain(mobiles)),
        user_ids: settings.at_user_ids.iter().map(String::as_str).collect(),
        everybody: settings.at_all,
    }
}

/// Adds the keyword where it is missing, and the mentions: a mention works only where it stands in
/// the text too.
fn complete(mut text: String, keyword: &str, at: &At<'_>) -> String {
    if !keyword.is_empty() && !text.contains(keyword) {
        text.push_str("\n\n");
        text.push_str(keyword);
    }
    let everybody = at.everybody.then_some("all");
    let names = at.mobiles.iter().chain(&at.user_ids).copied();
    let mentions: Vec<String> = everybody
        .into_iter()
        .chain(names)
        .map(|name| format!("@{name}"))
        .collect();
    if !mentions.is_empty() {
        text.push_str("\n\n");
        text.push_str(&mentions.join(" "));
    }
    text
}
