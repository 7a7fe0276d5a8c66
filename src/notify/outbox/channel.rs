//! One channel: what waits for it, what is on its way, and when the next attempt is due.
//!
//! | phase | what is known | leaves it |
//! |---|---|---|
//! | Idle | nothing is on its way | the group's time has come -> Sending |
//! | Sending | an attempt is under way | the answer (`outcome.rs`) |
//! | Again | an attempt may have arrived | its time has come: the same bytes -> Sending |
//! | Anew | an attempt was refused for sure, or more waits | its time has come: rendered anew -> Sending |

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    Effect,
    pace::{self, Pace, later},
    queue::{QUEUE_MAX, Queue},
    rounds::Rounds,
    standing::Standing,
    surroundings::Surroundings,
};
use crate::{
    model::{
        ChannelRecord, ChannelView, Delivery, Incident, Moment, Notice, NoticeId, NoticeReason,
        Record, Severity, Trouble,
    },
    notify::{
        compose::{self, Limits, Stamp},
        settings::ChannelSettings,
    },
};

/// What is on its way.
#[derive(Debug, Clone)]
pub(super) enum Phase {
    Idle,
    Sending(Delivery),
    Again { delivery: Delivery, at: Moment },
    Anew { at: Moment },
}

/// A channel's whole state.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) settings: ChannelSettings,
    pub(super) queue: Queue,
    pub(super) phase: Phase,
    pub(super) pace: Pace,
    pub(super) rounds: Rounds,
    /// Failures in a row.
    pub(super) failures: u32,
    pub(super) limits: Limits,
    /// Whether a refusal for the signature's time was answered by signing again already.
    pub(super) signed_again: bool,
    pub(super) standing: Standing,
    pub(super) last_success_at: Option<Timestamp>,
    /// What the other channels were told of it.
    pub(super) trouble: Trouble,
    /// Whether notices waited that the delivery on its way had no room for.
    pub(super) has_rest: bool,
    /// Notices dropped since the last message that told of it, and since when.
    pub(super) untold: Option<(usize, Moment)>,
    /// How many dropped notices the delivery on its way tells of.
    pub(super) telling: usize,
}

impl Channel {
    pub(super) fn new(settings: ChannelSettings) -> Self {
        Self {
            settings,
            queue: Queue::default(),
            phase: Phase::Idle,
            pace: Pace::default(),
            rounds: Rounds::default(),
            failures: 0,
            limits: Limits::NONE,
            signed_again: false,
            standing: Standing::Works,
            last_success_at: None,
            trouble: Trouble::None,
            has_rest: false,
            untold: None,
            telling: 0,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.settings.name
    }

    /// Whether the channel is told such notices. Who holds alerts reminds people by itself.
    fn wants(&self, notice: &Notice) -> bool {
        let severity = notice.severity();
        let understands = notice.is_of_incidents() || compose::tells_in_words(&self.settings);
        let is_news = notice.reason != NoticeReason::Reminder || !self.settings.kind.holds_alerts();
        understands
            && is_news
            && severity != Severity::None
            && self.settings.severities.contains(&severity)
    }

    /// Queues a notice, where the channel is told such.
    pub(super) fn offer(&mut self, notice: &Arc<Notice>, now: Moment, effects: &mut Vec<Effect>) {
        if !self.wants(notice) {
            return;
        }
        effects.push(Effect::Record(Record::NoticeQueued {
            channel: self.name().to_owned(),
            notice: Notice::clone(notice),
        }));
        self.queue.push(Arc::clone(notice), now);
        let carried = self.carried().unwrap_or_default().to_vec();
        if let Some(spared) = self.queue.overflow(&carried) {
            self.dropped(vec![spared], "overflow", now, effects);
        }
    }

    /// Brings what waits and is not rendered yet up to what is known of an incident. `alike` is what
    /// other channels have of it by now: what waits for several takes its room once.
    pub(super) fn update(
        &mut self,
        incident: &Incident,
        alike: &mut Vec<Arc<Notice>>,
        effects: &mut Vec<Effect>,
    ) {
        let carried = self.carried().unwrap_or_default().to_vec();
        for notice in self.queue.update(incident, &carried, alike) {
            effects.push(Effect::Record(Record::NoticeQueued {
                channel: self.name().to_owned(),
                notice: Notice::clone(&notice),
            }));
        }
    }

    /// Drops what is too old and sends what is due.
    pub(super) fn advance(
        &mut self,
        surroundings: &mut Surroundings,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        self.pace.thaw(now);
        self.expire(now, effects);
        if matches!(self.phase, Phase::Anew { .. }) && self.waiting_since().is_none() {
            self.phase = Phase::Idle;
        }
        self.plan_round(surroundings, now);
        let is_due = self
            .send_at(surroundings)
            .is_some_and(|at| at.monotonic <= now.monotonic);
        if !is_due {
            return;
        }
        let delivery = match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Again { delivery, .. } => Delivery {
                attempts: delivery.attempts.saturating_add(1),
                retry_at: None,
                ..delivery
            },
            Phase::Idle | Phase::Sending(_) | Phase::Anew { .. } => {
                if self.settings.kind.holds_alerts() {
                    self.render_alerts(surroundings, now)
                } else {
                    self.render(surroundings, now)
                }
            }
        };
        self.pace.sent(now);
        self.phase = Phase::Sending(delivery.clone());
        if !self.is_round(&delivery) {
            effects.push(self.record());
        }
        effects.push(Effect::Send {
            channel: self.name().to_owned(),
            delivery,
        });
    }

