//! Programs that supervisord does not have any more, and supervisords that are not watched any more.

use std::collections::BTreeSet;

use super::Server;
use crate::{
    engine::{Context, Effect, incident},
    model::{Moment, Outcome, ProgramKey, ProgramName, Record, Snapshot},
};

impl Server {
    /// Takes leave of the programs that a poll does not show.
    pub(super) fn remove_missing(
        &mut self,
        snapshot: &Snapshot,
        begun: Moment,
        context: &mut Context<'_>,
    ) {
        let there = snapshot.processes.iter().map(|process| &process.program);
        let there: BTreeSet<_> = there.collect();
        let known = self.programs.keys();
        let gone: Vec<_> = known
            .filter(|name| !there.contains(name))
            .cloned()
            .collect();
        for name in gone {
            let program = self.programs.get_mut(&name);
            let steps = program.map(|program| program.last_steps(begun, context.now));
            self.follow(&name, &steps.unwrap_or_default(), context);
            self.remove(&name, context);
        }
    }

    fn remove(&mut self, name: &ProgramName, context: &mut Context<'_>) {
        if let Some(mut program) = self.programs.remove(name) {
            incident::close_program(&mut program, Outcome::Removed, context);
            let key = ProgramKey::new(&self.settings.name, name);
            context
                .effects
                .push(Effect::Record(Record::ProgramRemoved(key)));
        }
    }

    /// The supervisord is not configured any more.
    pub(in crate::engine) fn forget(&mut self, context: &mut Context<'_>) {
        self.silence.forget(context);
        let names: Vec<_> = self.programs.keys().cloned().collect();
        for name in names {
            self.remove(&name, context);
        }
    }
}
