//! Notices -> the incidents that they are about, each once, the worst first; and the channels.

use std::cmp::Reverse;

use jiff::Timestamp;

use crate::model::{ChannelTrouble, Heartbeat, Incident, Notice, NoticeReason};

/// One incident, with everything that the notices of one message say about it.
#[derive(Debug, Clone)]
pub(super) struct Item<'a> {
    /// As the last notice has it.
    pub(super) incident: &'a Incident,
    /// When that notice came about.
    pub(super) told_at: Timestamp,
    /// Why it is told, by the last notice.
    pub(super) reason: NoticeReason,
    /// Whether this message is the first to tell of it.
    pub(super) first_told: bool,
    /// The latest log lines that any of the notices has.
    pub(super) log_tail: &'a [String],
    mentions: bool,
}

impl Item<'_> {
    /// Whether the incident is over.
    pub(super) fn is_closed(&self) -> bool {
        self.incident.closed_at.is_some()
    }

    /// Whether it is worth making a phone ring: not for what is over before it was told.
    pub(super) fn rings(&self) -> bool {
        self.mentions && !self.is_closed()
    }
}

/// The incidents of `notices` (oldest first): open ones before closed ones, the severest first.
pub(super) fn of<'a>(notices: &[&'a Notice]) -> Vec<Item<'a>> {
    let mut items: Vec<Item<'a>> = Vec::new();
    for notice in notices {
        for incident in &notice.incidents {
            match items
                .iter_mut()
                .find(|item| item.incident.id == incident.id)
            {
                Some(item) => update(item, notice, incident),
                None => items.push(first(notice, incident)),
            }
        }
    }
    items.sort_by_key(|item| {
        let incident = item.incident;
        (
            item.is_closed(),
            Reverse(incident.severity),
            Reverse(incident.kind),
            incident.opened_at,
        )
    });
    items
}

/// The channels that `notices` (oldest first) are about, each as the last of them has it; those that
/// need mending come first.
pub(super) fn channels<'a>(notices: &[&'a Notice]) -> Vec<&'a ChannelTrouble> {
    let mut latest: Vec<&ChannelTrouble> = Vec::new();
    for trouble in notices
        .iter()
        .filter_map(|notice| notice.channel.as_deref())
    {
        match latest.iter_mut().find(|known| known.name == trouble.name) {
            Some(known) => *known = trouble,
            None => latest.push(trouble),
        }
    }
    latest.sort_by_key(|trouble| trouble.why.is_none());
    latest
}

/// The latest heartbeat.
pub(super) fn heartbeat<'a>(notices: &[&'a Notice]) -> Option<&'a Heartbeat> {
    let mut notices = notices.iter().rev();
    notices.find_map(|notice| notice.heartbeat.as_deref())
}

fn first<'a>(notice: &'a Notice, incident: &'a Incident) -> Item<'a> {
    Item {
        incident,
        told_at: notice.time,
        reason: notice.reason,
        first_told: tells_first(notice.reason),
        log_tail: &incident.log_tail,
        mentions: notice.reason.mentions(),
    }
}

fn update<'a>(item: &mut Item<'a>, notice: &'a Notice, incident: &'a Incident) {
    item.incident = incident;
    item.told_at = notice.time;
    item.reason = notice.reason;
    item.first_told |= tells_first(notice.reason);
    item.mentions |= notice.reason.mentions();
    if !incident.log_tail.is_empty() {
        item.log_tail = &incident.log_tail;
    }
}

/// Whether a notice for this reason is the first of its incident.
fn tells_first(reason: NoticeReason) -> bool {
    match reason {
        NoticeReason::Opened | NoticeReason::Digest => true,
        NoticeReason::Escalated | NoticeReason::Reminder | NoticeReason::Closed => false,
    }
}
