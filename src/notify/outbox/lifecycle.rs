//! How a channel begins, changes and ends: restarts and reloads.

use std::{sync::Arc, time::Duration};

use super::{
    Effect,
    channel::{Channel, Phase, done},
    pace::Pace,
};
use crate::{
    model::{ChannelRecord, Moment, Notice, NoticeId, Record},
    notify::{compose, settings::ChannelSettings},
};

/// The longest wait that a record of an earlier run may impose on a delivery: the longest delay that
/// a retry has. A record from a clock that ran ahead must not hold a message back for years.
const RETRY_MAX: Duration = Duration::from_secs(600);

impl Channel {
    /// Takes up what an earlier run wrote down. Where that is about another kind of receiver, nothing
    /// of it holds for this one: what waited is rendered anew.
    pub(super) fn restore(&mut self, record: &ChannelRecord, now: Moment) {
        if !record.kind.is_empty() && record.kind != self.settings.kind.name() {
            self.phase = Phase::Anew { at: now };
            return;
        }
        self.pace = Pace::restore(&record.sent_at, record.frozen_until, now);
        self.last_success_at = record.last_success_at;
        self.trouble = record.trouble;
        if let Some(delivery) = record.delivery.clone() {
            let at = delivery.retry_at.map_or(now, |at| {
                now.after(at.duration_since(now.wall).try_into().unwrap_or_default())
            });
            let latest = now.after(RETRY_MAX);
            let at = if at.monotonic > latest.monotonic {
                latest
            } else {
                at
            };
            self.send_again(delivery, at);
        }
    }

    /// Takes up a notice that waited in an earlier run.
    pub(super) fn requeue(&mut self, notice: Arc<Notice>, now: Moment) {
        self.queue.restore(notice, now);
    }

    /// Goes by other settings. Somebody looked after it, so what waits for a mending is tried at once;
    /// bytes that were made for another kind of receiver are made anew, and another receiver has not
    /// asked for quiet.
    pub(super) fn reconfigure(
        &mut self,
        settings: ChannelSettings,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let same_kind = self.settings.kind.name() == settings.kind.name();
        let same_receiver = self.settings.kind.is_same_receiver(&settings.kind);
        self.settings = settings;
        self.failures = 0;
        self.signed_again = false;
        self.rounds.begin(now);
        if !compose::tells_in_words(&self.settings) {
            self.untold = None;
        }
        match &mut self.phase {
            // What is written down of it goes with the record of the other receiver below.
            Phase::Again { .. } if !same_kind => self.phase = Phase::Anew { at: now },
            Phase::Again { at, .. } | Phase::Anew { at } => *at = now,
            Phase::Idle | Phase::Sending(_) => {}
        }
        if !same_receiver {
            self.pace = Pace::default();
            effects.push(self.record());
        }
    }

    /// Goes by another name, and perhaps by other settings: what waits goes along. The answer to a
    /// message under way will bear the old name, so the same bytes are sent once more.
    pub(super) fn renamed(
        mut self,
        settings: ChannelSettings,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) -> Self {
        let waiting: Vec<Notice> = self.queue.notices().into_iter().cloned().collect();
        let ids = waiting.iter().map(|notice| notice.id.clone()).collect();
        leave(self.name(), ids, effects);
        if let Phase::Sending(delivery) = &self.phase {
            self.send_again(delivery.clone(), now);
        }
        self.reconfigure(settings, now, effects);
        effects.extend(waiting.into_iter().map(|notice| {
            Effect::Record(Record::NoticeQueued {
                channel: self.name().to_owned(),
                notice,
            })
        }));
        effects.push(self.record());
        self
    }

    /// Whether something waits for it, or is on its way.
    pub(super) fn is_busy(&self) -> bool {
        self.carried().is_some() || self.queue.len() > 0
    }

    /// Gives up everything that waits: the channel is not configured any more.
    pub(super) fn close(mut self, effects: &mut Vec<Effect>) {
        if self.is_busy() {
            let notices = self.queue.drain();
            forget(self.name(), notices, effects);
        }
    }
}

/// Drops everything that waits for a channel that is gone, and its record's delivery.
pub(super) fn forget(name: &str, notices: Vec<NoticeId>, effects: &mut Vec<Effect>) {
    let count = notices.len();
    leave(name, notices, effects);
    if count > 0 {
        effects.push(Effect::Dropped {
            channel: name.to_owned(),
            count,
            reason: "channel_removed",
        });
    }
}

/// Records that nothing waits under that name any more.
fn leave(name: &str, notices: Vec<NoticeId>, effects: &mut Vec<Effect>) {
    done(name, notices, effects);
    effects.push(Effect::Record(Record::Channel(ChannelRecord {
        channel: name.to_owned(),
        ..ChannelRecord::default()
    })));
}
