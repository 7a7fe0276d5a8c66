//! The changes that are not on the disk yet: those of the commit at hand, and before them those of
//! commits that failed.
//!
//! A value without I/O. Of a thing's states only the last one is kept; transitions and lines of the
//! audit log are all kept, in their order. Past [`RECORDS_MAX`] the least valuable go: the oldest transitions, then what is
//! written again soon anyway.

use std::collections::{BTreeMap, VecDeque};

use crate::model::{IncidentId, NoticeId, ProgramKey, Record, ServerName, SilenceId};

/// Changes that wait at most: a record and an incident for each of 5000 programs, the default series
/// cap of one supervisord. At about 0.5 KB a record it stays near 5 MB.
pub(super) const RECORDS_MAX: usize = 10_000;

/// What a record gives the state of. The order is that in which states are dropped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Program(ProgramKey),
    Incident(IncidentId),
    Server(ServerName),
    Channel(String),
    Notice(String, NoticeId),
    Silence(SilenceId),
    Hold(ProgramKey),
}

/// Changes that wait for the disk.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    transitions: VecDeque<Record>,
    states: BTreeMap<Key, Record>,
    dropped: u64,
}

impl Backlog {
    /// Adds a change; it replaces an earlier one of the same thing.
    pub(super) fn push(&mut self, record: Record) {
        match key(&record) {
            None => self.transitions.push_back(record),
            Some(key) => {
                self.states.insert(key, record);
            }
        }
    }

    /// Drops what is beyond the limit.
    pub(super) fn trim(&mut self) {
        while self.len() > RECORDS_MAX {
            if self.transitions.pop_front().is_none() {
                self.states.pop_first();
            }
            self.dropped += 1;
        }
    }

    /// Everything that waits. Transitions are in their order; the rest has no order that matters, for
    /// each thing is in it once.
    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        self.transitions.iter().chain(self.states.values())
    }

    /// Forgets everything: it is on the disk.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn len(&self) -> usize {
        self.transitions.len() + self.states.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many of the records that wait are transitions.
    pub(super) fn transitions(&self) -> usize {
        self.transitions.len()
    }

    /// How many changes were dropped since it was last cleared.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }
}

fn key(record: &Record) -> Option<Key> {
    match record {
        Record::Transition(_) | Record::Audit(_) => None,
        Record::Incident(incident) => Some(Key::Incident(incident.id.clone())),
        Record::Server(server) => Some(Key::Server(server.server.clone())),
        Record::Program(program) => Some(Key::Program(program.key.clone())),
        Record::ProgramRemoved(program) => Some(Key::Program(program.clone())),
        Record::NoticeQueued { channel, notice } => {
            Some(Key::Notice(channel.clone(), notice.id.clone()))
        }
        Record::NoticeDone { channel, id } => Some(Key::Notice(channel.clone(), id.clone())),
        Record::Channel(channel) => Some(Key::Channel(channel.channel.clone())),
        Record::Silence(silence) => Some(Key::Silence(silence.id.clone())),
        Record::SilenceEnded(id) => Some(Key::Silence(id.clone())),
        Record::Hold(hold) => Some(Key::Hold(hold.key.clone())),
        Record::HoldEnded(program) => Some(Key::Hold(program.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ChannelRecord, ProgramName};

    fn removed(name: &str) -> Record {
        Record::ProgramRemoved(ProgramKey::new(
            &ServerName::new("main"),
            &ProgramName::new("es", name),
        ))
    }

    fn done(channel: &str, id: usize) -> Record {
        Record::NoticeDone {
            channel: channel.to_owned(),
            id: NoticeId(format!("{id:06}")),
        }
    }

    #[test]
    fn of_one_thing_only_the_last_state_waits() {
        let mut backlog = Backlog::default();
        let channel = |brevity| {
            Record::Channel(ChannelRecord {
                channel: "ops".to_owned(),
                last_success_at: Some(jiff::Timestamp::from_second(brevity).unwrap()),
                ..ChannelRecord::default()
            })
        };
        for record in [
            channel(1),
            done("ops", 1),
            done("hook", 1),
            channel(2),
            done("ops", 1),
        ] {
            backlog.push(record);
        }
        let waiting: Vec<_> = backlog.records().cloned().collect();
        assert_eq!(waiting, [channel(2), done("hook", 1), done("ops", 1)]);
    }

    #[test]
    fn past_the_limit_programs_go_before_notices() {
        let mut backlog = Backlog::default();
        backlog.push(removed("a"));
        backlog.push(removed("b"));
        for id in 0..RECORDS_MAX {
            backlog.push(done("ops", id));
        }
        backlog.push(done("ops", RECORDS_MAX));
        backlog.trim();
        assert_eq!((backlog.len(), backlog.dropped()), (RECORDS_MAX, 3));
        assert_eq!(backlog.records().next(), Some(&done("ops", 1)));
        backlog.clear();
        assert!(backlog.is_empty());
        assert_eq!(backlog.dropped(), 0);
    }
}
