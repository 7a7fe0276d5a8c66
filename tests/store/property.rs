//! Whatever is committed, in whatever batches, reopened at any point, equals a plain map of it.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*};
use supervigil::model::{
    AuditEntry, ChannelRecord, Hold, Incident, Notice, ProgramKey, ProgramRecord, Record, Saved,
    ServerRecord, Silence, Transition,
};
use tempfile::tempdir;

use super::support::{
    audit, channel, closed, done, hold, incident, key, notice, open, program, queued, reopen,
    server, silence, transition,
};

#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<Record>),
    Reopen,
}

/// What the store is, as far as its callers can tell.
#[derive(Default)]
struct Model {
    servers: BTreeMap<String, ServerRecord>,
    programs: BTreeMap<ProgramKey, ProgramRecord>,
    incidents: BTreeMap<String, Incident>,
    transitions: Vec<Transition>,
    notices: BTreeMap<(String, String), Notice>,
    channels: BTreeMap<String, ChannelRecord>,
    silences: BTreeMap<String, Silence>,
    holds: BTreeMap<ProgramKey, Hold>,
    audit: Vec<AuditEntry>,
}

impl Model {
    fn apply(&mut self, record: Record) {
        match record {
            Record::Transition(transition) => self.transitions.push(transition),
            Record::Incident(incident) => {
                self.incidents.insert(incident.id.0.clone(), incident);
            }
            Record::Server(server) => {
                self.servers.insert(server.server.to_string(), server);
            }
            Record::Program(program) => {
                self.programs.insert(program.key.clone(), program);
            }
            Record::ProgramRemoved(key) => {
                self.programs.remove(&key);
            }
            Record::NoticeQueued { channel, notice } => {
                self.notices.insert((channel, notice.id.0.clone()), notice);
            }
            Record::NoticeDone { channel, id } => {
                self.notices.remove(&(channel, id.0));
            }
            Record::Channel(channel) => {
                self.channels.insert(channel.channel.clone(), channel);
            }
            Record::Silence(silence) => {
                self.silences.insert(silence.id.0.clone(), silence);
            }
            Record::SilenceEnded(id) => {
                self.silences.remove(&id.0);
            }
            Record::Hold(hold) => {
                self.holds.insert(hold.key.clone(), hold);
            }
            Record::HoldEnded(key) => {
                self.holds.remove(&key);
            }
            Record::Audit(entry) => self.audit.push(entry),
        }
    }

    fn saved(&self) -> Saved {
        let mut incidents: Vec<_> = self.incidents.values().cloned().collect();
        incidents.sort_by_key(|incident| (incident.opened_at, incident.id.clone()));
        let mut queued: Vec<_> = self
            .notices
            .iter()
            .map(|((channel, _), notice)| (channel.clone(), notice.clone()))
            .collect();
        queued.sort_by_key(|(channel, notice)| (notice.time, notice.id.clone(), channel.clone()));
        Saved {
            servers: self.servers.values().cloned().collect(),
            programs: self.programs.values().cloned().collect(),
            incidents,
            transitions: self.transitions.clone(),
            queued: queued
                .into_iter()
                .map(|(channel, notice)| (channel, notice.into()))
                .collect(),
            channels: self.channels.values().cloned().collect(),
            silences: self.silences.values().cloned().collect(),
            holds: self.holds.values().cloned().collect(),
            audit: self.audit.clone(),
        }
    }
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c"]).prop_map(str::to_owned)
}

fn record() -> impl Strategy<Value = Record> {
    prop_oneof![
        any::<u16>().prop_map(|number| Record::Transition(transition(number.into()))),
        (name(), 0..5_i64, any::<bool>()).prop_map(|(id, time, is_open)| {
            Record::Incident(if is_open {
                incident(&id, time)
            } else {
                closed(&id, time, time + 1)
            })
        }),
        (name(), any::<u32>()).prop_map(|(name, n)| Record::Server(server(&name, n.into()))),
        (name(), any::<u32>()).prop_map(|(name, n)| Record::Program(program(&name, n.into()))),
        name().prop_map(|name| Record::ProgramRemoved(key(&name))),
        (name(), name(), 0..5_i64)
            .prop_map(|(channel, id, time)| queued(&channel, &notice(&id, time))),
        (name(), name()).prop_map(|(channel, id)| done(&channel, &notice(&id, 0))),
        (name(), any::<u32>()).prop_map(|(name, n)| Record::Channel(channel(&name, n))),
        (name(), 0..5_i64).prop_map(|(id, time)| Record::Silence(silence(&id, time))),
        name().prop_map(|id| Record::SilenceEnded(silence(&id, 0).id)),
        (name(), prop::option::of(0..5_i64)).prop_map(|(name, at)| Record::Hold(hold(&name, at))),
        name().prop_map(|name| Record::HoldEnded(key(&name))),
        (0..5_i64).prop_map(|time| Record::Audit(audit(time))),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => vec(record(), 0..8).prop_map(Step::Commit),
        1 => Just(Step::Reopen),
    ]
}

async fn walk(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let folder = tempdir().unwrap();
    let (mut store, _) = open(folder.path());
    let mut model = Model::default();
    let mut commits = Vec::new();
    for step in steps.into_iter().chain([Step::Reopen]) {
        match step {
            Step::Commit(records) => {
                // Not awaited: batches that wait together are written together.
                commits.push(store.commit(records.clone()));
                for record in records {
                    model.apply(record);
                }
            }
            Step::Reopen => {
                for commit in commits.drain(..) {
                    commit.await.unwrap();
                }
                let (reopened, saved) = reopen(store, folder.path()).await;
                store = reopened;
                prop_assert_eq!(saved, model.saved());
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_batches_reopened_anywhere_equal_a_plain_map(steps in vec(step(), 0..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(walk(steps))?;
    }
}
