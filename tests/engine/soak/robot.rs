//! A DingTalk robot by facts: it shows a uuid once, and refuses all for ten minutes after twenty messages
//! within one. Three attempts in ten fail in some way.

use std::collections::{BTreeMap, VecDeque};

use supervigil::{
    model::{Delivery, NoticeId},
    notify::Verdict,
};

/// What DingTalk takes in a minute.
const MINUTE_MAX: usize = 20;

pub(super) struct Robot {
    rng: fastrand::Rng,
    arrived_at: VecDeque<u64>,
    /// The notices of what was shown, by uuid.
    pub(super) shown: BTreeMap<String, Vec<NoticeId>>,
    pub(super) attempts: usize,
    pub(super) most_in_a_minute: usize,
}

impl Robot {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            arrived_at: VecDeque::new(),
            shown: BTreeMap::new(),
            attempts: 0,
            most_in_a_minute: 0,
        }
    }

    /// Takes a message, or does not; what the sender hears of that.
    pub(super) fn take(&mut self, delivery: &Delivery, now: u64) -> Verdict {
        self.attempts += 1;
        self.arrived_at.push_back(now);
        while self.arrived_at.front().is_some_and(|at| at + 60_000 <= now) {
            self.arrived_at.pop_front();
        }
        self.most_in_a_minute = self.most_in_a_minute.max(self.arrived_at.len());
        assert!(self.arrived_at.len() <= MINUTE_MAX, "too fast at {now}");
        let (arrives, verdict) = match self.rng.u32(0..20) {
            0 => (true, Verdict::TimedOut),
            1 => (false, Verdict::TimedOut),
            2 => (true, Verdict::ConnectionLost),
            3 => (false, Verdict::Unreachable),
            4 => (false, Verdict::Busy),
            5 => (false, Verdict::ServerError),
            _ => (true, Verdict::Taken),
        };
        if arrives {
            let notices = delivery.notices.clone();
            let before = self.shown.insert(delivery.uuid.clone(), notices.clone());
            assert!(before.is_none_or(|before| before == notices));
        }
        verdict
    }
}
