//! Pure: what Feishu's answer means.
//!
//! | code | is | verdict |
//! |---|---|---|
//! | 0 | taken | `taken` |
//! | 9499 | a body that it cannot read, or takes for too large | `refused` |
//! | 11232, 99991400 | too many requests, or it is busy, as at full hours | `busy` |
//! | 19001 | no such token in the address (as it answers; its page has no such code) | `dead` |
//! | 19002 | no such form of a message (likewise) | `content` |
//! | 19021 | the signature is wrong, or older than an hour | `clock` |
//! | 19022 | this host's address is not on the list | `misconfigured` |
//! | 19024 | the keyword is missing | `misconfigured` |
//!
//! Robots refuse with HTTP 200, so the body decides. Older ones say `StatusCode` for `code`.

use serde::Deserialize;

use crate::notify::{
    answer::{Answer, Verdict},
    robot::{judge_status, refusal},
};

/// The service's name in what is said.
const SERVICE: &str = "Feishu";

/// The fields of an answer that say anything.
#[derive(Debug, Default, Deserialize)]
struct Reply {
    code: Option<i64>,
    msg: Option<String>,
    #[serde(rename = "StatusCode")]
    old_code: Option<i64>,
    #[serde(rename = "StatusMessage")]
    old_msg: Option<String>,
}

/// Judges an answer by its HTTP status and its body.
pub(in crate::notify) fn judge(status: u16, body: &[u8]) -> Answer {
    let reply: Reply = serde_json::from_slice(body).unwrap_or_default();
    let mut codes = [reply.code, reply.old_code].into_iter().flatten();
    match codes.clone().find(|code| *code != 0) {
        Some(code) => {
            let words = reply.msg.or(reply.old_msg).unwrap_or_default();
            judge_code(code, &words)
        }
        None if codes.next() == Some(0) && (200..300).contains(&status) => Answer::taken(),
        None => judge_status(SERVICE, status, "a code"),
    }
}

fn judge_code(code: i64, words: &str) -> Answer {
    let (verdict, advice) = match code {
        9499 => (Verdict::Refused, "it cannot read the request"),
        11_232 | 99_991_400 => (Verdict::Busy, "it takes no more messages at the moment"),
        19_001 => (
            Verdict::Dead,
            "the robot is gone or its address is wrong; copy the address again",
        ),
        19_002 => (
            Verdict::Content,
            "the message is malformed, which is a mistake in supervigil",
        ),
        19_021 => (
            Verdict::Clock,
            "set `secret` to the robot's signing secret, and check this host's clock",
        ),
        19_022 => (
            Verdict::Misconfigured,
            "add this host's address to the robot's allowed addresses",
        ),
        19_024 => (
            Verdict::Misconfigured,
            "set `keyword` to one of the robot's keywords",
        ),
        _ => (Verdict::Refused, "the reason is not known to supervigil"),
    };
    refusal(verdict, SERVICE, &format!("code {code}"), words, advice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn verdict(status: u16, body: &str) -> Verdict {
        judge(status, body.as_bytes()).verdict
    }

    #[test]
    fn every_known_code_is_understood_in_both_forms() {
        for (code, expected) in [
            (0, Verdict::Taken),
            (9499, Verdict::Refused),
            (11_232, Verdict::Busy),
            (99_991_400, Verdict::Busy),
            (19_001, Verdict::Dead),
            (19_002, Verdict::Content),
            (19_021, Verdict::Clock),
            (19_022, Verdict::Misconfigured),
            (19_024, Verdict::Misconfigured),
            (1, Verdict::Refused),
            (i64::MIN, Verdict::Refused),
        ] {
            let forms = [
                format!(r#"{{"code":{code},"msg":"words","data":{{}}}}"#),
                format!(r#"{{"StatusCode":{code},"StatusMessage":"words"}}"#),
                format!(r#"{{"code":{code},"msg":"words","StatusCode":0,"Extra":null}}"#),
            ];
            for body in forms {
                let answer = judge(200, body.as_bytes());
                assert_eq!(answer.verdict, expected, "{body}");
                assert_eq!(answer.detail.contains("words"), code != 0, "{body}");
            }
        }
    }

    #[test]
    fn a_refusal_says_what_to_mend() {
        for (code, advice) in [
            (19_001, "copy the address"),
            (19_021, "`secret`"),
            (19_022, "allowed addresses"),
            (19_024, "`keyword`"),
        ] {
            let answer = judge(200, format!(r#"{{"code":{code}}}"#).as_bytes());
            assert!(answer.detail.contains(advice), "{}", answer.detail);
        }
    }

    #[test]
    fn a_refusal_decides_whatever_the_status() {
        for status in [200, 400, 500] {
            assert_eq!(verdict(status, r#"{"code":19024}"#), Verdict::Misconfigured);
        }
        assert_eq!(verdict(500, r#"{"code":0}"#), Verdict::ServerError);
        assert_eq!(
            verdict(200, r#"{"code":0,"StatusCode":9499}"#),
            Verdict::Refused
        );
    }

    #[test]
    fn bodies_without_a_code_are_never_a_success() {
        for body in [
            "",
            "{}",
            "null",
            "ok",
            r#"{"code":null}"#,
            r#"{"code":"0"}"#,
            r#"{"errcode":0}"#,
        ] {
            assert_eq!(verdict(200, body), Verdict::Unreadable, "{body}");
            assert_eq!(verdict(302, body), Verdict::Refused, "{body}");
            assert_eq!(verdict(429, body), Verdict::Busy, "{body}");
            assert_eq!(verdict(502, body), Verdict::ServerError, "{body}");
        }
    }

    proptest! {
        #[test]
        fn nothing_but_code_zero_is_taken(status in 100u16..600, body in ".*") {
            prop_assert_ne!(verdict(status, &body), Verdict::Taken);
        }
    }
}
