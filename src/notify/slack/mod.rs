//! Incoming webhooks of Slack.
//!
//! Owns the wire form: the request's body and the meaning of an answer. All of it is pure;
//! `channels.rs` does the sending, and the outbox decides when.
//!
//! Slack cannot tell a repetition from a second message, so one that arrived unheard shows twice.

mod message;
mod verdict;

pub(super) use message::body;
pub(super) use verdict::judge;
