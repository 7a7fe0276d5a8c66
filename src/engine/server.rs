//! What a poll of one supervisord means.
//!
//! Owns the programs of one supervisord, and what concerns it as a whole: whether it answers, whether
//! it is the same run of it, and the baseline, which is what was already down when supervigil looked
//! for the first time ever. That is told in one digest instead of a notice each.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    Context, Effect, PollFailure, ServerSettings, Settings, StartOutcome, attempts,
    gate::Gate,
    incident,
    program::{self, Program},
    retry::Retry,
};
use crate::model::{
    Cause, Identity, Incident, IncidentId, Moment, NoticeReason, Outcome, Process, ProcessState,
    ProgramKey, ProgramName, Record, Saved, ServerName, ServerRecord, Snapshot,
};

/// One supervisord and its programs.
#[derive(Debug)]
pub(super) struct Server {
    pub settings: ServerSettings,
    pub identity: Option<Identity>,
    pub seen_since: Option<Timestamp>,
    pub restarts: u64,
    pub last_success_at: Option<Timestamp>,
    pub error: Option<String>,
    pub unreachable: Option<Incident>,
    pub programs: BTreeMap<ProgramName, Program>,
    pub gate: Gate,
    failing_since: Option<Moment>,
    /// Whether what was down at the first look ever is told already.
    known: bool,
    /// Whether this run of supervigil has had a look yet.
    looked: bool,
}

impl Server {
    /// A supervisord as an earlier run left it, if there was one.
    pub(super) fn restored(settings: ServerSettings, saved: &Saved, now: Moment) -> Self {
        let name = settings.name.clone();
        let record = saved.servers.iter().find(|record| record.server == name);
        let mut programs: BTreeMap<_, _> = saved
            .programs
            .iter()
            .filter(|record| record.key.server == name)
            .map(|record| {
                (
                    record.key.program.clone(),
                    Program::restored(record.clone(), now),
                )
            })
            .collect();
        let mut unreachable = None;
        let ours = |incident: &&Incident| incident.server == name && incident.is_open();
        for incident in saved.incidents.iter().filter(ours) {
            match &incident.program {
                None => unreachable = Some(incident.clone()),
                Some(program) => {
                    if let Some(program) = programs.get_mut(program) {
                        program.incident = Some(incident.clone());
                    }
                }
            }
        }
        Self {
            settings,
            identity: record.map(|record| record.identity.clone()),
            seen_since: record.map(|record| record.seen_since),
            restarts: record.map_or(0, |record| record.restarts),
            last_success_at: None,
            error: None,
            unreachable,
            programs,
            gate: Gate::default(),
            failing_since: None,
            known: record.is_some(),
            looked: false,
        }
    }

    pub(super) fn reconfigured(self, settings: ServerSettings) -> Self {
        Self { settings, ..self }
    }

    pub(super) fn polled(&mut self, snapshot: Snapshot, context: &mut Context<'_>) {
        self.error = None;
        self.failing_since = None;
        self.last_success_at = Some(context.now.wall);
        self.gate.reachable = true;
        incident::close(&mut self.unreachable, Outcome::Recovered, context);

        let first_look = !std::mem::replace(&mut self.looked, true);
        let same = self
            .identity
            .as_ref()
            .is_none_or(|known| known.pid == snapshot.identity.pid);
        self.remove_missing(&snapshot, context);
        let recreated = self.observe_all(snapshot.processes, same, first_look, context);
        self.identify(snapshot.identity, same && !recreated, context);
        self.settle(context);
    }

    /// Takes every program's look in; returns whether supervisord made all of them anew.
    fn observe_all(
        &mut self,
        processes: Vec<Process>,
        same: bool,
        first_look: bool,
        context: &mut Context<'_>,
    ) -> bool {
        let now = context.now;
        let (mut surviving, mut recreated) = (0_usize, 0_usize);
        let total = processes.len();
        for process in processes {
            let name = process.program.clone();
            let pair = (process.start, process.stop);
            let program = match self.programs.remove(&name) {
                Some(mut program) => {
                    let had_life = program.process.start != 0;
                    let steps = program.observe(process, same, now);
                    let key = ProgramKey::new(&self.settings.name, &name);
                    let anew = steps
                        .iter()
                        .any(|step| step.cause == Cause::SupervisordRestart);
                    surviving = surviving.saturating_add(usize::from(had_life));
                    recreated = recreated.saturating_add(usize::from(had_life && anew));
                    for step in &steps {
                        let transition = program::transition(&key, step, &program.process, now);
                        context
                            .effects
                            .push(Effect::Record(Record::Transition(transition)));
                        if matches!(step.cause, Cause::Operator | Cause::SupervisordRestart) {
                            program.retry.reset();
                        }
                        if step.to == ProcessState::Fatal && program.started_by != Cause::Retry {
                            self.gate.went_fatal(&name, total, now);
                        }
                    }
                    program
                }
                None => Program::first_seen(process, Retry::default(), now),
            };
            let program = self.programs.entry(name).or_insert(program);
            if first_look && !self.known {
                program.baseline = Some(pair);
            }
        }
        surviving > 0 && recreated == surviving
    }

    fn remove_missing(&mut self, snapshot: &Snapshot, context: &mut Context<'_>) {
        let there: std::collections::BTreeSet<_> = snapshot
            .processes
            .iter()
            .map(|process| &process.program)
            .collect();
        let gone: Vec<_> = self
            .programs
            .keys()
            .filter(|name| !there.contains(name))
            .cloned()
            .collect();
        for name in gone {
            self.remove(&name, context);
        }
    }

