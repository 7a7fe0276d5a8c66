//! Pure: what Slack's answer means.
//!
//! | HTTP | body | verdict |
//! |---|---|---|
//! | 200 | `ok` | `taken` |
//! | 400 | `invalid_payload`, `no_text` | `content` |
//! | 400 | `msg_too_long` | `too_long` |
//! | 403 | `invalid_token` | `dead` |
//! | 400, 403 | `action_prohibited`, `posting_to_general_channel_denied` | `misconfigured` |
//! | 404 | `channel_not_found`, `no_service`, `no_service_id`, `no_active_hooks` | `dead` |
//! | 404, 403 | `no_team`, `team_disabled` | `dead` |
//! | 410 | `channel_is_archived` | `dead` |
//! | 429 | with a `Retry-After` | `busy`, for so long |
//! | 500 | `rollup_error` | `server_error` |
//!
//! From Slack's pages on incoming webhooks (docs.slack.dev/messaging/sending-messages-using-incoming-webhooks)
//! and on their errors (api.slack.com/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks);
//! the word decides, and the status where there is none.

use crate::notify::{
    answer::{Answer, Verdict},
    robot::{judge_status, refusal},
};

/// The service's name in what is said.
const SERVICE: &str = "Slack";

/// The whole body of a success.
const TAKEN: &str = "ok";

/// Judges an answer by its HTTP status and its body.
pub(in crate::notify) fn judge(status: u16, body: &[u8]) -> Answer {
    let word = str::from_utf8(body).unwrap_or_default().trim();
    match status {
        200..300 if word == TAKEN => Answer::taken(),
        400..500 if !matches!(status, 408 | 429) && is_word(word) => {
            let (verdict, advice) = meaning(word);
            refusal(verdict, SERVICE, &format!("HTTP {status}"), word, advice)
        }
        _ => judge_status(SERVICE, status, "`ok`"),
    }
}

/// Whether a body is a word of Slack's, and not the page of a proxy.
fn is_word(body: &str) -> bool {
    !body.is_empty() && body.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

/// What a word means, and what is to be done.
fn meaning(word: &str) -> (Verdict, &'static str) {
    match word {
        "invalid_payload" | "no_text" => (
            Verdict::Content,
            "the message is malformed, which is a mistake in supervigil",
        ),
        "msg_too_long" => (Verdict::TooLong, "the message is too long"),
        "action_prohibited" | "posting_to_general_channel_denied" => (
            Verdict::Misconfigured,
            "the workspace's administrators must let the webhook post in this channel",
        ),
        "channel_is_archived" => (
            Verdict::Dead,
            "the channel is archived; give the address of a webhook of another",
        ),
        "invalid_token" | "channel_not_found" | "no_service" | "no_service_id"
        | "no_active_hooks" | "no_team" | "team_disabled" => (
            Verdict::Dead,
            "the webhook is gone or its address is wrong; make another and give its address",
        ),
        _ => (Verdict::Refused, "the reason is not known to supervigil"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn verdict(status: u16, body: &str) -> Verdict {
        judge(status, body.as_bytes()).verdict
    }

    #[test]
    fn every_known_word_is_understood() {
        for (status, word, expected) in [
            (200, "ok", Verdict::Taken),
            (200, "ok\n", Verdict::Taken),
            (400, "invalid_payload", Verdict::Content),
            (400, "no_text", Verdict::Content),
            (400, "msg_too_long", Verdict::TooLong),
            (
                400,
                "posting_to_general_channel_denied",
                Verdict::Misconfigured,
            ),
            (403, "action_prohibited", Verdict::Misconfigured),
            (403, "invalid_token", Verdict::Dead),
            (404, "channel_not_found", Verdict::Dead),
            (404, "no_service", Verdict::Dead),
            (404, "no_service_id", Verdict::Dead),
            (404, "no_active_hooks", Verdict::Dead),
            (404, "no_team", Verdict::Dead),
            (403, "team_disabled", Verdict::Dead),
            (410, "channel_is_archived", Verdict::Dead),
            (400, "user_not_found", Verdict::Refused),
            (429, "rate_limited", Verdict::Busy),
            (500, "rollup_error", Verdict::ServerError),
        ] {
            assert_eq!(verdict(status, word), expected, "{status} {word}");
        }
    }

    #[test]
    fn a_refusal_repeats_the_word_but_no_page() {
        let detail = judge(400, b"a_new_word").detail;
        assert!(detail.contains("HTTP 400: a_new_word"), "{detail}");
        let detail = judge(404, b"<html>Not here</html>").detail;
        assert!(
            !detail.contains("Not here") && detail.contains("`webhook`"),
            "{detail}"
        );
    }

    #[test]
    fn nothing_but_ok_is_a_success() {
        for body in [
            "",
            "OK",
            "ok ok",
            "okay",
            "{}",
            r#"{"ok":true}"#,
            "invalid_payload",
        ] {
            assert_eq!(verdict(200, body), Verdict::Unreadable, "{body}");
        }
        assert_eq!(verdict(302, "ok"), Verdict::Refused);
        assert_eq!(verdict(404, "ok"), Verdict::Refused);
        assert_eq!(verdict(500, "ok"), Verdict::ServerError);
    }

    proptest! {
        #[test]
        fn no_other_body_is_taken(status in 100u16..600, body in ".*") {
            prop_assume!(body.trim() != TAKEN);
            prop_assert_ne!(verdict(status, &body), Verdict::Taken);
        }
    }
}
