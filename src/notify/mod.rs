//! Notices become messages, and messages arrive.
//!
//! Owns the [`Outbox`] (pure: when what goes where), the rendering (pure: what it says), and the
//! [`Channels`] (how it gets there). What is worth a notice is for the engine to decide, and what
//! survives a restart is for the store to keep: the daemon carries values between them.
//!
//! Invariant: nothing that is shown, logged or returned from here holds an address's token, a signing
//! secret or a bearer token.

mod alertmanager;
mod answer;
mod channels;
mod compose;
mod dingtalk;
mod feishu;
mod outbox;
mod place;
mod preview;
mod redact;
mod robot;
mod samples;
mod settings;
mod slack;
mod text;
mod tls;
mod webhook;
mod wecom;

#[cfg(test)]
mod fixtures;

pub use answer::{Answer, Verdict};
pub use channels::{ChannelError, Channels};
pub use outbox::{Effect, Input, Outbox, QUEUE_MAX};
pub use place::Place;
pub use preview::preview;
pub use redact::{EXPRESSIONS_MAX, Redaction, expression, tail_lines};
pub use samples::{endings, samples};
pub use settings::{
    AlertmanagerSettings, ChannelKind, ChannelSettings, DingTalkSettings, FeishuSettings, Language,
    MessageType, Settings, SlackSettings, WeComSettings, WebhookSettings,
};
