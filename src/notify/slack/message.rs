//! Pure: the body of a request.

use serde::Serialize;

use crate::notify::{
    robot::{Rendered, each_once},
    settings::SlackSettings,
    text::Message,
};

/// The most characters of a text: what Slack recommends; past 40,000 it cuts
/// (docs.slack.dev/reference/methods/chat.postMessage).
const TEXT_MAX: usize = 4000;

/// The mention of everybody in the channel (docs.slack.dev/messaging/formatting-message-text).
const EVERYBODY: &str = "<!channel>";

#[derive(Debug, Serialize)]
struct Body {
    text: String,
    /// Plain `@names` are no mentions.
    link_names: bool,
    /// A link's page is not shown below the message.
    unfurl_links: bool,
    unfurl_media: bool,
}

/// The body that carries `message`, mentioning the channel's people where the message is worth it.
/// Slack knows no phones, so the programs' own are not mentioned.
pub(in crate::notify) fn body(settings: &SlackSettings, message: &Message) -> Rendered {
    let mut text = message.slack_mrkdwn();
    if message.mentions {
        mention(&mut text, settings);
    }
    let fits = text.chars().count() <= TEXT_MAX;
    let body = Body {
        text,
        link_names: false,
        unfurl_links: false,
        unfurl_media: false,
    };
    // Strings always serialise; an empty body would be refused, and told.
    let body = serde_json::to_string(&body).unwrap_or_default();
    Rendered { body, fits }
}

fn mention(text: &mut String, settings: &SlackSettings) {
    let everybody = settings.at_all.then(|| EVERYBODY.to_owned());
    let users = each_once(settings.at_user_ids.iter());
    let users = users.iter().map(|user| format!("<@{user}>"));
    let mentions: Vec<String> = everybody.into_iter().chain(users).collect();
    if !mentions.is_empty() {
        text.push_str("\n\n");
        text.push_str(&mentions.join(" "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::{Language, fixtures};

    fn text(at_all: bool, users: &[&str], message: &Message) -> String {
        let settings = SlackSettings {
            webhook: "https://hooks.invalid".to_owned().into(),
            at_user_ids: users.iter().map(|user| (*user).to_owned()).collect(),
            at_all,
        };
        let rendered = body(&settings, message);
        assert!(rendered.fits);
        let body: serde_json::Value = serde_json::from_str(&rendered.body).unwrap();
        assert_eq!(body["link_names"], false);
        body["text"].as_str().unwrap().to_owned()
    }

    #[test]
    fn it_reads_well() {
        let message = fixtures::hostile_message(Language::En);
        insta::assert_snapshot!(text(true, &["U012AB3CD"], &message));
    }

    #[test]
    fn only_the_configured_people_are_mentioned() {
        let message = fixtures::hostile_message(Language::En);
        let text = text(true, &["U012AB3CD", "W1", "U012AB3CD"], &message);
        let (said, mentions) = text.rsplit_once("\n\n").unwrap();
        assert_eq!(mentions, "<!channel> <@U012AB3CD> <@W1>");
        assert!(!said.contains("<@") && !said.contains("<!"), "{said}");
        assert_eq!(said.matches('<').count(), 1, "the runbook's link: {said}");
    }

    #[test]
    fn who_is_not_to_be_woken_is_not_mentioned() {
        let text = text(true, &["U012AB3CD"], &fixtures::recovery(Language::Zh));
        assert!(!text.contains('<'), "{text}");
    }

    #[test]
    fn characters_are_counted_and_not_bytes() {
        let settings = SlackSettings {
            webhook: "https://hooks.invalid".to_owned().into(),
            at_user_ids: Vec::new(),
            at_all: false,
        };
        let fits = |lines: usize| {
            let message = fixtures::long_message(Language::Zh, lines);
            let rendered = body(&settings, &message);
            (rendered.fits, rendered.body.len())
        };
        let (fits_short, bytes) = fits(8);
        assert!(fits_short && bytes > 2 * TEXT_MAX, "{bytes}");
        assert!(!fits(10).0);
    }
}
