//! Pure: what the robots of all services have in common.
//!
//! Owns the measure of a message, the keyed hash of signatures, and what an answer means whose body
//! says nothing. What a service's own codes mean is in the service's folder.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::{
    answer::{Answer, Verdict},
    redact,
};

/// How many characters of a receiver's own words are passed on; DingTalk's longest known sentence
/// has some 150.
const WORDS_MAX: usize = 200;

/// A request's body, and whether the receiver takes that much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rendered {
    /// The request's body.
    pub(super) body: String,
    /// Whether it is within the receiver's limit, in whatever unit that has.
    pub(super) fits: bool,
}

impl Rendered {
    /// A body of which the receiver takes so many bytes.
    pub(super) fn within(body: String, bytes_max: usize) -> Self {
        let fits = body.len() <= bytes_max;
        Self { body, fits }
    }
}

/// HMAC-SHA256 in base64, not escaped for a URL.
pub(super) fn hmac_sha256(key: &str, message: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else {
        // HMAC takes keys of any length (RFC 2104), so this is never reached; an empty signature
        // would be refused by the robot and told as such.
        return String::new();
    };
    mac.update(message.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Names in their order, each once.
pub(super) fn each_once<'a>(names: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    let mut each_once: Vec<&str> = Vec::new();
    for name in names {
        if !each_once.contains(&name.as_str()) {
            each_once.push(name);
        }
    }
    each_once
}

/// A refusal that says why: `code` is the service's own, and `words` are.
pub(super) fn refusal(
    verdict: Verdict,
    service: &str,
    code: &str,
    words: &str,
    advice: &str,
) -> Answer {
    let words = fit_to_show(words);
    let said = if words.is_empty() {
        code.to_owned()
    } else {
        format!("{code}: {words}")
    };
    let detail = format!("{service} refused the message ({said}): {advice}");
    Answer::new(verdict, detail)
}

/// An answer whose body does not say what it should, which is `missing`; only the HTTP status is left.
pub(super) fn judge_status(service: &str, status: u16, missing: &str) -> Answer {
    let (verdict, remark) = match status {
        200..300 => {
            let detail = format!(
                "{service} answered HTTP {status} without {missing}; a proxy may be in between"
            );
            return Answer::new(Verdict::Unreadable, detail);
        }
        408 => (Verdict::TimedOut, " (time-out)"),
        429 => (Verdict::Busy, " (too many requests)"),
        500.. => (Verdict::ServerError, ""),
        _ => (
            Verdict::Refused,
            "; check that `webhook` is the robot's address",
        ),
    };
    Answer::new(verdict, format!("{service} answered HTTP {status}{remark}"))
}

/// The receiver's words on one line, without control characters and secrets, cut to a length.
fn fit_to_show(words: &str) -> String {
    redact::line(words, WORDS_MAX)
}
