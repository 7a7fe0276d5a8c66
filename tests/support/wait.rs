//! Waiting on conditions: the only place of the tests that sleeps.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Long enough for a busy machine with two cores; a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition is looked at.
const STEP: Duration = Duration::from_millis(10);

/// Lets some time pass: for tests that strike at any moment, and wait for nothing.
pub(crate) fn let_pass(millis: u64) {
    thread::sleep(Duration::from_millis(millis));
}

/// Waits until `condition` holds, and panics with `what` when it does not within `deadline`.
pub(crate) fn wait_until(deadline: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(deadline, what, || condition().then_some(()));
}

/// Waits until `find` finds something, and panics with `what` when it does not within `deadline`.
pub(crate) fn wait_for<T>(
    deadline: Duration,
    what: &str,
    mut find: impl FnMut() -> Option<T>,
) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(
            begun.elapsed() < deadline,
            "waited {deadline:?} in vain for {what}"
        );
        thread::sleep(STEP);
    }
}
