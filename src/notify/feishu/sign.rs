//! The signature of a robot's requests, made anew for every attempt.
//!
//! It stands in the body, and holds the time, which may be off by an hour at most. The bytes of a
//! message that may have arrived never change, so the outbox keeps the body without it, and each
//! attempt puts its own in front of those bytes.

use jiff::Timestamp;
use secrecy::ExposeSecret as _;

use crate::notify::{robot::hmac_sha256, settings::FeishuSettings};

/// The body of one attempt at `now`: `body`, signed where the robot has a secret.
///
/// The key is `"{seconds}\n{secret}"` and signs nothing, which is Feishu's way and not DingTalk's.
pub(in crate::notify) fn signed(settings: &FeishuSettings, body: &str, now: Timestamp) -> String {
    let (Some(secret), Some(members)) = (&settings.secret, body.strip_prefix('{')) else {
        return body.to_owned();
    };
    let seconds = now.as_second();
    let sign = signature(secret.expose_secret(), seconds);
    // Digits and base64 need no escape in JSON.
    format!(r#"{{"timestamp":"{seconds}","sign":"{sign}",{members}"#)
}

fn signature(secret: &str, seconds: i64) -> String {
    hmac_sha256(&format!("{seconds}\n{secret}"), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(secret: Option<&str>) -> FeishuSettings {
        FeishuSettings {
            webhook: "https://robot.invalid".to_owned().into(),
            secret: secret.map(|secret| secret.to_owned().into()),
            keyword: String::new(),
            at_user_ids: Vec::new(),
            at_all: false,
        }
    }

    /// The expected value was made with Python's hmac module, not with this code.
    #[test]
    fn agrees_with_another_implementation() {
        assert_eq!(
            signature("secret0123456789", 1_700_000_000),
            "xBm3f3orCvAg1rSYPom0vL6vpscLAoQyb75BHA9tAP0="
        );
    }

    #[test]
    fn only_the_signature_tells_two_attempts_apart() {
        let members = r#""msg_type":"post","content":{}}"#;
        let body = &format!("{{{members}");
        let at = |second| Timestamp::from_second(second).unwrap();
        let settings = settings(Some("secret"));
        let first = signed(&settings, body, at(1_700_000_000));
        let second = signed(&settings, body, at(1_700_000_001));
        assert_ne!(first, second);
        for signed in [first, second] {
            assert!(signed.ends_with(members), "{signed}");
            let mut parsed: serde_json::Value = serde_json::from_str(&signed).unwrap();
            let parsed = parsed.as_object_mut().unwrap();
            assert!(parsed.remove("timestamp").unwrap().is_string());
            assert!(parsed.remove("sign").unwrap().is_string());
            let unsigned: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(serde_json::Value::from(parsed.clone()), unsigned);
        }
    }

    #[test]
    fn without_a_secret_nothing_is_added() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        assert_eq!(signed(&settings(None), "{}", now), "{}");
    }
}
