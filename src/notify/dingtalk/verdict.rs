//! Pure: what DingTalk's answer means.
//!
//! DingTalk refuses with HTTP 200 and an `errcode`, so the body decides; the HTTP status counts only
//! where the body says nothing. Nothing but `errcode` 0 is ever a success.

use serde::Deserialize;

use crate::notify::{
    answer::{Answer, Verdict},
    redact,
};

/// The body of the block of a whole address, which bears no `errcode`: after 10,000 calls in 20 s.
const BLOCKED_STATUS: i64 = 1111;

/// How many characters of the receiver's own words are passed on; its longest known sentence has
/// some 150.
const ERRMSG_MAX: usize = 200;

/// The fields of an answer that say anything.
#[derive(Debug, Default, Deserialize)]
struct Reply {
    errcode: Option<i64>,
    errmsg: Option<String>,
    status: Option<i64>,
}

/// Judges an answer by its HTTP status and its body.
pub(in crate::notify) fn judge(status: u16, body: &[u8]) -> Answer {
    let reply: Option<Reply> = serde_json::from_slice(body).ok();
    match reply {
        Some(Reply {
            errcode: Some(0), ..
        }) if (200..300).contains(&status) => Answer::taken(),
        Some(Reply {
            errcode: Some(errcode),
            errmsg,
            ..
        }) if errcode != 0 => judge_errcode(errcode, &clean(&errmsg.unwrap_or_default())),
        Some(Reply {
            status: Some(BLOCKED_STATUS),
            ..
        }) => Answer::new(
            Verdict::Blocked,
            "DingTalk blocks this host's address for some minutes after too many calls (status 1111)",
        ),
        Some(_) | None => judge_status(status),
    }
}

/// An answer whose body says nothing that is understood.
fn judge_status(status: u16) -> Answer {
    match status {
        200..300 => Answer::new(
            Verdict::Unreadable,
            format!(
                "DingTalk answered HTTP {status} without an errcode; a proxy may be in between"
            ),
        ),
        408 => Answer::new(Verdict::TimedOut, "DingTalk answered HTTP 408 (time-out)"),
        429 => Answer::new(
            Verdict::Busy,
            "DingTalk answered HTTP 429 (too many requests)",
        ),
        500.. => Answer::new(
            Verdict::ServerError,
            format!("DingTalk answered HTTP {status}"),
        ),
        _ => Answer::new(
            Verdict::Refused,
            format!("DingTalk answered HTTP {status}; check that `webhook` is the robot's address"),
        ),
    }
}

/// DingTalk's table of codes, as far as robots meet it.
fn judge_errcode(errcode: i64, errmsg: &str) -> Answer {
    let (verdict, advice) = match errcode {
        -1 => (Verdict::Busy, "it is busy"),
        130_101 | 410_100 => (
            Verdict::Throttled,
            "the robot got too many messages and takes none for ten minutes",
        ),
        90_030 | 90_020 => (Verdict::Quota, "the quota of calls is used up"),
        460_101 | 101_002 => (Verdict::TooLong, "the message is too long"),
        430_101..=430_104 => (Verdict::Content, "it objects to something in the message"),
        310_000 => judge_condition(errmsg),
        300_001 | 300_005 | 400_101 => (
            Verdict::Dead,
            "the access token is not known; copy the robot's address again",
        ),
        400_013 | 400_102 | 400_106 => (
            Verdict::Dead,
            "the robot or its group is gone or switched off; mend it or give another `webhook`",
        ),
        88 => (Verdict::Dead, "it does not let this robot in"),
        40_035 | 43_002 | 43_004 | 400_105 => (
            Verdict::Rejected,
            "the request is malformed, which is a mistake in supervigil",
        ),
        _ => (Verdict::Refused, "the reason is not known to supervigil"),
    };
    Answer::new(
        verdict,
        format!("DingTalk refused the message (errcode {errcode}: {errmsg}): {advice}"),
    )
}

