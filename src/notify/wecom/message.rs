//! Pure: the body of a robot's request.
//!
//! Markdown reads better and holds twice as much, but mentions users only, not phones and not
//! everybody. So a message that mentions these is plain text, and every other one is markdown.

use serde::Serialize;

use crate::notify::{
    robot::{Rendered, each_once},
    settings::WeComSettings,
    text::Message,
};

/// The most bytes of the content of a message in markdown.
const MARKDOWN_MAX: usize = 4096;

/// The most bytes of the content of a message in plain text.
const TEXT_MAX: usize = 2048;

/// Who is everybody, among the users of a mention.
const EVERYBODY: &str = "@all";

#[derive(Debug, Serialize)]
#[serde(tag = "msgtype", rename_all = "lowercase")]
enum Body<'a> {
    Markdown { markdown: Markdown },
    Text { text: Text<'a> },
}

#[derive(Debug, Serialize)]
struct Markdown {
    content: String,
}

#[derive(Debug, Serialize)]
struct Text<'a> {
    content: String,
    mentioned_list: Vec<&'a str>,
    mentioned_mobile_list: Vec<&'a str>,
}

/// The body that carries `message`, mentioning the channel's people and the programs' own where the
/// message is worth it.
pub(in crate::notify) fn body(settings: &WeComSettings, message: &Message) -> Rendered {
    let (users, mobiles) = if message.mentions {
        let mobiles = settings.at_mobiles.iter().chain(&message.mobiles);
        (each_once(settings.at_user_ids.iter()), each_once(mobiles))
    } else {
        (Vec::new(), Vec::new())
    };
    let (body, fits) = if mobiles.is_empty() && !users.contains(&EVERYBODY) {
        let content = with_mentions(message.wecom_markdown(), &users);
        let fits = content.len() <= MARKDOWN_MAX;
        let markdown = Markdown { content };
        (Body::Markdown { markdown }, fits)
    } else {
        // WeCom says of markdown that `<@user>` mentions somebody, and not of text that it does not.
        let content = message.plain().replace("<@", "＜@");
        let fits = content.len() <= TEXT_MAX;
        let text = Text {
            content,
            mentioned_list: users,
            mentioned_mobile_list: mobiles,
        };
        (Body::Text { text }, fits)
    };
    // Strings and lists of them always serialise; an empty body would be refused, and told.
    let body = serde_json::to_string(&body).unwrap_or_default();
    Rendered { body, fits }
}

fn with_mentions(mut markdown: String, users: &[&str]) -> String {
    if !users.is_empty() {
        let mentions: Vec<String> = users.iter().map(|user| format!("<@{user}>")).collect();
        markdown.push_str("\n\n");
        markdown.push_str(&mentions.join(" "));
    }
    markdown
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::notify::{Language, fixtures};

    fn rendered(mobiles: &[&str], users: &[&str], message: &Message) -> Value {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let settings = WeComSettings {
            webhook: "https://robot.invalid".to_owned().into(),
            at_mobiles: owned(mobiles),
            at_user_ids: owned(users),
        };
        let rendered = body(&settings, message);
        assert!(rendered.fits);
        serde_json::from_str(&rendered.body).unwrap()
    }

    /// A message of a program that names no phones of its own.
    fn message(language: Language) -> Message {
        let mut message = fixtures::hostile_message(language);
        message.mobiles.clear();
        message
    }

    #[test]
    fn it_reads_well() {
        let markdown = rendered(&[], &["zhangsan"], &message(Language::Zh));
        let text = rendered(&["13800000001"], &[], &message(Language::Zh));
        let [markdown, text] = [&markdown["markdown"], &text["text"]]
            .map(|part| part["content"].as_str().unwrap().to_owned());
        insta::assert_snapshot!(format!("{markdown}\n\n=== text\n{text}"));
    }

    #[test]
    fn users_are_mentioned_in_markdown() {
        let body = rendered(&[], &["zhangsan", "li.si"], &message(Language::Zh));
        assert_eq!(body["msgtype"], "markdown");
        let content = body["markdown"]["content"].as_str().unwrap();
        assert!(content.ends_with("\n\n<@zhangsan> <@li.si>"), "{content}");
        assert_eq!(content.matches("<@").count(), 2, "{content}");
    }

    #[test]
    fn phones_and_everybody_are_mentioned_in_text() {
        for (mobiles, users) in [(&["13800000001"][..], &["zhangsan"][..]), (&[], &["@all"])] {
            let body = rendered(mobiles, users, &message(Language::Zh));
            assert_eq!(body["msgtype"], "text");
            assert_eq!(body["text"]["mentioned_list"], json!(users));
            assert_eq!(body["text"]["mentioned_mobile_list"], json!(mobiles));
            let content = body["text"]["content"].as_str().unwrap();
            assert!(
                content.contains("es_node_a") && !content.contains("<@"),
                "{content}"
            );
        }
    }

    #[test]
    fn the_programs_own_phones_are_mentioned_too() {
        let message = fixtures::hostile_message(Language::En);
        let body = rendered(&["13800000001", "13800000000"], &[], &message);
        let phones = json!(["13800000001", "13800000000"]);
        assert_eq!(body["text"]["mentioned_mobile_list"], phones, "each once");
    }

    #[test]
    fn who_is_not_to_be_woken_is_not_mentioned() {
        let recovery = fixtures::recovery(Language::Zh);
        let body = rendered(&["13800000001"], &["@all"], &recovery);
        assert_eq!(body["msgtype"], "markdown");
        let content = body["markdown"]["content"].as_str().unwrap();
        assert!(
            !content.contains("<@") && !content.contains("13800000001"),
            "{content}"
        );
    }
}