    fn remove(&mut self, name: &ProgramName, context: &mut Context<'_>) {
        if let Some(mut program) = self.programs.remove(name) {
            incident::close(&mut program.incident, Outcome::Removed, context);
            let key = ProgramKey::new(&self.settings.name, name);
            context
                .effects
                .push(Effect::Record(Record::ProgramRemoved(key)));
        }
    }

    /// The supervisord is not configured any more.
    pub(super) fn forget(&mut self, context: &mut Context<'_>) {
        incident::close(&mut self.unreachable, Outcome::Removed, context);
        let names: Vec<_> = self.programs.keys().cloned().collect();
        for name in names {
            self.remove(&name, context);
        }
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

    fn save(&self, context: &mut Context<'_>) {
        if let (Some(identity), Some(seen_since)) = (self.identity.clone(), self.seen_since) {
            context
                .effects
                .push(Effect::Record(Record::Server(ServerRecord {
                    server: self.settings.name.clone(),
                    identity,
                    seen_since,
                    restarts: self.restarts,
                })));
        }
    }

    /// Draws the conclusions from the programs' present states.
    fn settle(&mut self, context: &mut Context<'_>) {
        let name = self.settings.name.clone();
        for (program_name, program) in &mut self.programs {
            let key = ProgramKey::new(&name, program_name);
            attempts::observe(&key, program, context);
            if self.settings.itself.as_ref() != Some(program_name) {
                incident::assess(&key, program, context);
            }
        }
        attempts::decide(&self.settings, &mut self.programs, &mut self.gate, context);
        self.tell(context);
        self.tell_baseline(context);
        for (program_name, program) in &mut self.programs {
            let key = ProgramKey::new(&name, program_name);
            if let Some(record) = program.unsaved(&key) {
                context
                    .effects
                    .push(Effect::Record(Record::Program(record)));
            }
        }
    }

    /// Writes down the incidents that changed and tells people what they are to be told.
    fn tell(&mut self, context: &mut Context<'_>) {
        let tell = std::mem::take(&mut context.tell);
        for program in self.programs.values_mut() {
            if let Some(incident) = program.unsaved_incident() {
                context
                    .effects
                    .push(Effect::Record(Record::Incident(incident)));
            }
        }
        let mut told: Vec<&ProgramKey> = Vec::new();
        for (key, reason) in &tell {
            let program = self.programs.get(&key.program);
            if let Some(incident) = program.and_then(|program| program.incident.clone())
                && !told.contains(&key)
            {
                context.notice(*reason, vec![incident]);
                told.push(key);
            }
        }
    }

    /// Tells in one digest what was down at the first look ever, as soon as all of it is decided.
    fn tell_baseline(&mut self, context: &mut Context<'_>) {
        let now = context.now;
        let undecided = self.programs.values().any(|program| {
            program.baseline == Some((program.process.start, program.process.stop))
                && program.is_undecided(now)
        });
        if self.known || undecided {
            return;
        }
        let incidents = self
            .programs
            .values()
            .filter_map(|program| program.incident.clone());
        let down: Vec<_> = incidents.filter(|incident| incident.baseline).collect();
        if !down.is_empty() {
            context.notice(NoticeReason::Digest, down);
        }
        self.known = true;
        self.save(context);
    }

    pub(super) fn poll_failed(&mut self, failure: PollFailure, context: &mut Context<'_>) {
        self.error = Some(failure.message);
        self.gate.reachable = false;
        self.failing_since.get_or_insert(context.now);
        self.judge_silence(context);
    }

    /// Opens the `unreachable` incident once supervisord has not answered for long enough.
    fn judge_silence(&mut self, context: &mut Context<'_>) {
        let due = self.silent_until(&context.settings.alert.unreachable_after);
        let error = self.error.as_deref().unwrap_or_default();
        if due.is_some_and(|due| context.now.monotonic >= due.monotonic) {
            let incident = incident::unreachable(&self.settings.name, error, context);
            self.unreachable = Some(incident);
        }
    }

    /// When a supervisord that does not answer becomes an incident; none: not at all, or it is one.
    fn silent_until(&self, unreachable_after: &std::time::Duration) -> Option<Moment> {
        let counts = self.settings.must_answer || self.identity.is_some();
        let since = self
            .failing_since
            .filter(|_| counts && self.unreachable.is_none())?;
        Some(since.after(*unreachable_after))
    }

    pub(super) fn started(
        &mut self,
        key: &ProgramKey,
        outcome: &StartOutcome,
        context: &mut Context<'_>,
    ) {
        if let Some(program) = self.programs.get_mut(&key.program) {
            attempts::answered(key, program, outcome, context);
            self.settle(context);
        }
    }

    pub(super) fn log_read(
        &mut self,
        key: &ProgramKey,
        id: &IncidentId,
        lines: Vec<String>,
        context: &mut Context<'_>,
    ) {
        if let Some(program) = self.programs.get_mut(&key.program)
            && let Some(incident) = program
                .incident
                .as_mut()
                .filter(|incident| incident.id == *id)
        {
            incident.log_tail = lines;
            self.tell(context);
        }
    }

    pub(super) fn woken(&mut self, context: &mut Context<'_>) {
        if self.gate.reachable {
            self.settle(context);
        } else {
            self.judge_silence(context);
        }
    }

    pub(super) fn next_wake(&self, settings: &Settings) -> Option<Moment> {
        if self.gate.reachable {
            let due = self
                .programs
                .values()
                .filter_map(|program| program.retry.due());
            due.min_by_key(|moment| moment.monotonic)
        } else {
            self.silent_until(&settings.alert.unreachable_after)
        }
    }

    pub(super) fn program_names(&self) -> Vec<ProgramName> {
        self.programs.keys().cloned().collect()
    }

    pub(super) fn name(&self) -> &ServerName {
        &self.settings.name
    }
}
