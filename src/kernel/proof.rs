//! The proof that a process is the one that a look at supervisord showed.
//!
//! The argument: at the look, supervisord said that the program's process has this pid. A process
//! keeps its pid until it is reaped. So whoever has the pid now and was started before the look began
//! had it at the look, and is the program's process; anyone who took over the pid since is younger.
//! The parent makes sure that it is supervisord that such a process belongs to. Both must hold, and they
//! are enough.
//!
//! What is watched is proved, too, because the pidfd is opened between the look and the reading of
//! `/proc/PID/stat`: the process that is proved held the pid all that time.
//!
//! supervisord's `start` is no part of it. It is read from a clock that jumps, supervisord writes it
//! anew after a jump, and `/proc` converts by the same clock: where it differs, the process may be the
//! right one, and where it agrees, a process of another container may have been started at the same
//! second.

use std::time::Duration;

use super::{BootTime, WhyNot};

/// What `/proc/PID/stat` tells of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Birth {
    /// The pid of its parent.
    pub(super) parent: u32,
    /// When it was started, in clock ticks since the boot, rounded down.
    pub(super) ticks: u64,
}

/// Fails unless the process is a child of supervisord's and was started before `looked_at`, when the
/// look that showed its pid began.
pub(super) fn prove(
    birth: Birth,
    supervisord: u32,
    looked_at: BootTime,
    ticks_per_second: u64,
) -> Result<(), WhyNot> {
    if birth.parent != supervisord {
        return Err(WhyNot::NotItsChild);
    }
    if latest_start(birth.ticks, ticks_per_second) > looked_at {
        return Err(WhyNot::Younger);
    }
    Ok(())
}

/// The end of the tick in which a process was started.
fn latest_start(ticks: u64, ticks_per_second: u64) -> BootTime {
    let per_second = ticks_per_second.max(1);
    let end = ticks.saturating_add(1);
    let seconds = Duration::from_secs(end / per_second);
    let rest =
        Duration::from_secs(end % per_second) / u32::try_from(per_second).unwrap_or(u32::MAX);
    BootTime::after_boot(seconds.saturating_add(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_is_older_than_the_look_is_proved() {
        // Ticks of 10 ms: tick 5000 is from 50.00 s to 50.01 s after the boot.
        let cases = [
            ((700, 5_000), 50_010, Ok(())),
            ((700, 5_000), 60_000, Ok(())),
            ((700, 0), 10, Ok(())),
            ((700, 5_000), 50_009, Err(WhyNot::Younger)),
            ((700, 5_000), 50_000, Err(WhyNot::Younger)),
            ((700, 5_000), 0, Err(WhyNot::Younger)),
            ((700, u64::MAX), 60_000, Err(WhyNot::Younger)),
            ((701, 5_000), 60_000, Err(WhyNot::NotItsChild)),
            ((1, 5_000), 60_000, Err(WhyNot::NotItsChild)),
            ((0, 5_000), 60_000, Err(WhyNot::NotItsChild)),
            ((2, 6_000), 50_000, Err(WhyNot::NotItsChild)),
        ];
        for ((parent, ticks), looked_at, expected) in cases {
            let birth = Birth { parent, ticks };
            let looked_at = BootTime::after_boot(Duration::from_millis(looked_at));
            let proof = prove(birth, 700, looked_at, 100);
            assert_eq!(proof, expected, "{birth:?}, looked at {looked_at:?}");
        }
    }

    #[test]
    fn other_rates_of_ticks_are_understood() {
        for (rate, ticks, millis) in [(1_000, 1_499, 1_500), (250, 499, 2_000), (0, 1, 2_000)] {
            let end = BootTime::after_boot(Duration::from_millis(millis));
            assert_eq!(latest_start(ticks, rate), end, "{rate} ticks a second");
        }
    }
}
