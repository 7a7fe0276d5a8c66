//! Notices become messages, and messages arrive.

mod settings;

pub use settings::{
    AlertmanagerSettings, ChannelKind, ChannelSettings, DingTalkSettings, Language, MessageType,
    Settings, WebhookSettings,
};
