//! What is written down of a program, and read back.

use super::{Program, cycles::Cycles};
use crate::{
    engine::retry::Retry,
    model::{Cause, Incident, Moment, Process, ProgramKey, ProgramRecord},
};

impl Program {
    /// A program as an earlier run of supervigil left it.
    pub(in crate::engine) fn restored(
        record: &ProgramRecord,
        incident: Option<Incident>,
        now: Moment,
    ) -> Self {
        let program = Self::resting(record.process.clone(), record.state_since, now);
        let started_by = if record.retry.under_way {
            Cause::Retry
        } else {
            Cause::Unknown
        };
        Self {
            started_by,
            counters: record.counters.clone(),
            polled: Some(record.process.clone()),
            cycles: Cycles::restored(&record.cycles, now),
            retry: Retry::restored(record.retry.clone(), &record.process, now),
            saved_incident: incident.clone(),
            incident,
            ..program
        }
    }

    /// What to write down of it; none when that is written already.
    pub(in crate::engine) fn unsaved(&mut self, key: &ProgramKey) -> Option<ProgramRecord> {
        let record = ProgramRecord {
            key: key.clone(),
            // The clock's reading alone is no news.
            process: Process {
                now: 0,
                ..self.process.clone()
            },
            state_since: self.state_since,
            counters: self.counters.clone(),
            retry: self.retry.record.clone(),
            cycles: self.cycles.record(),
        };
        if self.saved.as_ref() == Some(&record) {
            return None;
        }
        self.saved = Some(record.clone());
        Some(record)
    }

    /// Its open incident, when that has changed since it was written down last.
    pub(in crate::engine) fn unsaved_incident(&mut self) -> Option<Incident> {
        if self.saved_incident == self.incident {
            return None;
        }
        self.saved_incident.clone_from(&self.incident);
        self.incident.clone()
    }
}
