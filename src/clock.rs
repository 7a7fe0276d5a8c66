//! The only reader of time.

use jiff::Timestamp;
use tokio::time::Instant;

use crate::model::Moment;

/// Both clocks, read together.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock whose monotonic origin is this very moment.
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
            monotonic: Instant::now().saturating_duration_since(self.origin),
            wall: Timestamp::now(),
        }
    }

    /// When a moment comes, for tokio's timers.
    pub fn instant(&self, moment: Moment) -> Instant {
        self.origin + moment.monotonic
    }
}
