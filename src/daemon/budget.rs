//! What looks at single programs may cost a supervisord.
//!
//! A look costs it about as much time as it takes. What was spent is paid back at the share `max_load`
//! of the time that passes; a burst is free up to an allowance, so that a death is looked at at once.

use std::time::Duration;

use crate::model::Moment;

/// Time of supervisord's that a burst may take: some hundred looks at a busy moment, and three seconds
/// of a core in an hour at the most.
const ALLOWANCE: Duration = Duration::from_secs(2);

/// The looks' account with one supervisord.
#[derive(Debug)]
pub(super) struct Budget {
    max_load: f64,
    debt: Duration,
    at: Option<Moment>,
}

impl Budget {
    /// Nothing is spent.
    pub(super) fn new(max_load: f64) -> Self {
        Self {
            max_load: max_load.max(f64::MIN_POSITIVE),
            debt: Duration::ZERO,
            at: None,
        }
    }

    /// How long the next look has to wait.
    pub(super) fn wait(&mut self, now: Moment) -> Duration {
        self.pay_back(now);
        let over = self.debt.saturating_sub(ALLOWANCE).as_secs_f64();
        Duration::try_from_secs_f64(over / self.max_load).unwrap_or(Duration::MAX)
    }

    /// A look took so long.
    pub(super) fn spend(&mut self, took: Duration, now: Moment) {
        self.pay_back(now);
        self.debt = self.debt.saturating_add(took);
    }

    fn pay_back(&mut self, now: Moment) {
        let passed = self.at.map_or(Duration::ZERO, |at| now.since(at));
        self.at = Some(now);
        self.debt = self.debt.saturating_sub(passed.mul_f64(self.max_load));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        let start = Moment {
            monotonic: Duration::ZERO,
            wall: "2026-11-23T05:41:18Z".parse().unwrap(),
        };
        start.after(Duration::from_secs(seconds))
    }

    #[test]
    fn a_burst_is_free_and_what_goes_on_is_held_to_its_share() {
        let mut budget = Budget::new(0.02);
        budget.spend(ALLOWANCE, at(0));
        assert_eq!(budget.wait(at(0)), Duration::ZERO);
        budget.spend(Duration::from_millis(20), at(0));
        assert_eq!(budget.wait(at(0)).as_millis(), 1000);
        assert_eq!(budget.wait(at(1)), Duration::ZERO);
        // After a while the whole allowance is there again.
        assert_eq!(budget.wait(at(200)), Duration::ZERO);
        budget.spend(ALLOWANCE, at(200));
        assert_eq!(budget.wait(at(200)), Duration::ZERO);
    }
}
