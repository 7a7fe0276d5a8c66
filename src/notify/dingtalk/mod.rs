//! DingTalk robots.
//!
//! Owns the wire form: the signed address, the request's body, the meaning of an answer. All of it is
//! pure; `channels.rs` does the sending, and the outbox decides when.

mod message;
mod sign;
mod verdict;

use jiff::Timestamp;
use reqwest::Url;
use secrecy::ExposeSecret as _;

use super::settings::DingTalkSettings;

pub(super) use message::{BODY_MAX, body};
pub(super) use verdict::judge;

/// The address of one attempt at `now`, signed where the robot has a secret.
pub(super) fn address(settings: &DingTalkSettings, url: &Url, now: Timestamp) -> Url {
    let mut url = url.clone();
    if let Some(secret) = &settings.secret {
        sign::sign(&mut url, secret.expose_secret(), now);
    }
    url
}
