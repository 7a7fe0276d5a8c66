//! How people are told.

use std::time::Duration;

use regex::Regex;
use secrecy::{ExposeSecret as _, SecretString};

use super::redact::Redaction;
use crate::model::Severity;

/// Messages in any 60 s that the program's own log takes: one a second hides nothing else in it.
const LOG_MAX_PER_MINUTE: u32 = 60;

/// The channels, and what is common to them.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The language of messages.
    pub language: Language,
    /// From the first notice after a quiet time to the first message.
    pub group_wait: Duration,
    /// Between messages of one channel after that.
    pub group_interval: Duration,
    /// Lines of a program's log to show; 0: none.
    pub log_tail_lines: usize,
    /// What to hide in log lines, beside the built-in expressions.
    pub redact: Vec<Regex>,
    /// Where messages go; empty: into the log.
    pub channels: Vec<ChannelSettings>,
}

impl Settings {
    /// The channels that messages go to: the configured ones or, where there is none, the program's
    /// own log under the name `log`.
    pub fn effective_channels(&self) -> Vec<ChannelSettings> {
        if self.channels.is_empty() {
            vec![ChannelSettings::log()]
        } else {
            self.channels.clone()
        }
    }

    /// What log lines hide: the user's own expressions, and what would let others speak for supervigil.
    pub fn redaction(&self) -> Redaction {
        let mut redaction = Redaction::new(self.redact.clone());
        for channel in &self.channels {
            for secret in channel.kind.secrets() {
                redaction = redaction.knowing(&secret);
            }
        }
        redaction
    }
}

/// An address, and what in it lets one in: the last part of its path, or of its query.
fn address(url: &SecretString) -> [String; 2] {
    let whole = url.expose_secret();
    let key = whole.rsplit(['/', '=']).next().unwrap_or(whole);
    [whole.to_owned(), key.to_owned()]
}

/// `[alert] language`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Chinese.
    Zh,
    /// English.
    En,
}

/// One channel.
#[derive(Debug, Clone)]
pub struct ChannelSettings {
    /// Its name, unique.
    pub name: String,
    /// What it is told.
    pub severities: Vec<Severity>,
    /// Messages in any 60 s.
    pub max_per_minute: u32,
    /// How it is reached.
    pub kind: ChannelKind,
}

impl ChannelSettings {
    /// The channel that stands in where none is configured.
    fn log() -> Self {
        Self {
            name: "log".to_owned(),
            severities: vec![Severity::Warning, Severity::Critical],
            max_per_minute: LOG_MAX_PER_MINUTE,
            kind: ChannelKind::Log,
        }
    }
}

/// The kinds of channels.
#[derive(Debug, Clone)]
pub enum ChannelKind {
    /// A DingTalk robot.
    DingTalk(DingTalkSettings),
    /// A robot of Feishu or Lark.
    Feishu(FeishuSettings),
    /// A robot of WeCom.
    WeCom(WeComSettings),
    /// An incoming webhook of Slack.
    Slack(SlackSettings),
    /// Any HTTP endpoint that takes notices as JSON.
    Webhook(WebhookSettings),
    /// A cluster of Alertmanagers.
    Alertmanager(AlertmanagerSettings),
    /// The program's own log.
    Log,
}

impl ChannelKind {
    /// The name on the page and in the API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::DingTalk(_) => "dingtalk",
            Self::Feishu(_) => "feishu",
            Self::WeCom(_) => "wecom",
            Self::Slack(_) => "slack",
            Self::Webhook(_) => "webhook",
            Self::Alertmanager(_) => "alertmanager",
            Self::Log => "log",
        }
    }

    /// Everything about it that nobody else may read: addresses, what stands in them, and keys.
    fn secrets(&self) -> Vec<String> {
        let shown = |secret: &SecretString| secret.expose_secret().to_owned();
        match self {
            Self::DingTalk(settings) => {
                let token = shown(&settings.webhook);
                let token = token.split_once("access_token=").map(|(_, token)| token);
                let token = token.and_then(|token| token.split('&').next());
                let secret = settings.secret.as_ref().map(shown);
                token
                    .map(ToOwned::to_owned)
                    .into_iter()
                    .chain(secret)
                    .collect()
            }
            Self::Feishu(settings) => {
                let secret = settings.secret.as_ref().map(shown);
                let address = address(&settings.webhook);
                address.into_iter().chain(secret).collect()
            }
            Self::WeCom(settings) => address(&settings.webhook).to_vec(),
            Self::Slack(settings) => address(&settings.webhook).to_vec(),
            Self::Webhook(settings) => [Some(&settings.url), settings.bearer_token.as_ref()]
                .into_iter()
                .flatten()
                .map(shown)
                .collect(),
            Self::Alertmanager(settings) => settings.urls.iter().map(shown).collect(),
            Self::Log => Vec::new(),
        }
    }

    /// Whether messages to the two arrive at the same place.
    pub(super) fn is_same_receiver(&self, other: &Self) -> bool {
        let is_same =
            |one: &SecretString, other: &SecretString| one.expose_secret() == other.expose_secret();
        match (self, other) {
            (Self::DingTalk(one), Self::DingTalk(other)) => is_same(&one.webhook, &other.webhook),
            (Self::Feishu(one), Self::Feishu(other)) => is_same(&one.webhook, &other.webhook),
            (Self::WeCom(one), Self::WeCom(other)) => is_same(&one.webhook, &other.webhook),
            (Self::Slack(one), Self::Slack(other)) => is_same(&one.webhook, &other.webhook),
            (Self::Webhook(one), Self::Webhook(other)) => is_same(&one.url, &other.url),
            (Self::Alertmanager(one), Self::Alertmanager(other)) => {
                one.urls.len() == other.urls.len()
                    && one
                        .urls
                        .iter()
                        .zip(&other.urls)
                        .all(|(one, other)| is_same(one, other))
            }
            (Self::Log, Self::Log) => true,
            (
                Self::DingTalk(_)
                | Self::Feishu(_)
                | Self::WeCom(_)
                | Self::Slack(_)
                | Self::Webhook(_)
                | Self::Alertmanager(_)
                | Self::Log,
                Self::DingTalk(_)
                | Self::Feishu(_)
                | Self::WeCom(_)
                | Self::Slack(_)
                | Self::Webhook(_)
                | Self::Alertmanager(_)
                | Self::Log,
            ) => false,
        }
    }

    /// Whether the receiver holds alerts until they end or are heard of no more, rather than taking
    /// messages that are done with then.
    pub fn holds_alerts(&self) -> bool {
        match self {
            Self::Alertmanager(_) => true,
            Self::DingTalk(_)
            | Self::Feishu(_)
            | Self::WeCom(_)
            | Self::Slack(_)
            | Self::Webhook(_)
            | Self::Log => false,
        }
    }
}

