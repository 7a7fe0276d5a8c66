//! The processes that are worth watching.

use std::collections::BTreeMap;

use super::{program::Program, server::Server};
use crate::model::{Moment, ProgramName};

/// The live processes of one supervisord, by pid.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PidTargets {
    /// supervisord's own pid, by its own word.
    pub supervisord: u32,
    /// The processes.
    pub pids: BTreeMap<u32, PidTarget>,
}

/// One live process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PidTarget {
    /// The program that it is.
    pub program: ProgramName,
    /// When the latest look began that showed it.
    pub looked_at: Moment,
}

impl PidTargets {
    pub(super) fn of(server: &Server) -> Self {
        let Some(identity) = &server.identity else {
            return Self::default();
        };
        let target = |(name, program): (&ProgramName, &Program)| {
            // What an earlier run wrote down may be anybody's pid by now.
            let target = PidTarget {
                program: name.clone(),
                looked_at: program.looked_at?,
            };
            let pid = program.process.pid;
            (pid != 0).then_some((pid, target))
        };
        Self {
            supervisord: identity.pid,
            pids: server.programs.iter().filter_map(target).collect(),
        }
    }
}
