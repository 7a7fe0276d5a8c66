//! A reading of both clocks, taken together by `clock.rs` and handed down as a value.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// One instant, on the clock that never jumps and on the one that people read.
///
/// Intervals are measured on `monotonic`; `wall` is for showing and for what must survive a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Time since an origin that only this run of the program knows.
    pub monotonic: Duration,
    /// The wall clock's time, UTC.
    pub wall: Timestamp,
}

impl Moment {
    /// The moment `by` later than this one, on both clocks.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self {
            monotonic: self.monotonic.saturating_add(by),
            wall: self.wall.saturating_add(by).unwrap_or(Timestamp::MAX),
        }
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        self.monotonic.saturating_sub(earlier.monotonic)
    }

    /// The monotonic place of a wall-clock time that was written down by an earlier run.
    ///
    /// A time before this run's origin becomes the origin itself, that is: later than it was, so that
    /// a limit restored from it is never looser than the original.
    #[must_use]
    pub fn of_wall(self, wall: Timestamp) -> Self {
        let ahead = wall.duration_since(self.wall);
        let monotonic = if ahead.is_negative() {
            self.monotonic.saturating_sub(ahead.unsigned_abs())
        } else {
            self.monotonic.saturating_add(ahead.unsigned_abs())
        };
        Self { monotonic, wall }
    }

    /// Wall-clock seconds from `earlier` to this moment; zero when it lies ahead.
    pub fn wall_since(self, earlier: Timestamp) -> Duration {
        let age = self.wall.duration_since(earlier);
        if age < SignedDuration::ZERO {
            Duration::ZERO
        } else {
            age.unsigned_abs()
        }
    }
}
