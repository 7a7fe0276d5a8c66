//! How fast a channel may be: the receiver's limit and its wishes for quiet.

use std::{collections::VecDeque, time::Duration};

use fastrand::Rng;
use jiff::Timestamp;

use crate::model::Moment;

/// What `max_per_minute` counts in.
const WINDOW: Duration = Duration::from_secs(60);

/// The part of `max_per_minute` that only escalations may use: whatever fills the minute, that a thing
/// got worse still goes out.
const ESCALATIONS_SHARE: u32 = 4;

/// The longest that a record may keep a channel quiet after a restart: the longest freeze there is.
/// A record from a clock that ran ahead must not silence a channel for years.
const FREEZE_MAX: Duration = Duration::from_secs(3600);

/// The first delay after a failure, and where doubling it ends: a receiver that restarts is back
/// within seconds, and once a minute hurts nobody.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// The same for refusals, which only somebody's change can end: ten minutes are still soon enough.
const BACKOFF_REFUSED: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(600));

/// The same for conditions that are not met, which no immediate retry can mend.
const BACKOFF_MISCONFIGURED: (Duration, Duration) =
    (Duration::from_secs(60), Duration::from_secs(600));

/// The share of a delay that is left to chance, so that many hosts do not come back at once.
const JITTER: f64 = 0.2;

/// When a channel's messages were sent, and until when it is to be quiet.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace {
    /// Attempts in the window, and the latest one even where it is older.
    sent_at: VecDeque<Moment>,
    frozen_until: Option<Moment>,
}

impl Pace {
    /// As it was written down.
    pub(super) fn restore(sent_at: &[Timestamp], frozen: Option<Timestamp>, now: Moment) -> Self {
        let earliest = |one: Moment, other: Moment| {
            if other.monotonic < one.monotonic {
                other
            } else {
                one
            }
        };
        let sent_at = sent_at
            .iter()
            .map(|at| earliest(now.of_wall(*at), now))
            .collect();
        let frozen_until = frozen
            .filter(|until| *until > now.wall)
            .map(|until| earliest(now.of_wall(until), now.after(FREEZE_MAX)));
        Self {
            sent_at,
            frozen_until,
        }
    }

    /// An attempt is made.
    pub(super) fn sent(&mut self, now: Moment) {
        self.sent_at.push_back(now);
        while self.sent_at.len() > 1
            && self
                .sent_at
                .front()
                .is_some_and(|at| now.since(*at) >= WINDOW)
        {
            self.sent_at.pop_front();
        }
    }

    /// The receiver wants to hear nothing until then.
    pub(super) fn freeze(&mut self, until: Moment) {
        self.frozen_until = Some(until);
    }

    /// Forgets a freeze that is over.
    pub(super) fn thaw(&mut self, now: Moment) {
        self.frozen_until = self
            .frozen_until
            .filter(|until| until.monotonic > now.monotonic);
    }

    /// The earliest time from `at` on that an attempt may be made, `max` being the limit of the
    /// window.
    pub(super) fn earliest(&self, at: Moment, max: u32) -> Moment {
        let max = usize::try_from(max.max(1)).unwrap_or(usize::MAX);
        let slot = self.sent_at.len().checked_sub(max);
        let free = slot.and_then(|slot| self.sent_at.get(slot));
        [free.map(|sent| sent.after(WINDOW)), self.frozen_until]
            .into_iter()
            .flatten()
            .fold(at, later)
    }

    /// When the latest attempt was made.
    pub(super) fn last(&self) -> Option<Moment> {
        self.sent_at.back().copied()
    }

    pub(super) fn frozen_until(&self) -> Option<Timestamp> {
        self.frozen_until.map(|until| until.wall)
    }

    pub(super) fn sent_at(&self) -> Vec<Timestamp> {
        self.sent_at.iter().map(|at| at.wall).collect()
    }
}

/// Messages in any minute, of `most`. While an escalation waits there is room for it, and for what has to
/// go out before it.
pub(super) fn allowance(most: u32, escalation_waits: bool) -> u32 {
    if escalation_waits {
        most
    } else {
        most - most / ESCALATIONS_SHARE
    }
}

/// The later of two moments.
pub(super) fn later(one: Moment, other: Moment) -> Moment {
    if other.monotonic > one.monotonic {
        other
    } else {
        one
    }
}

/// How the delays of a kind of failure grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Backoff {
    /// 1 s to 60 s.
    Transient,
    /// 1 s to 10 min.
    Refused,
    /// 60 s to 10 min.
    Misconfigured,
}

impl Backoff {
    /// The delay after so many failures in a row, from 1.
    pub(super) fn delay(self, failures: u32, rng: &mut Rng) -> Duration {
        let (first, most) = match self {
            Self::Transient => BACKOFF,
            Self::Refused => BACKOFF_REFUSED,
            Self::Misconfigured => BACKOFF_MISCONFIGURED,
        };
        let factor = 1_u32
            .checked_shl(failures.saturating_sub(1))
            .unwrap_or(u32::MAX);
        let full = first.saturating_mul(factor).min(most);
        full.mul_f64(1.0 - JITTER * rng.f64())
    }
}