/// Code 310000 covers four conditions; only the message tells which was not met.
fn judge_condition(errmsg: &str) -> (Verdict, &'static str) {
    let words = errmsg.to_lowercase();
    let says = |needles: &[&str]| needles.iter().any(|needle| words.contains(needle));
    if says(&["timestamp", "时间戳", "过期", "expired"]) {
        (
            Verdict::Clock,
            "check this host's clock, and that `secret` is set",
        )
    } else if says(&["keyword", "关键词"]) {
        (
            Verdict::Misconfigured,
            "set `keyword` to one of the robot's keywords",
        )
    } else if says(&["sign", "签名"]) {
        (
            Verdict::Misconfigured,
            "set `secret` to the robot's signing secret",
        )
    } else if says(&["ip ", "whitelist", "白名单"]) {
        (
            Verdict::Misconfigured,
            "add this host's address to the robot's allowed addresses",
        )
    } else {
        (
            Verdict::Misconfigured,
            "check `keyword`, `secret` and the robot's allowed addresses",
        )
    }
}

/// The receiver's words on one line, without control characters and secrets, cut to a length.
fn clean(errmsg: &str) -> String {
    redact::line(errmsg, ERRMSG_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn verdict(status: u16, body: &str) -> Verdict {
        judge(status, body.as_bytes()).verdict
    }

    fn code(errcode: i64) -> Verdict {
        verdict(200, &format!(r#"{{"errcode":{errcode},"errmsg":"words"}}"#))
    }

    #[test]
    fn every_known_code_is_understood() {
        for (codes, expected) in [
            (&[0][..], Verdict::Taken),
            (&[-1], Verdict::Busy),
            (&[130_101, 410_100], Verdict::Throttled),
            (&[90_030, 90_020], Verdict::Quota),
            (&[460_101, 101_002], Verdict::TooLong),
            (&[430_101, 430_102, 430_103, 430_104], Verdict::Content),
            (&[310_000], Verdict::Misconfigured),
            (
                &[300_001, 300_005, 400_101, 400_013, 400_102, 400_106, 88],
                Verdict::Dead,
            ),
            (&[40_035, 43_002, 43_004, 400_105], Verdict::Rejected),
            (&[1, 404, 999_999, i64::MAX, i64::MIN], Verdict::Refused),
        ] {
            for errcode in codes {
                assert_eq!(code(*errcode), expected, "{errcode}");
            }
        }
    }

    #[test]
    fn one_code_has_four_meanings() {
        for (errmsg, expected, advice) in [
            ("invalid timestamp", Verdict::Clock, "clock"),
            (
                "错误描述:机器人发送签名过期;解决方案:签名生成时间和发送时间请保持在 timestampms 以内",
                Verdict::Clock,
                "clock",
            ),
            ("keywords not in content", Verdict::Misconfigured, "keyword"),
            ("sign not match", Verdict::Misconfigured, "secret"),
            (
                "错误描述:机器人发送签名不匹配",
                Verdict::Misconfigured,
                "secret",
            ),
            (
                "ip 10.0.0.1 not in whitelist",
                Verdict::Misconfigured,
                "allowed addresses",
            ),
        ] {
            let body = serde_json::json!({"errcode": 310_000, "errmsg": errmsg}).to_string();
            let answer = judge(200, body.as_bytes());
            assert_eq!(answer.verdict, expected, "{errmsg}");
            assert!(answer.detail.contains(advice), "{}", answer.detail);
        }
    }

    #[test]
    fn bodies_without_a_code_are_never_a_success() {
        let blocked = r#"{"status":1111,"wait":5,"source":"x5","punish":"deny"}"#;
        assert_eq!(verdict(200, blocked), Verdict::Blocked);
        assert_eq!(verdict(403, blocked), Verdict::Blocked);
        for body in [
            "",
            "{}",
            "null",
            "[]",
            "ok",
            r#"{"errcode":null}"#,
            r#"{"errcode":"0"}"#,
        ] {
            assert_eq!(verdict(200, body), Verdict::Unreadable, "{body}");
            assert_eq!(verdict(502, body), Verdict::ServerError, "{body}");
            assert_eq!(verdict(302, body), Verdict::Refused, "{body}");
            assert_eq!(verdict(404, body), Verdict::Refused, "{body}");
            assert_eq!(verdict(408, body), Verdict::TimedOut, "{body}");
            assert_eq!(verdict(429, body), Verdict::Busy, "{body}");
        }
        assert_eq!(verdict(500, r#"{"errcode":0}"#), Verdict::ServerError);
    }

    proptest! {
        #[test]
        fn nothing_but_code_zero_is_taken(status in 100u16..600, body in ".*") {
            let taken = judge(status, body.as_bytes()).verdict == Verdict::Taken;
            prop_assert!(!taken);
        }
    }
}
