//! What a poll of all programs means.

use std::{collections::BTreeSet, sync::Arc};

use super::Server;
use crate::{
    engine::{
        Context, LogReading,
        program::{Look, Program},
    },
    model::{Identity, Moment, Process, Snapshot},
};

/// The circumstances of a poll.
#[derive(Debug, Clone, Copy)]
struct Polled {
    begun: Moment,
    /// Whether it was at the same run of supervisord.
    same: bool,
    /// Whether it is the first of this run of supervigil.
    first_look: bool,
    /// Whether it holds the main log up to the same moment.
    has_log: bool,
}

impl Server {
    pub(in crate::engine) fn polled(
        &mut self,
        snapshot: Snapshot,
        log: LogReading,
        begun: Moment,
        context: &mut Context<'_>,
    ) {
        self.silence.broken(context);
        self.last_success_at = Some(context.now.wall);
        self.gate.reachable = true;
        self.gate.suspended = false;
        if self.falls_short(&log) {
            return self.poll_now(context);
        }

        let first_look = !std::mem::replace(&mut self.looked, true);
        let same = self
            .identity
            .as_ref()
            .is_none_or(|known| known.pid == snapshot.identity.pid);
        let has_log = self.read_log(log, begun, context);
        self.remove_missing(&snapshot, begun, context);
        self.namesakes = namesakes(&snapshot);
        let poll = Polled {
            begun,
            same,
            first_look,
            has_log,
        };
        let recreated = self.observe_all(snapshot.processes, poll, context);
        self.identify(snapshot.identity, same && !recreated, context);
        self.settle(context);
    }

    /// Takes every program's look in; returns whether supervisord made all of them anew.
    fn observe_all(
        &mut self,
        processes: Vec<Process>,
        poll: Polled,
        context: &mut Context<'_>,
    ) -> bool {
        let (mut surviving, mut recreated) = (0_usize, 0_usize);
        let is_baseline = poll.first_look && !self.known;
        for process in processes {
            let name = process.program.clone();
            let baseline = is_baseline.then_some((process.start, process.stop));
            if let Some(program) = self.programs.get_mut(&name) {
                let was_anew = std::mem::take(&mut program.anew_since_poll);
                let had_life = was_anew || program.process.start != 0;
                program.baseline = baseline.or(program.baseline);
                let look = Look {
                    process,
                    begun: poll.begun,
                    same_supervisord: poll.same,
                    is_poll: true,
                    has_log: poll.has_log && self.has_account_of(&name),
                };
                let is_anew = self.look_at(&name, look, context);
                let is_anew = is_anew.map(|is_anew| is_anew || was_anew);
                let counts = had_life && is_anew.is_some();
                surviving = surviving.saturating_add(usize::from(counts));
                recreated = recreated.saturating_add(usize::from(counts && is_anew == Some(true)));
            } else {
                let mut program = Program::first_seen(process, poll.begun, context.now);
                program.baseline = baseline;
                program.account.synced = poll.has_log && self.has_account_of(&name);
                program.plan_look(context.now, self.settings.poll_interval);
                self.programs.insert(name, program);
            }
        }
        surviving > 0 && recreated == surviving
    }

    fn identify(&mut self, identity: Identity, same_run: bool, context: &mut Context<'_>) {
        if self.identity.is_some() && !same_run {
            self.restarts = self.restarts.saturating_add(1);
        }
        let changed = self.identity.as_ref() != Some(&identity) || !same_run;
        if changed {
            self.identity = Some(identity);
            self.seen_since = Some(context.now.wall);
        }
        if changed && self.known {
            self.save(context);
        }
    }
}

fn namesakes(snapshot: &Snapshot) -> BTreeSet<Arc<str>> {
    let mut names = BTreeSet::new();
    let all = snapshot.processes.iter();
    let all = all.map(|process| &process.program.name);
    all.filter(|name| !names.insert(Arc::clone(name)))
        .cloned()
        .collect()
}
