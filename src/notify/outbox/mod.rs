//! The outbox: a pure value that decides when which notices go to which channel, and again when they
//! were not taken.
//!
//! Owns the queues, the grouping, the pace and the retries of all channels. It reads no clock and does
//! no I/O: the daemon commits every [`Effect::Record`] of a batch in one transaction and only then
//! performs the batch's [`Effect::Send`]s, whose outcome returns as [`Input::Answered`].
//!
//! Invariants: a notice leaves a queue only when its receiver took it or when its loss is counted; a
//! channel has at most one message on its way; the bytes of a message that may have arrived never
//! change under the same uuid. A receiver that holds alerts is posted all of them again every minute.

mod arrange;
mod channel;
mod lifecycle;
mod outcome;
mod pace;
mod queue;
mod roster;
mod rounds;
mod standing;
mod surroundings;
mod trouble;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use fastrand::Rng;

use super::{answer::Answer, place::Place, settings::Settings};
use crate::model::{
    ChannelTrouble, ChannelView, Delivery, Incident, Moment, Notice, NoticeId, NoticeReason,
    Record, Saved,
};
use arrange::under_known_names;
use channel::Channel;
use roster::Roster;
use surroundings::Surroundings;

pub use queue::QUEUE_MAX;

/// What the outbox is told.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "inputs live for one turn; a box each would cost more than the room"
)]
pub enum Input {
    /// There is something to tell.
    Notice(Notice),
    /// An incident that people may not have been told of yet is known better: its log's last lines,
    /// or what is done next about it.
    Incident(Incident),
    /// A receiver answered, or did not.
    Answered {
        /// The channel.
        channel: String,
        /// The delivery's uuid.
        uuid: String,
        /// What became of it.
        answer: Answer,
    },
    /// Time passed.
    Wake,
}

/// What the outbox wants done, in this order.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "effects live for one batch; a box each would cost more than the room"
)]
pub enum Effect {
    /// To be committed before anything is sent. A notice that is queued again under the same id
    /// replaces the earlier one.
    Record(Record),
    /// To be sent; the outcome is the input [`Input::Answered`].
    Send {
        /// The channel.
        channel: String,
        /// The message.
        delivery: Delivery,
    },
    /// A receiver took a message.
    Taken {
        /// The channel.
        channel: String,
        /// What it carried.
        notices: Vec<NoticeId>,
        /// From each notice to the taking.
        latencies: Vec<Duration>,
    },
    /// An attempt failed.
    Failed {
        /// The channel.
        channel: String,
        /// Of a closed set: [`super::Verdict::reason`].
        reason: &'static str,
        /// One sentence for people.
        detail: String,
        /// When it is tried again; none where it is not.
        again_at: Option<Moment>,
    },
    /// Other members of a cluster than before do not take what they are posted, or all of them do.
    Members {
        /// The channel.
        channel: String,
        /// Which do not and why, in one sentence; none where all do.
        trouble: Option<String>,
    },
    /// Notices are given up.
    Dropped {
        /// The channel.
        channel: String,
        /// How many.
        count: usize,
        /// Of a closed set: `expired`, `overflow`, `channel_removed`, `rejected`, `too_long`,
        /// `content`.
        reason: &'static str,
    },
}

/// All channels with what waits for them.
#[derive(Debug)]
pub struct Outbox {
    channels: Vec<Channel>,
    surroundings: Surroundings,
    /// What came of starting and is not told yet, with the time from which it is due.
    unsaid: Option<(Moment, Vec<Effect>)>,
}

impl Outbox {
    /// The outbox as the store remembers it. A delivery that a channel's record has may have arrived
    /// and is sent again as it is; whoever holds alerts is posted at once what is still open.
    pub fn new(settings: &Settings, place: Place, saved: Saved, seed: u64, now: Moment) -> Self {
        let (queued, records) = (saved.queued, saved.channels);
        let wanted = settings.effective_channels();
        let known = under_known_names(&wanted, &queued, &records);
        let rng = Rng::with_seed(seed);
        let roster = Roster::restored(saved.incidents, now);
        let mut outbox = Self {
            channels: known.into_iter().map(Channel::new).collect(),
            surroundings: Surroundings::new(settings, place, rng, roster),
            unsaid: None,
        };
        for channel in &mut outbox.channels {
            channel.begin_round(&outbox.surroundings, now);
        }
        let mut gone: BTreeMap<String, Vec<NoticeId>> = BTreeMap::new();
        for record in records {
            match outbox.channel(&record.channel) {
                Some(channel) => channel.restore(&record, now),
                None if record.delivery.is_some() => {
                    gone.entry(record.channel).or_default();
                }
                None => {}
            }
        }
        for (name, notice) in queued {
            match outbox.channel(&name) {
                Some(channel) => channel.requeue(notice, now),
                None => gone.entry(name).or_default().push(notice.id.clone()),
            }
        }
        let mut effects = Vec::new();
        for (name, notices) in gone {
            lifecycle::forget(&name, notices, &mut effects);
        }
        let channels = std::mem::take(&mut outbox.channels).into_iter().zip(wanted);
        let renamed = channels.map(|(channel, settings)| {
            if channel.name() == settings.name {
                channel
            } else {
                channel.renamed(settings, now, &mut effects)
            }
        });
        outbox.channels = renamed.collect();
        outbox.unsaid = (!effects.is_empty()).then_some((now, effects));
        outbox
    }

