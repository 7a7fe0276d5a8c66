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
