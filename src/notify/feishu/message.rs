//! Pure: the body of a robot's request, not yet signed.
//!
//! It is a `post`, in which text, links and mentions are elements of their own: nothing that is in a
//! text can become one of the others.

use serde::Serialize;

use crate::notify::{
    robot::Rendered,
    settings::FeishuSettings,
    text::{Line, Message},
};

/// The most bytes of a body: Feishu takes 20 KB, and a tenth is left for the signature, which comes
/// on top.
const BODY_MAX: usize = 18_000;

/// Who is everybody, among the users of a mention.
const EVERYBODY: &str = "all";

#[derive(Debug, Serialize)]
struct Body<'a> {
    msg_type: &'static str,
    content: Content<'a>,
}

#[derive(Debug, Serialize)]
struct Content<'a> {
    post: Languages<'a>,
}

/// One language is enough, as in the examples of Feishu's page; of cards it says that a client in
/// another language shows the one that there is.
#[derive(Debug, Serialize)]
struct Languages<'a> {
    zh_cn: Post<'a>,
}

#[derive(Debug, Serialize)]
struct Post<'a> {
    title: String,
    content: Vec<Vec<Element<'a>>>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "tag", rename_all = "lowercase")]
enum Element<'a> {
    Text { text: String },
    A { text: &'static str, href: String },
    At { user_id: &'a str },
}

/// The body that carries `message`, mentioning the channel's people where the message is worth it.
/// Robots know no phones, so the programs' own are not mentioned.
pub(in crate::notify) fn body(settings: &FeishuSettings, message: &Message) -> Rendered {
    let (title, lines) = message.lines();
    let keyword = settings.keyword.as_str();
    let has_keyword = title.contains(keyword) || lines.iter().any(|line| line.shows(keyword));
    let mut content: Vec<Vec<Element<'_>>> = lines
        .into_iter()
        .map(|line| match line {
            Line::Text(text) => vec![text_element(&text)],
            Line::Link(text, href) => vec![Element::A { text, href }],
        })
        .collect();
    if !has_keyword {
        content.push(vec![text_element(keyword)]);
    }
    let mentions = mentions(settings);
    if message.mentions && !mentions.is_empty() {
        content.push(mentions);
    }
    let body = Body {
        msg_type: "post",
        content: Content {
            post: Languages {
                zh_cn: Post {
                    title: inert(&title),
                    content,
                },
            },
        },
    };
    // Strings and lists of them always serialise; an empty body would be refused, and told.
    let body = serde_json::to_string(&body).unwrap_or_default();
    Rendered::within(body, BODY_MAX)
}

fn text_element<'a>(text: &str) -> Element<'a> {
    Element::Text { text: inert(text) }
}

/// In messages of plain text `<at ...>` mentions somebody, and of posts Feishu does not say that it
/// does not.
fn inert(text: &str) -> String {
    text.replace("<at", "＜at")
}

fn mentions(settings: &FeishuSettings) -> Vec<Element<'_>> {
    let everybody = settings.at_all.then_some(EVERYBODY);
    let users = settings.at_user_ids.iter().map(String::as_str);
    everybody
        .into_iter()
        .chain(users)
        .map(|user_id| Element::At { user_id })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::{Language, fixtures};

    fn settings() -> FeishuSettings {
        FeishuSettings {
            webhook: "https://robot.invalid".to_owned().into(),
            secret: None,
            keyword: String::new(),
            at_user_ids: vec!["ou_1".to_owned()],
            at_all: true,
        }
    }

    fn elements(settings: &FeishuSettings, message: &Message) -> (String, Vec<serde_json::Value>) {
        let rendered = body(settings, message);
        let body: serde_json::Value = serde_json::from_str(&rendered.body).unwrap();
        assert_eq!(body["msg_type"], "post");
        let post = &body["content"]["post"]["zh_cn"];
        let title = post["title"].as_str().unwrap().to_owned();
        let lines = post["content"].as_array().unwrap();
        let elements = lines.iter().flat_map(|line| line.as_array().unwrap());
        (title, elements.cloned().collect())
    }

    #[test]
    fn it_reads_well() {
        let message = fixtures::hostile_message(Language::Zh);
        let rendered = body(&settings(), &message);
        assert!(rendered.fits);
        let body: serde_json::Value = serde_json::from_str(&rendered.body).unwrap();
        insta::assert_snapshot!(serde_json::to_string_pretty(&body).unwrap());
    }

    #[test]
    fn what_a_program_prints_stays_text() {
        let message = fixtures::hostile_message(Language::En);
        let (_, elements) = elements(&settings(), &message);
        let of = |tag: &str| {
            let found = elements.iter().filter(|element| element["tag"] == tag);
            found.cloned().collect::<Vec<_>>()
        };
        let everybody =
            serde_json::json!([{"tag": "at", "user_id": "all"}, {"tag": "at", "user_id": "ou_1"}]);
        assert_eq!(serde_json::Value::from(of("at")), everybody);
        assert_eq!(of("a").len(), 1, "the runbook");
        for text in of("text") {
            let text = text["text"].as_str().unwrap();
            assert!(!text.contains("<at") && !text.contains('\n'), "{text}");
        }
    }

    #[test]
    fn the_keyword_is_added_where_it_is_missing() {
        let message = fixtures::hostile_message(Language::Zh);
        let count = |keyword: &str| {
            let settings = FeishuSettings {
                keyword: keyword.to_owned(),
                ..settings()
            };
            let (title, elements) = elements(&settings, &message);
            let texts = elements
                .iter()
                .filter_map(|element| element["text"].as_str());
            let with = texts.filter(|text| text.contains(keyword)).count();
            (title.contains(keyword), elements.len(), with)
        };
        let (_, without, _) = count("FATAL");
        let (in_title, with, times) = count("值班");
        assert_eq!((in_title, with, times), (false, without + 1, 1));
    }

    #[test]
    fn who_is_not_to_be_woken_is_not_mentioned() {
        let message = fixtures::recovery(Language::Zh);
        let (_, elements) = elements(&settings(), &message);
        assert!(elements.iter().all(|element| element["tag"] != "at"));
    }
}
