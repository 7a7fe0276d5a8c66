//! Pure: what WeCom's answer means.
//!
//! | errcode | is | verdict |
//! |---|---|---|
//! | 0 | taken | `taken` |
//! | -1, 6000 | the system is busy | `busy` |
//! | 45009 | more than 20 messages in a minute | `busy`, for a minute |
//! | 45033 | too many calls at once | `busy` |
//! | 40058 with `exceed max length`, 45002 | the content is too long | `too_long` |
//! | 40008, 40033, 44004, 47001 | no such form of a message, or a malformed one | `content` |
//! | 60020 | this host's address is not allowed | `misconfigured` |
//! | 93000, 93004, 93008 | no such robot, or it is switched off, or not in the group | `dead` |
//!
//! The codes are from WeCom's table of global return codes
//! (developer.work.weixin.qq.com/document/path/90455). It refuses with HTTP 200, so the body decides.

use std::time::Duration;

use serde::Deserialize;

use crate::notify::{
    answer::{Answer, Verdict},
    robot::{judge_status, refusal},
};

/// The service's name in what is said.
const SERVICE: &str = "WeCom";

/// How long a robot that got too many messages is left alone: its limit counts by the minute.
const THROTTLED: Duration = Duration::from_secs(60);

/// How the text of code 40058, an invalid parameter of any kind, begins its word on the length.
const TOO_LONG: &str = "exceed max length";

/// The fields of an answer that say anything.
#[derive(Debug, Default, Deserialize)]
struct Reply {
    errcode: Option<i64>,
    errmsg: Option<String>,
}

/// Judges an answer by its HTTP status and its body.
pub(in crate::notify) fn judge(status: u16, body: &[u8]) -> Answer {
    let reply: Reply = serde_json::from_slice(body).unwrap_or_default();
    match reply.errcode {
        Some(0) if (200..300).contains(&status) => Answer::taken(),
        Some(0) | None => judge_status(SERVICE, status, "an errcode"),
        Some(errcode) => judge_errcode(errcode, &reply.errmsg.unwrap_or_default()),
    }
}

fn judge_errcode(errcode: i64, errmsg: &str) -> Answer {
    let (verdict, advice) = match errcode {
        -1 | 6000 => (Verdict::Busy, "it is busy"),
        45_009 => (
            Verdict::Busy,
            "the robot got too many messages and takes none for a minute",
        ),
        45_033 => (Verdict::Busy, "it is called too often at once"),
        40_058 if errmsg.contains(TOO_LONG) => (Verdict::TooLong, "the message is too long"),
        45_002 => (Verdict::TooLong, "the message is too long"),
        40_058 => (
            Verdict::Refused,
            "it objects to a part of the request; check `at_mobiles` and `at_user_ids`",
        ),
        40_008 | 40_033 | 44_004 | 47_001 => (
            Verdict::Content,
            "the message is malformed, which is a mistake in supervigil",
        ),
        60_020 => (
            Verdict::Misconfigured,
            "add this host's address to the allowed addresses",
        ),
        93_000 => (
            Verdict::Dead,
            "the robot is gone or its address is wrong; copy the address again",
        ),
        93_004 | 93_008 => (
            Verdict::Dead,
            "the robot is switched off or not in the group; mend it or give another `webhook`",
        ),
        _ => (Verdict::Refused, "the reason is not known to supervigil"),
    };
    let answer = refusal(
        verdict,
        SERVICE,
        &format!("errcode {errcode}"),
        errmsg,
        advice,
    );
    if errcode == 45_009 {
        answer.after(THROTTLED)
    } else {
        answer
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
    fn every_known_code_is_understood() {
        for (codes, expected) in [
            (&[0][..], Verdict::Taken),
            (&[-1, 6000, 45_009, 45_033], Verdict::Busy),
            (&[45_002], Verdict::TooLong),
            (&[40_008, 40_033, 44_004, 47_001], Verdict::Content),
            (&[60_020], Verdict::Misconfigured),
            (&[93_000, 93_004, 93_008], Verdict::Dead),
            (&[1, 40_058, 310_000, i64::MAX], Verdict::Refused),
        ] {
            for errcode in codes {
                let body = format!(r#"{{"errcode":{errcode},"errmsg":"words"}}"#);
                let answer = judge(200, body.as_bytes());
                assert_eq!(answer.verdict, expected, "{errcode}");
                assert_eq!(answer.detail.contains("words"), *errcode != 0, "{errcode}");
            }
        }
    }

    #[test]
    fn only_the_words_tell_that_a_parameter_is_too_long() {
        let body = r#"{"errcode":40058,"errmsg":"markdown.content exceed max length 4096. invalid Request Parameter, hint: [1], from ip: 192.0.2.1, more info at https://open.work.weixin.qq.com/devtool/query?e=40058"}"#;
        assert_eq!(verdict(200, body), Verdict::TooLong);
    }

    #[test]
    fn only_a_throttled_robot_is_left_alone_for_a_minute() {
        let wait = |errcode: i64| judge(200, format!(r#"{{"errcode":{errcode}}}"#).as_bytes()).wait;
        assert_eq!(wait(45_009), Some(Duration::from_secs(60)));
        for errcode in [0, -1, 45_033, 93_000] {
            assert_eq!(wait(errcode), None, "{errcode}");
        }
    }

    #[test]
    fn bodies_without_a_code_are_never_a_success() {
        for body in [
            "",
            "{}",
            "null",
            "ok",
            r#"{"errcode":null}"#,
            r#"{"errcode":"0"}"#,
            r#"{"code":0}"#,
        ] {
            assert_eq!(verdict(200, body), Verdict::Unreadable, "{body}");
            assert_eq!(verdict(404, body), Verdict::Refused, "{body}");
            assert_eq!(verdict(429, body), Verdict::Busy, "{body}");
            assert_eq!(verdict(502, body), Verdict::ServerError, "{body}");
        }
        assert_eq!(verdict(500, r#"{"errcode":0}"#), Verdict::ServerError);
        assert_eq!(verdict(500, r#"{"errcode":93000}"#), Verdict::Dead);
    }

    proptest! {
        #[test]
        fn nothing_but_code_zero_is_taken(status in 100u16..600, body in ".*") {
            prop_assert_ne!(verdict(status, &body), Verdict::Taken);
        }
    }
}
