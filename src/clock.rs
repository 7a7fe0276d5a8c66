//! The only reader of time.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::model::Moment;

/// What the monotonic clock begins with: what an earlier run wrote down, and what lies no longer back
/// than this, keeps its place ([`Moment::of_wall`]) rather than counting as new.
const HEAD_START: Duration = Duration::from_secs(31 * 24 * 60 * 60);

/// Both clocks, read together.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that begins at this very moment.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the clock"
    )]
    pub fn start() -> Self {
        Self {
            origin: Instant::now(),
        }
    }

    /// The present.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the clock"
    )]
    pub fn now(&self) -> Moment {
        Moment {
            monotonic: HEAD_START + Instant::now().saturating_duration_since(self.origin),
            wall: Timestamp::now(),
        }
    }

    /// When a moment comes, for tokio's timers.
    pub fn instant(&self, moment: Moment) -> Instant {
        self.origin + moment.monotonic.saturating_sub(HEAD_START)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_run_wrote_down_is_as_old_as_it_was() {
        let now = Clock::start().now();
        let day = Duration::from_secs(24 * 60 * 60);
        let then = now.of_wall(now.wall.checked_sub(day).unwrap());
        assert_eq!(now.since(then), day);
    }

    #[test]
    fn timers_come_when_they_are_due() {
        let clock = Clock::start();
        let later = clock.now().after(Duration::from_secs(5));
        let ahead = clock.instant(later).saturating_duration_since(clock.origin);
        assert!(ahead >= Duration::from_secs(5) && ahead < Duration::from_secs(6));
    }
}
