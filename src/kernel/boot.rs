//! The clock that counts from the boot.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A moment by the clock that counts from the boot, suspension included.
///
/// `/proc/PID/stat` tells by this clock when a process was started, and no other clock can be set
/// against it: the wall clock jumps, and the monotonic one stands still while the host sleeps. So it
/// is read here, and what is compared with it is taken from here as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct BootTime(Duration);

impl BootTime {
    /// The present.
    pub fn now() -> Self {
        let now = clock_gettime(ClockId::Boottime);
        // Never negative; and the boot itself would only make every process look too young.
        Self(Duration::try_from(now).unwrap_or_default())
    }

    /// The moment that long after the boot.
    pub const fn after_boot(since: Duration) -> Self {
        Self(since)
    }

    /// The moment that much later.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }

    /// The moment that much earlier.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(span))
    }

    /// How long after an earlier moment; zero where that one is later.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}
