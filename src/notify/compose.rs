//! Pure: notices -> the body of one request to one channel.
//!
//! Owns how much goes into one message: detail is taken away, then notices are left for the next
//! message, until the body fits. A refusal for size or content sets the same [`Limits`] from outside.

use super::{
    dingtalk,
    settings::{ChannelKind, ChannelSettings},
    text::{self, BREVITY_MAX, Subject, Voice},
    webhook,
};
use crate::model::Notice;

/// What refusals taught about the next message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// The least brevity.
    pub(super) brevity: u8,
    /// The most notices.
    pub(super) notices: usize,
}

impl Limits {
    /// No limits but the channel's own.
    pub(super) const NONE: Self = Self {
        brevity: 0,
        notices: usize::MAX,
    };
}

/// A body, and what went into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Composed {
    /// The request's body.
    pub(super) body: String,
    /// How many notices it carries, from the first on.
    pub(super) carried: usize,
    /// How brief it is.
    pub(super) brevity: u8,
}

/// The body for `channel` that carries as many of `notices` (oldest first) as fit.
pub(super) fn compose(
    channel: &ChannelSettings,
    voice: &Voice,
    notices: &[&Notice],
    dropped: usize,
    (limits, uuid): (Limits, &str),
) -> Composed {
    let mut brevity = limits.brevity;
    let mut carried = notices.len().min(limits.notices).min(notices_max(channel));
    let mut lines_max = usize::MAX;
    loop {
        let subject = Subject {
            notices: notices.get(..carried).unwrap_or(notices),
            dropped,
            brevity,
            lines_max,
        };
        let body = body(channel, voice, &subject, uuid);
        if body.len() <= body_max(channel) || (lines_max == 0 && brevity >= BREVITY_MAX) {
            return Composed {
                body,
                carried,
                brevity,
            };
        }
        if brevity < BREVITY_MAX {
            brevity += 1;
        } else if carried > 1 {
            carried /= 2;
        } else {
            // One notice about more incidents than a message holds: the rest is counted.
            let lines = subject.notices.iter().map(|notice| notice.incidents.len());
            lines_max = lines.sum::<usize>().min(lines_max) / 2;
        }
    }
}

/// Whether the channel can be told of dropped notices in words.
pub(super) fn tells_drops(channel: &ChannelSettings) -> bool {
    match channel.kind {
        ChannelKind::DingTalk(_) | ChannelKind::Log => true,
        ChannelKind::Webhook(_) | ChannelKind::Alertmanager(_) => false,
    }
}

fn body(channel: &ChannelSettings, voice: &Voice, subject: &Subject<'_>, uuid: &str) -> String {
    match &channel.kind {
        ChannelKind::DingTalk(settings) => {
            dingtalk::body(settings, &text::compose(subject, voice), uuid)
        }
        ChannelKind::Webhook(_) => subject.notices.first().map_or_else(String::new, |notice| {
            webhook::body(notice, subject.brevity == 0)
        }),
        ChannelKind::Log | ChannelKind::Alertmanager(_) => text::compose(subject, voice).plain(),
    }
}

/// The most notices of one request: a webhook's body has room for one.
fn notices_max(channel: &ChannelSettings) -> usize {
    match channel.kind {
        ChannelKind::Webhook(_) => 1,
        ChannelKind::DingTalk(_) | ChannelKind::Alertmanager(_) | ChannelKind::Log => usize::MAX,
    }
}

fn body_max(channel: &ChannelSettings) -> usize {
    match channel.kind {
        ChannelKind::Webhook(_) => webhook::BODY_MAX,
        ChannelKind::DingTalk(_) | ChannelKind::Alertmanager(_) | ChannelKind::Log => {
            dingtalk::BODY_MAX
        }
    }
}
