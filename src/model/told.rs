//! A batch of hints on its way from a listener to the daemon, and the form in which it is written.
//!
//! A listener and the daemon may be of different versions for a while, so what one of them does not
//! know of the other's members is passed over.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Exit, ProgramEvent, ServerName, Telling};

/// What a supervisord told its listener, oldest first.
///
/// ```json
/// {"server":"main","lost":0,"events":[
///   {"event":"spawned","group":"es","name":"es_node_a"},
///   {"event":"running","group":"es","name":"es_node_a","pid":4711},
///   {"event":"exited","group":"es","name":"es_node_a","pid":4711,"expected":false},
///   {"event":"stopping","group":"es","name":"es_node_a","pid":4711},
///   {"event":"stopped","group":"es","name":"es_node_a","pid":4711},
///   {"event":"backoff","group":"es","name":"es_node_a"},
///   {"event":"gave_up","group":"es","name":"es_node_a"},
///   {"event":"spawn_failed","why":"can't find command"},
///   {"event":"groups_changed"},
///   {"event":"supervisord_started"},
///   {"event":"supervisord_stopping"}]}
/// ```
///
/// `group`, `pid` and `exit` (as in a transition) may be left out where they are not known. `batch`,
/// `{"listener":"01J...","number":7}`, may be left out by whoever never sends a batch again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The supervisord, by its name in the configuration.
    pub server: ServerName,
    /// Which of the listener's batches this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<Batch>,
    /// How many events before these never arrived.
    #[serde(default)]
    pub lost: u64,
    /// The events.
    pub events: Vec<Telling>,
}

/// Names a batch, so that one whose answer was lost is not taken twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The run of the listener, by a name that no other has: at most 64 bytes.
    pub listener: String,
    /// Counts its batches.
    pub number: u64,
}

/// The written form of a [`Telling`]: flat, named by what happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Written {
    Spawned(Process),
    Running(Process),
    Exited {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<Arc<str>>,
        name: Arc<str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pid: Option<u32>,
        expected: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit: Option<Exit>,
    },
    Stopping(Process),
    Stopped {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<Arc<str>>,
        name: Arc<str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pid: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit: Option<Exit>,
    },
    Backoff(Process),
    GaveUp(Process),
    SpawnFailed {
        why: String,
    },
    GroupsChanged,
    SupervisordStarted,
    SupervisordStopping,
}

/// Who it happened to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Process {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<Arc<str>>,
    name: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
}

impl From<Telling> for Written {
    fn from(telling: Telling) -> Self {
        let (group, name, event) = match telling {
            Telling::Program { group, name, event } => (group, name, event),
            Telling::SpawnFailed { why } => return Self::SpawnFailed { why },
            Telling::GroupsChanged => return Self::GroupsChanged,
            Telling::Started => return Self::SupervisordStarted,
            Telling::Stopping => return Self::SupervisordStopping,
        };
        match event {
            ProgramEvent::Spawned { pid } => Self::Spawned(Process { group, name, pid }),
            ProgramEvent::Running { pid } => Self::Running(Process { group, name, pid }),
            ProgramEvent::Exited {
                pid,
                exit,
                expected,
            } => Self::Exited {
                group,
                name,
                pid,
                expected,
                exit,
            },
            ProgramEvent::Stopping { pid } => Self::Stopping(Process { group, name, pid }),
            ProgramEvent::Stopped { pid, exit } => Self::Stopped {
                group,
                name,
                pid,
                exit,
            },
            ProgramEvent::Backoff => Self::Backoff(Process::without_pid(group, name)),
            ProgramEvent::GaveUp => Self::GaveUp(Process::without_pid(group, name)),
        }
    }
}

impl From<Written> for Telling {
    fn from(written: Written) -> Self {
        let (group, name, event) = match written {
            Written::Spawned(Process { group, name, pid }) => {
                (group, name, ProgramEvent::Spawned { pid })
            }
            Written::Running(Process { group, name, pid }) => {
                (group, name, ProgramEvent::Running { pid })
            }
            Written::Exited {
                group,
                name,
                pid,
                expected,
                exit,
            } => {
                let event = ProgramEvent::Exited {
                    pid,
                    exit,
                    expected,
                };
                (group, name, event)
            }
            Written::Stopping(Process { group, name, pid }) => {
                (group, name, ProgramEvent::Stopping { pid })
            }
            Written::Stopped {
                group,
                name,
                pid,
                exit,
            } => (group, name, ProgramEvent::Stopped { pid, exit }),
            Written::Backoff(Process { group, name, .. }) => (group, name, ProgramEvent::Backoff),
            Written::GaveUp(Process { group, name, .. }) => (group, name, ProgramEvent::GaveUp),
            Written::SpawnFailed { why } => return Self::SpawnFailed { why },
            Written::GroupsChanged => return Self::GroupsChanged,
            Written::SupervisordStarted => return Self::Started,
            Written::SupervisordStopping => return Self::Stopping,
        };
        Self::Program { group, name, event }
    }
}

impl Process {
    fn without_pid(group: Option<Arc<str>>, name: Arc<str>) -> Self {
        Self {
            group,
            name,
            pid: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn everything_that_is_written_is_read_back() {
        let written = json!({"server": "main", "lost": 3, "events": [
            {"event": "spawned", "group": "es", "name": "中文"},
            {"event": "running", "name": "a", "pid": 4711},
            {"event": "exited", "group": "es", "name": "a", "pid": 1, "expected": true},
            {"event": "exited", "name": "a", "expected": false, "exit": {"code": 3}},
            {"event": "stopping", "group": "es", "name": "a", "pid": 1},
            {"event": "stopped", "group": "es", "name": "a", "pid": 1,
             "exit": {"signal": "SIGKILL", "core_dumped": false}},
            {"event": "backoff", "group": "es", "name": "a"},
            {"event": "gave_up", "group": "es", "name": "a"},
            {"event": "spawn_failed", "why": "no such file"},
            {"event": "groups_changed"},
            {"event": "supervisord_started"},
            {"event": "supervisord_stopping"},
        ]});
        let told: Told = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(serde_json::to_value(&told).unwrap(), written);
    }

    #[test]
    fn members_of_another_version_are_passed_over() {
        let told: Told = serde_json::from_value(json!({
            "server": "main", "since": "4.0",
            "events": [{"event": "backoff", "name": "a", "tries": 2}],
        }))
        .unwrap();
        assert_eq!((told.lost, told.events.len()), (0, 1));
    }

    #[test]
    fn what_is_no_event_is_refused() {
        let refused = |event: Value| {
            let told = json!({"server": "main", "events": [event]});
            serde_json::from_value::<Told>(told).is_err()
        };
        assert!(refused(json!({"event": "eaten", "name": "a"})));
        assert!(refused(json!({"event": "backoff"})));
        assert!(refused(json!({"event": "exited", "name": "a"})));
        assert!(refused(json!({"event": "running", "name": "a", "pid": -1})));
    }
}
