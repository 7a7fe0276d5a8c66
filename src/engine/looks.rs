//! When one program is looked at by itself, between polls.
//!
//! A hint makes that happen at once. A program between two states is looked at again after a short
//! wait that doubles, until it rests or the wait is as long as that for the next poll. How short it is at
//! first, and how long it may become, goes by what may be missed ([`Pace`]).
//!
//! Each look wakes supervisord, which then starts what it is about to start. A program that dies again
//! and again at once must not be driven faster by being watched: it gets a burst of looks and after that
//! five a second, which is about how often supervisord starts such a program by itself.

use std::time::Duration;

use crate::model::Moment;

/// Why a program between two states is looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// It is dead, and supervisord's loop needs a pass or two to reap it.
    Dying,
    /// supervisord will try it again: its next start, and its end, may be at hand.
    Backoff,
    /// The kernel says when it dies; nothing else is of any haste.
    Watched,
    /// supervisord moves it on, within a second as a rule.
    Moving,
}

impl Pace {
    /// The shortest and the longest wait.
    fn waits(self) -> (Duration, Duration) {
        match self {
            Self::Dying => (Duration::from_millis(5), Duration::MAX),
            Self::Backoff => (Duration::from_millis(50), Duration::from_millis(250)),
            Self::Watched => (Duration::from_secs(1), Duration::MAX),
            Self::Moving => (Duration::from_millis(50), Duration::MAX),
        }
    }
}

/// What a look takes off a program's allowance, which time gives back.
const PRICE: Duration = Duration::from_millis(200);
/// The allowance: fifty looks, which see some deaths and restarts through.
const ALLOWANCE: Duration = Duration::from_secs(10);

/// When a program is looked at next.
#[derive(Debug, Default)]
pub(super) struct Looks {
    due: Option<Moment>,
    wait: Duration,
    spent: Duration,
    counted_at: Option<Moment>,
}

impl Looks {
    /// There is a hint: at once, and soon again.
    pub(super) fn hinted(&mut self, now: Moment) {
        self.due = Some(now);
        self.wait = Duration::ZERO;
    }

    /// It is between two states: again, after a longer wait than before.
    pub(super) fn again(&mut self, now: Moment, pace: Pace, poll_interval: Duration) {
        let (shortest, longest) = pace.waits();
        let wait = self.wait.clamp(shortest, longest);
        self.due = (wait < poll_interval).then(|| now.after(wait));
        self.wait = wait.saturating_mul(2);
    }

    /// Its state changed: what follows may come as soon.
    pub(super) fn afresh(&mut self) {
        self.wait = Duration::ZERO;
    }

    /// It rests.
    pub(super) fn rest(&mut self) {
        self.due = None;
        self.wait = Duration::ZERO;
    }

    /// It is being looked at.
    pub(super) fn asked(&mut self, now: Moment) {
        self.due = None;
        let passed = self.counted_at.map_or(Duration::ZERO, |at| now.since(at));
        self.spent = self.spent.saturating_sub(passed).saturating_add(PRICE);
        self.counted_at = Some(now);
    }

    /// When the next look is due, and allowed.
    pub(super) fn due(&self) -> Option<Moment> {
        let due = self.due?;
        let over = self.spent.saturating_add(PRICE).saturating_sub(ALLOWANCE);
        let allowed = self.counted_at.map(|at| at.after(over));
        let later = allowed.filter(|allowed| allowed.monotonic > due.monotonic);
        Some(later.unwrap_or(due))
    }

    pub(super) fn is_due(&self, now: Moment) -> bool {
        self.due().is_some_and(|due| due.monotonic <= now.monotonic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        let start = Moment {
            monotonic: Duration::ZERO,
            wall: "2026-11-23T05:41:18Z".parse().unwrap(),
        };
        start.after(Duration::from_millis(millis))
    }

    #[test]
    fn waits_double_up_to_the_next_poll() {
        let mut looks = Looks::default();
        let mut now = 0;
        let mut waits = Vec::new();
        looks.hinted(at(now));
        while looks.is_due(at(now)) {
            looks.asked(at(now));
            looks.again(at(now), Pace::Dying, Duration::from_millis(100));
            let Some(due) = looks.due() else { break };
            let due = u64::try_from(due.monotonic.as_millis()).unwrap();
            waits.push(due - now);
            now = due;
        }
        assert_eq!(waits, [5, 10, 20, 40, 80]);
    }

    #[test]
    fn in_backoff_it_is_looked_at_four_times_a_second() {
        let mut looks = Looks::default();
        looks.hinted(at(0));
        let mut now = 0;
        for _ in 0..20 {
            looks.again(at(now), Pace::Backoff, Duration::from_secs(5));
            let due = looks.due().unwrap();
            now = u64::try_from(due.monotonic.as_millis()).unwrap();
        }
        assert_eq!(now, 50 + 100 + 200 + 17 * 250);
    }

    #[test]
    fn a_program_that_dies_again_and_again_is_looked_at_five_times_a_second() {
        let mut looks = Looks::default();
        let mut asked = Vec::new();
        for now in 0..60_000 {
            looks.hinted(at(now));
            if looks.is_due(at(now)) {
                looks.asked(at(now));
                asked.push(now);
            }
        }
        assert_eq!(asked.iter().filter(|at| **at < 100).count(), 50);
        let settled = asked.iter().filter(|at| **at >= 30_000).count();
        assert_eq!(settled, 150);
    }
}