    /// When there is something to do.
    pub(super) fn next_wake(&self, surroundings: &Surroundings) -> Option<Moment> {
        let expires_at = match self.phase {
            Phase::Sending(_) => None,
            Phase::Idle | Phase::Again { .. } | Phase::Anew { .. } => self.queue.expires_at(),
        };
        [self.send_at(surroundings), expires_at]
            .into_iter()
            .flatten()
            .min_by_key(|at| at.monotonic)
    }

    pub(super) fn view(&self) -> ChannelView {
        ChannelView {
            name: self.name().to_owned(),
            kind: self.settings.kind.name(),
            up: self.standing.is_up(),
            error: self.standing.error().map(ToOwned::to_owned),
            length: self.queue.len(),
            capacity: QUEUE_MAX,
            oldest_at: self.queue.oldest_at(),
            frozen_until: self.pace.frozen_until(),
            last_success_at: self.last_success_at,
        }
    }

    /// The channel's state as it survives a restart. What is on its way to who holds alerts is made
    /// anew then.
    pub(super) fn record(&self) -> Effect {
        let delivery = match &self.phase {
            Phase::Sending(delivery) | Phase::Again { delivery, .. } => Some(delivery.clone()),
            Phase::Idle | Phase::Anew { .. } => None,
        };
        let delivery = delivery.filter(|_| !self.settings.kind.holds_alerts());
        Effect::Record(Record::Channel(ChannelRecord {
            channel: self.name().to_owned(),
            kind: self.settings.kind.name().to_owned(),
            delivery,
            sent_at: self.pace.sent_at(),
            frozen_until: self.pace.frozen_until(),
            last_success_at: self.last_success_at,
            trouble: self.trouble,
        }))
    }

    /// Writes notices off that have left the queue undelivered.
    pub(super) fn dropped(
        &mut self,
        notices: Vec<NoticeId>,
        reason: &'static str,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let count = notices.len();
        done(self.name(), notices, effects);
        effects.push(Effect::Dropped {
            channel: self.name().to_owned(),
            count,
            reason,
        });
        if compose::tells_in_words(&self.settings) {
            let (before, since) = self.untold.unwrap_or((0, now));
            self.untold = Some((before + count, since));
        }
    }

    /// The same bytes once more, as far as it matters that they are the same.
    pub(super) fn send_again(&mut self, delivery: Delivery, at: Moment) {
        self.phase = if self.settings.kind.holds_alerts() {
            Phase::Anew { at }
        } else {
            Phase::Again { delivery, at }
        };
    }

    /// The notices on their way.
    pub(super) fn carried(&self) -> Option<&[NoticeId]> {
        match &self.phase {
            Phase::Sending(delivery) | Phase::Again { delivery, .. } => Some(&delivery.notices),
            Phase::Idle | Phase::Anew { .. } => None,
        }
    }

    /// Drops what has waited too long, but nothing whose answer is awaited. A message that may have
    /// arrived is given up with the first of its notices.
    fn expire(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if let Phase::Sending(_) = self.phase {
            return;
        }
        let expired = self.queue.expire(now);
        if expired.is_empty() {
            return;
        }
        if let Phase::Again { delivery, at } = &self.phase
            && delivery.notices.iter().any(|id| expired.contains(id))
        {
            self.phase = Phase::Anew { at: *at };
            effects.push(self.record());
        }
        self.dropped(expired, "expired", now, effects);
    }

    /// When the next attempt is due; none while one is under way, or where there is nothing to tell.
    fn send_at(&self, surroundings: &Surroundings) -> Option<Moment> {
        let at = match &self.phase {
            Phase::Sending(_) => return None,
            Phase::Again { at, .. } => *at,
            Phase::Anew { at } => {
                self.waiting_since()?;
                *at
            }
            Phase::Idle if self.settings.kind.holds_alerts() => self.alerts_due(surroundings)?,
            Phase::Idle => {
                let after_wait = self.waiting_since()?.after(surroundings.group_wait);
                let after_last = self
                    .pace
                    .last()
                    .map(|last| last.after(surroundings.group_interval));
                after_last.map_or(after_wait, |after_last| later(after_wait, after_last))
            }
        };
        Some(self.pace.earliest(at, self.allowance()))
    }

    /// Messages in any minute.
    pub(super) fn allowance(&self) -> u32 {
        pace::allowance(self.settings.max_per_minute, self.queue.has_escalation())
    }

    /// Since when something is to be told.
    fn waiting_since(&self) -> Option<Moment> {
        let untold = self.untold.map(|(_, since)| since);
        [self.queue.waiting_since(), untold]
            .into_iter()
            .flatten()
            .min_by_key(|at| at.monotonic)
    }

    /// Everything that waits as one message, or as much of it as fits.
    fn render(&mut self, surroundings: &mut Surroundings, now: Moment) -> Delivery {
        let uuid = surroundings.ulid(now);
        let notices = self.queue.notices();
        self.telling = self.untold.map_or(0, |(count, _)| count);
        let composed = compose::compose(
            &self.settings,
            &surroundings.voice,
            &notices,
            self.telling,
            self.limits,
            Stamp { uuid: &uuid, now },
        );
        self.has_rest = composed.carried < notices.len();
        let carried = notices.into_iter().take(composed.carried);
        let carried = carried.map(|notice| notice.id.clone()).collect();
        composed.delivery(uuid, carried, now)
    }
}

/// Records that a channel is done with these notices.
pub(super) fn done(name: &str, notices: Vec<NoticeId>, effects: &mut Vec<Effect>) {
    effects.extend(notices.into_iter().map(|id| {
        Effect::Record(Record::NoticeDone {
            channel: name.to_owned(),
            id,
        })
    }));
}
