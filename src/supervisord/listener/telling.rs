//! What an event means, by its name and its payload (supervisor's events.py, the same in every release
//! since 3.0). Pure.

use std::sync::Arc;

use crate::model::{ProgramEvent, Telling};

/// What an event tells; none for one that means nothing to us, and for one whose payload lacks what
/// it must have.
///
/// No event tells how a process ended, and the start of one does not tell its pid.
pub fn telling(eventname: &str, payload: &str) -> Option<Telling> {
    let fields = Fields(payload.lines().next().unwrap_or_default());
    let event = match eventname {
        "PROCESS_STATE_STARTING" => ProgramEvent::Spawned { pid: None },
        "PROCESS_STATE_RUNNING" => ProgramEvent::Running { pid: fields.pid() },
        "PROCESS_STATE_EXITED" => ProgramEvent::Exited {
            pid: fields.pid(),
            exit: None,
            expected: fields.flag("expected")?,
        },
        "PROCESS_STATE_STOPPING" => ProgramEvent::Stopping { pid: fields.pid() },
        "PROCESS_STATE_STOPPED" => ProgramEvent::Stopped {
            pid: fields.pid(),
            exit: None,
        },
        "PROCESS_STATE_BACKOFF" => ProgramEvent::Backoff,
        "PROCESS_STATE_FATAL" => ProgramEvent::GaveUp,
        "PROCESS_GROUP_ADDED" | "PROCESS_GROUP_REMOVED" => return Some(Telling::GroupsChanged),
        "SUPERVISOR_STATE_CHANGE_RUNNING" => return Some(Telling::Started),
        "SUPERVISOR_STATE_CHANGE_STOPPING" => return Some(Telling::Stopping),
        _ => return None,
    };
    Some(Telling::Program {
        group: fields.get("groupname").map(Arc::from),
        name: fields.get("processname").map(Arc::from)?,
        event,
    })
}

/// `name:value` pairs with spaces between; neither holds a space or a colon.
struct Fields<'a>(&'a str);

impl<'a> Fields<'a> {
    fn get(&self, wanted: &str) -> Option<&'a str> {
        self.0
            .split_whitespace()
            .filter_map(|field| field.split_once(':'))
            .find(|(name, value)| *name == wanted && !value.is_empty())
            .map(|(_, value)| value)
    }

    fn flag(&self, wanted: &str) -> Option<bool> {
        match self.get(wanted)? {
            "1" => Some(true),
            "0" => Some(false),
            _ => None,
        }
    }

    /// 0 stands for no process.
    fn pid(&self) -> Option<u32> {
        self.get("pid")?.parse().ok().filter(|pid| *pid != 0)
    }
}
