//! The signature of a robot's requests, made anew for every attempt.

use jiff::Timestamp;
use reqwest::Url;

use crate::notify::robot::hmac_sha256;

/// Adds `timestamp` and `sign` to the robot's address, as DingTalk's page on custom robots has it:
/// the secret signs `"{milliseconds}\n{secret}"` with HMAC-SHA256.
pub(super) fn sign(url: &mut Url, secret: &str, now: Timestamp) {
    let millis = now.as_millisecond();
    let signature = signature(secret, millis);
    url.query_pairs_mut()
        .append_pair("timestamp", &millis.to_string())
        .append_pair("sign", &signature);
}

/// The signature in base64, not yet escaped for a URL.
fn signature(secret: &str, millis: i64) -> String {
    hmac_sha256(secret, &format!("{millis}\n{secret}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected value was made with Python's hmac module, not with this code.
    #[test]
    fn agrees_with_another_implementation() {
        assert_eq!(
            signature("SECtest0123456789", 1_700_000_000_000),
            "yBKp5IlG6qCzcQWmgyRK/ziJBdVNJmHfFE2ST/CzT/g="
        );
    }

    #[test]
    fn base64_is_escaped_in_the_url() {
        let mut url = Url::parse("https://robot.example/send?access_token=t").unwrap();
        let now = Timestamp::from_millisecond(1_700_000_000_000).unwrap();
        sign(&mut url, "SECtest0123456789", now);
        let query = url.query().unwrap();
        assert!(query.starts_with("access_token=t&timestamp=1700000000000&sign="));
        assert!(!query.contains('+') && !query.ends_with('='), "{query}");
    }
}
