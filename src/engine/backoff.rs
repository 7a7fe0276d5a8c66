//! How long to wait before an attempt.

use std::time::Duration;

use super::RetrySettings;

/// The delay before the attempt that follows `attempts` others: it doubles from `backoff` to
/// `backoff_max` and varies by `jitter`, so that programs which failed together are not started
/// together.
///
/// `luck` is a random number from 0 to 1.
pub(super) fn delay(settings: &RetrySettings, attempts: u32, luck: f64) -> Duration {
    let factor = 2_u32.saturating_pow(attempts);
    let plain = settings
        .backoff
        .saturating_mul(factor)
        .min(settings.backoff_max);
    vary(plain, settings.jitter, luck)
}

/// `plain`, longer or shorter by up to the share `jitter` of it.
pub(super) fn vary(plain: Duration, jitter: f64, luck: f64) -> Duration {
    plain.mul_f64((1.0 + jitter * (2.0 * luck - 1.0)).max(0.0))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn settings(backoff: u32, backoff_max: u32, jitter: f64) -> RetrySettings {
        RetrySettings {
            on_fatal: true,
            on_exited: false,
            max_attempts: 5,
            backoff: Duration::from_secs(backoff.into()),
            backoff_max: Duration::from_secs(backoff_max.into()),
            jitter,
            reset_after: Duration::from_secs(600),
            probe_interval: None,
            max_concurrent: 2,
            max_per_minute: 10,
        }
    }

    #[test]
    fn doubles_up_to_the_longest() {
        let settings = settings(10, 300, 0.0);
        let seconds = |attempts| delay(&settings, attempts, 0.9).as_secs();
        let delays: Vec<_> = [0, 1, 2, 3, 4, 5, 6, 31, 32, u32::MAX]
            .into_iter()
            .map(seconds)
            .collect();
        assert_eq!(delays, [10, 20, 40, 80, 160, 300, 300, 300, 300, 300]);
    }

    #[test]
    fn luck_spans_the_jitter() {
        let settings = settings(10, 300, 0.2);
        assert_eq!(delay(&settings, 0, 0.0), Duration::from_secs(8));
        assert_eq!(delay(&settings, 0, 0.5), Duration::from_secs(10));
        assert_eq!(delay(&settings, 0, 1.0), Duration::from_secs(12));
    }

    #[test]
    fn programs_that_failed_together_are_not_started_together() {
        let settings = settings(10, 300, 0.2);
        let mut rng = fastrand::Rng::with_seed(1);
        let mut delays: Vec<_> = (0..100).map(|_| delay(&settings, 3, rng.f64())).collect();
        delays.sort();
        delays.dedup();
        assert_eq!(delays.len(), 100);
        assert!(delays[0] < Duration::from_secs(66) && delays[99] > Duration::from_secs(94));
    }

    proptest! {
        #[test]
        fn stays_within_the_bounds(
            backoff in 1_u32..100,
            longer in 0_u32..1000,
            jitter in 0.0..1.0_f64,
            attempts in 0_u8..70,
            luck in 0.0..1.0_f64,
        ) {
            let longest = backoff + longer;
            let delay = delay(&settings(backoff, longest, jitter), attempts.into(), luck).as_secs_f64();
            let doubled = f64::from(backoff) * 2_f64.powi(attempts.into());
            let plain = doubled.min(f64::from(longest));
            prop_assert!(delay >= plain * (1.0 - jitter) - 1e-6);
            prop_assert!(delay <= plain * (1.0 + jitter) + 1e-6);
        }
    }
}