    /// Goes by other settings from here on: channels come and go, and what waits for one that is gone
    /// is dropped.
    pub fn reconfigure(&mut self, settings: &Settings, now: Moment) -> Vec<Effect> {
        let mut effects = self.take_unsaid();
        self.surroundings.reconfigure(settings);
        self.arrange(settings.effective_channels(), now, &mut effects);
        self.advance(now, &mut effects);
        effects
    }

    /// Takes an input and says what follows from it.
    pub fn handle(&mut self, input: Input, now: Moment) -> Vec<Effect> {
        let mut effects = self.take_unsaid();
        match input {
            Input::Notice(notice) => {
                let notice = Arc::new(notice);
                self.surroundings.roster.tell(&notice, now);
                for channel in &mut self.channels {
                    channel.offer(&notice, now, &mut effects);
                }
            }
            Input::Incident(incident) => {
                self.surroundings.roster.update(&incident);
                let mut alike = Vec::new();
                for channel in &mut self.channels {
                    channel.update(&incident, &mut alike, &mut effects);
                }
            }
            Input::Answered {
                channel: name,
                uuid,
                answer,
            } => {
                let channel = self.channels.iter_mut().find(|it| it.name() == name);
                let rng = &mut self.surroundings.rng;
                let news = channel
                    .and_then(|channel| channel.answered(&uuid, answer, rng, now, &mut effects));
                if let Some(trouble) = news {
                    self.tell_others(trouble, now, &mut effects);
                }
            }
            Input::Wake => self.surroundings.roster.forget(now),
        }
        self.advance(now, &mut effects);
        effects
    }

    /// Posts nothing from here on but what waits: the program is about to end.
    pub fn end_rounds(&mut self) {
        self.surroundings.is_stopping = true;
    }

    /// When it wants to be woken, if nothing else happens.
    pub fn next_wake(&self) -> Option<Moment> {
        let unsaid = self.unsaid.as_ref().map(|(since, _)| *since);
        self.channels
            .iter()
            .filter_map(|channel| channel.next_wake(&self.surroundings))
            .chain(unsaid)
            .min_by_key(|at| at.monotonic)
    }

    /// The channels as they are shown, in the order of the configuration.
    pub fn views(&self) -> Vec<ChannelView> {
        self.channels.iter().map(Channel::view).collect()
    }

    /// Tells all other channels that one needs mending, or is mended.
    fn tell_others(&mut self, trouble: ChannelTrouble, now: Moment, effects: &mut Vec<Effect>) {
        let name = trouble.name.clone();
        let notice = Arc::new(Notice {
            id: NoticeId(self.surroundings.ulid(now)),
            reason: if trouble.why.is_some() {
                NoticeReason::Opened
            } else {
                NoticeReason::Closed
            },
            time: now.wall,
            incidents: Vec::new(),
            channel: Some(Box::new(trouble)),
            heartbeat: None,
        });
        let others = self.channels.iter_mut();
        for channel in others.filter(|channel| channel.name() != name) {
            channel.offer(&notice, now, effects);
        }
    }

    /// Sends what is due, drops what is too old.
    fn advance(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        for channel in &mut self.channels {
            channel.advance(&mut self.surroundings, now, effects);
        }
    }

    fn channel(&mut self, name: &str) -> Option<&mut Channel> {
        self.channels
            .iter_mut()
            .find(|channel| channel.name() == name)
    }

    fn take_unsaid(&mut self) -> Vec<Effect> {
        self.unsaid
            .take()
            .map_or_else(Vec::new, |(_, effects)| effects)
    }
}