/// `[[dingtalk]]`.
#[derive(Debug, Clone)]
pub struct DingTalkSettings {
    /// The whole address, with the access token in it.
    pub webhook: SecretString,
    /// The key that signs each request; none in keyword or IP mode.
    pub secret: Option<SecretString>,
    /// Put into every message, when not empty.
    pub keyword: String,
    /// The form of messages.
    pub message_type: MessageType,
    /// Phones to mention.
    pub at_mobiles: Vec<String>,
    /// Users to mention.
    pub at_user_ids: Vec<String>,
    /// Whether to mention everybody.
    pub at_all: bool,
}

/// `[[dingtalk]] message_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageType {
    /// Rich text.
    Markdown,
    /// Plain text.
    Text,
}

/// `[[feishu]]`.
#[derive(Debug, Clone)]
pub struct FeishuSettings {
    /// The whole address, with the token in its path.
    pub webhook: SecretString,
    /// The key that signs each request; none in keyword or IP mode.
    pub secret: Option<SecretString>,
    /// Put into every message, when not empty.
    pub keyword: String,
    /// Users to mention, by `open_id` or `user_id`.
    pub at_user_ids: Vec<String>,
    /// Whether to mention everybody.
    pub at_all: bool,
}

/// `[[wecom]]`.
#[derive(Debug, Clone)]
pub struct WeComSettings {
    /// The whole address, with the key in it.
    pub webhook: SecretString,
    /// Phones to mention.
    pub at_mobiles: Vec<String>,
    /// Users to mention; `@all` is everybody.
    pub at_user_ids: Vec<String>,
}

/// `[[slack]]`.
#[derive(Debug, Clone)]
pub struct SlackSettings {
    /// The whole address, with the token in its path.
    pub webhook: SecretString,
    /// Members to mention, by their identities.
    pub at_user_ids: Vec<String>,
    /// Whether to mention everybody in the channel.
    pub at_all: bool,
}

/// `[[webhook]]`.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// Where to post; it may hold a secret.
    pub url: SecretString,
    /// Sent as `Authorization: Bearer`.
    pub bearer_token: Option<SecretString>,
}

/// `[[alertmanager]]`.
#[derive(Debug, Clone)]
pub struct AlertmanagerSettings {
    /// Every member of the cluster; a user and a password in the address are sent as basic
    /// authentication.
    pub urls: Vec<SecretString>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::tail_lines;

    #[test]
    fn what_supervigil_itself_is_let_in_by_shows_in_no_log() {
        let channel = |kind| ChannelSettings {
            kind,
            ..ChannelSettings::log()
        };
        let settings = Settings {
            language: Language::En,
            group_wait: Duration::ZERO,
            group_interval: Duration::ZERO,
            log_tail_lines: 1,
            redact: Vec::new(),
            channels: vec![
                channel(ChannelKind::DingTalk(DingTalkSettings {
                    webhook: "https://robot.invalid/send?access_token=the-robots-token&a=1".into(),
                    secret: Some("the-robots-secret".into()),
                    keyword: String::new(),
                    message_type: MessageType::Text,
                    at_mobiles: Vec::new(),
                    at_user_ids: Vec::new(),
                    at_all: false,
                })),
                channel(ChannelKind::Webhook(WebhookSettings {
                    url: "https://hook.invalid/hook-path".into(),
                    bearer_token: Some("the-hooks-token".into()),
                })),
                channel(ChannelKind::Alertmanager(AlertmanagerSettings {
                    urls: vec!["http://alert.invalid/".into()],
                })),
            ],
        };
        let log = b"the-robots-token the-robots-secret https://hook.invalid/hook-path the-hooks-token http://alert.invalid/";
        let shown = tail_lines(log, false, 1, &settings.redaction());
        assert_eq!(shown, ["*** *** *** *** ***"]);
    }
}
