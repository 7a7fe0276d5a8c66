//! Looks at single programs: when they are asked for, what they show, and which are waited with.

use std::time::Duration;

use super::Server;
use crate::{
    engine::{
        Context, Effect, Looked,
        program::{Look, Program},
    },
    model::{Feed, Moment, ProgramName},
};

/// Programs that are looked at in one call: an answer about so many takes supervisord some
/// milliseconds.
const LOOKS_MAX: usize = 32;
/// How long a look that shows a change may wait for what the feeds owe: a listener's event comes within
/// a second where nothing else wakes supervisord, a longer reading of its log with the next look.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(10));
/// How often the main log is read where nothing else says when: it costs supervisord about a millisecond.
const LOG_EVERY: Duration = Duration::from_secs(1);

impl Server {
    /// Programs were looked at by themselves. None stands for one that supervisord does not know.
    pub(super) fn looked(&mut self, looked: Looked, begun: Moment, context: &mut Context<'_>) {
        let Looked {
            supervisord,
            programs,
            log,
        } = looked;
        self.is_looking = false;
        if self.falls_short(&log) {
            for (name, _) in &programs {
                if let Some(program) = self.programs.get_mut(name) {
                    program.looks.hinted(context.now);
                }
            }
            return;
        }
        let is_known = self
            .identity
            .as_ref()
            .is_some_and(|known| known.pid == supervisord);
        if !is_known || programs.iter().any(|(_, process)| process.is_none()) {
            self.poll_now(context);
        }
        // What the log says is read once, whoever answers.
        let has_log = self.read_log(log, begun, context);
        if !is_known {
            return;
        }
        for (name, process) in programs {
            if let Some(process) = process {
                let look = Look {
                    process,
                    begun,
                    same_supervisord: true,
                    is_poll: false,
                    has_log: has_log && self.has_account_of(&name),
                };
                let known = self.programs.get(&name);
                let had_life = known.is_some_and(|program| program.process.start != 0);
                let is_anew = self.look_at(&name, look, context) == Some(true);
                if let Some(program) = self.programs.get_mut(&name) {
                    program.anew_since_poll |= had_life && is_anew;
                }
            }
        }
        self.settle(context);
    }

    /// A look brought nothing; the polls say why.
    pub(super) fn look_failed(&mut self) {
        self.is_looking = false;
    }

    /// Takes a look at a program in; returns whether supervisord made it anew, where that is known.
    pub(super) fn look_at(
        &mut self,
        name: &ProgramName,
        look: Look,
        context: &mut Context<'_>,
    ) -> Option<bool> {
        let begun = look.begun;
        let (patience, poll_interval) = (self.patience(), self.settings.poll_interval);
        let has_account = self.has_account_of(name);
        let program = self.programs.get_mut(name)?;
        let seen = program.observe(look, patience, context.now);
        // By then nothing is on its way any more of what was before.
        let is_quiet = program.account.told().is_empty()
            && begun.since(program.changed_at) >= patience
            && seen.as_ref().is_some_and(|seen| seen.steps.is_empty());
        let teller_since = self.feeds.teller_since();
        if is_quiet
            && has_account
            && teller_since.is_some_and(|since| begun.since(since) >= patience)
        {
            program.account.synced = true;
        }
        // What an overtaken look brought may be a hint.
        if seen.is_some() || !program.looks.is_due(context.now) {
            program.plan_look(context.now, poll_interval);
        }
        let seen = seen?;
        self.follow(name, &seen.steps, context);
        if seen.lapsed {
            self.lapsed(context);
        }
        Some(seen.is_anew)
    }

    /// Weighs the look again that a program keeps; where it was waited for in vain, the latest.
    pub(super) fn reconsider(&mut self, name: &ProgramName, context: &mut Context<'_>) {
        let patience = self.patience();
        let program = self.programs.get(name);
        let look = program
            .and_then(|program| program.held.as_ref())
            .map(|held| {
                if context.now.since(held.since) < patience {
                    held.look.clone()
                } else {
                    held.latest.clone()
                }
            });
        if let Some(look) = look {
            self.look_at(name, look, context);
            self.settle(context);
        }
    }

    /// Takes in the looks that have waited long enough.
    pub(super) fn take_held(&mut self, context: &mut Context<'_>) {
        let patience = self.patience();
        let is_due = |program: &Program| {
            let held = program.held.as_ref();
            held.is_some_and(|held| context.now.since(held.since) >= patience)
        };
        let due = self.programs.iter().filter(|(_, program)| is_due(program));
        let due: Vec<_> = due.map(|(name, _)| name.clone()).collect();
        for name in due {
            self.reconsider(&name, context);
        }
    }

    /// Asks for the looks that are due, one call at a time.
    pub(in crate::engine) fn ask_for_looks(&mut self, context: &mut Context<'_>) {
        if self.is_looking || !self.gate.reachable {
            return;
        }
        let log_due = self.log_due();
        let programs = self.programs.iter_mut();
        let mut due: Vec<_> = programs
            .filter(|(_, program)| program.looks.is_due(context.now))
            .collect();
        due.sort_by_key(|(_, program)| program.looks.due().map(|due| due.monotonic));
        due.truncate(LOOKS_MAX);
        let log_is_due = log_due.is_some_and(|due| due.monotonic <= context.now.monotonic);
        if due.is_empty() && !log_is_due {
            return;
        }
        let programs = due.into_iter().map(|(name, program)| {
            program.looks.asked(context.now);
            name.clone()
        });
        let programs = programs.collect();
        self.is_looking = true;
        self.asked_at = Some(context.now);
        context.effects.push(Effect::Look {
            server: self.settings.name.clone(),
            programs,
        });
    }

    /// When the looks want the engine to be woken.
    pub(super) fn looks_wake(&self) -> Option<Moment> {
        let patience = self.patience();
        let programs = self.programs.values();
        let wakes = programs.flat_map(|program| {
            let look = program.looks.due().filter(|_| !self.is_looking);
            let held = program.held.as_ref();
            let held = held.map(|held| held.since.after(patience));
            look.into_iter().chain(held)
        });
        let log = self.log_due().filter(|_| !self.is_looking);
        wakes.chain(log).min_by_key(|moment| moment.monotonic)
    }

    /// When the main log is to be read by itself: where the kernel does not say when something happens.
    fn log_due(&self) -> Option<Moment> {
        let is_needed = self.feeds.is_up(Feed::Log) && !self.feeds.is_up(Feed::Pidfd);
        // A look that failed is not made again at once.
        let last = self.asked_at.or(self.log_read_at).filter(|_| is_needed);
        last.map(|at| at.after(LOG_EVERY.min(self.settings.poll_interval)))
    }

    fn patience(&self) -> Duration {
        let (least, most) = PATIENCE;
        self.settings.poll_interval.clamp(least, most)
    }
}
