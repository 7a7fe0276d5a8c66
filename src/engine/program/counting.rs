//! What is counted of a program.

use super::Program;
use crate::{
    engine::{
        step::{Circumstances, Step},
        tracker,
    },
    model::{Cause, Exit},
};

impl Program {
    /// Counts the deaths since the last poll that polls alone would not have shown.
    pub(super) fn count_missed(&mut self, same_supervisord: bool) {
        let told = std::mem::take(&mut self.deaths_since_poll);
        let Some(before) = self.polled.replace(self.process.clone()) else {
            return;
        };
        let about = Circumstances {
            same_supervisord,
            retrying: false,
            settled: false,
            renewed: false,
            started_by: Cause::Unknown,
        };
        let shown = tracker::infer(&before, &self.process, about);
        let shown = shown.iter().filter(|step| step.died).count();
        let missed = told.saturating_sub(u64::try_from(shown).unwrap_or(u64::MAX));
        self.counters.missed_by_poll = self.counters.missed_by_poll.saturating_add(missed);
    }

    pub(super) fn count(&mut self, step: &Step) {
        let counters = &mut self.counters;
        let to = counters
            .transitions
            .entry(step.to.name().to_owned())
            .or_default();
        *to = to.saturating_add(1);
        if step.started() {
            counters.starts = counters.starts.saturating_add(1);
        }
        if !step.died {
            return;
        }
        self.deaths_since_poll = self.deaths_since_poll.saturating_add(1);
        let exits = &mut counters.exits;
        // An end that is not known to be unexpected is not held against the program.
        let count = match (step.expected.unwrap_or(true), step.exit) {
            (true, Some(Exit::Code(_))) => &mut exits.expected_code,
            (true, Some(Exit::Signal { .. } | Exit::UnknownSignal)) => &mut exits.expected_signal,
            (true, None) => &mut exits.expected_unknown,
            (false, Some(Exit::Code(_))) => &mut exits.unexpected_code,
            (false, Some(Exit::Signal { .. } | Exit::UnknownSignal)) => {
                &mut exits.unexpected_signal
            }
            (false, None) => &mut exits.unexpected_unknown,
        };
        *count = count.saturating_add(1);
    }
}
