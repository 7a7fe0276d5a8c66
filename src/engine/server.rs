//! What a poll of one supervisord means.
//!
//! Owns the programs of one supervisord, and what concerns it as a whole: whether it is the same run of
//! it as before, and the baseline, which is what was already down when supervigil looked
//! for the first time ever. That is told in one digest instead of a notice each.

mod hearing;
mod inputs;
mod leaving;
mod looking;
mod polling;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use super::{
    Context, Effect, PollFailure, ServerSettings, Settings, StartOutcome, account::Feeds, attempts,
    gate::Gate, incident, program::Program, silence::Silence, step::Step, view,
};
use crate::model::{
    Cause, Feed, Identity, Incident, IncidentId, Moment, NoticeReason, Process, ProcessState,
    ProgramKey, ProgramName, Record, Saved, SeenBy, ServerName, ServerRecord,
};

/// One supervisord and its programs.
#[derive(Debug)]
pub(super) struct Server {
    pub settings: ServerSettings,
    pub identity: Option<Identity>,
    pub seen_since: Option<Timestamp>,
    pub restarts: u64,
    pub last_success_at: Option<Timestamp>,
    pub silence: Silence,
    pub programs: BTreeMap<ProgramName, Program>,
    pub gate: Gate,
    pub feeds: Feeds,
    /// Names that programs of several groups bear.
    namesakes: BTreeSet<Arc<str>>,
    /// Changes in a row that the feeds owed and did not tell.
    lapses: u32,
    /// When the main log was read last.
    log_read_at: Option<Moment>,
    /// When a look was asked for last.
    asked_at: Option<Moment>,
    /// Whether a look at some programs is on its way.
    is_looking: bool,
    /// Whether what was down at the first look ever is told already.
    known: bool,
    /// Whether this run of supervigil has had a look yet.
    looked: bool,
}

impl Server {
    /// A supervisord as an earlier run left it, if there was one.
    pub(super) fn restored(settings: ServerSettings, saved: &Saved, now: Moment) -> Self {
        let name = settings.name.clone();
        let server = saved.servers.iter().find(|record| record.server == name);
        let mut open = BTreeMap::new();
        for incident in &saved.incidents {
            if incident.server == name && incident.is_open() {
                open.insert(incident.program.as_ref(), incident.clone());
            }
        }
        let records = saved.programs.iter();
        let records: Vec<_> = records.filter(|record| record.key.server == name).collect();
        let mut programs = BTreeMap::new();
        for record in &records {
            let name = &record.key.program;
            let mut program = Program::restored(record, open.remove(&Some(name)), now);
            // An earlier run ended between its first look and the digest.
            if server.is_none() {
                program.baseline = Some((record.process.start, record.process.stop));
            }
            programs.insert(name.clone(), program);
        }
        Self {
            settings,
            identity: server.map(|record| record.identity.clone()),
            seen_since: server.map(|record| record.seen_since),
            restarts: server.map_or(0, |record| record.restarts),
            last_success_at: None,
            silence: Silence::restored(open.remove(&None)),
            programs,
            gate: Gate::restored(&records, now),
            feeds: Feeds::default(),
            namesakes: BTreeSet::new(),
            lapses: 0,
            log_read_at: None,
            asked_at: None,
            is_looking: false,
            known: server.is_some(),
            looked: false,
        }
    }

    pub(super) fn reconfigured(self, settings: ServerSettings) -> Self {
        // What was asked for goes with the tasks that were to bring it.
        let mut server = Self {
            settings,
            feeds: Feeds::default(),
            log_read_at: None,
            is_looking: false,
            ..self
        };
        server.lose_account();
        server
    }

    /// Writes the steps of a program down, with what they mean for starts.
    fn follow(&mut self, name: &ProgramName, steps: &[Step], context: &mut Context<'_>) {
        let programs = self.programs.len();
        let Some(program) = self.programs.get_mut(name) else {
            return;
        };
        let key = ProgramKey::new(&self.settings.name, name);
        for step in steps {
            if matches!(step.cause, Cause::Operator | Cause::SupervisordRestart) {
                program.retry.reset();
            }
            if step.to == ProcessState::Fatal && program.started_by != Cause::Retry {
                self.gate.went_fatal(name, programs, context.now);
            }
            if step.died {
                let is_pushed = match step.seen_by {
                    SeenBy::Pidfd => true,
                    SeenBy::Log => self.feeds.teller() == Some(Feed::Listener),
                    SeenBy::Poll => false,
                };
                let noticed = step.noticed.filter(|_| is_pushed);
                let latency = detection_latency(noticed, &program.process, context.now);
                context.effects.push(Effect::Detected {
                    seen_by: step.seen_by,
                    latency,
                });
            }
            let transition = view::transition(&key, step, &program.process, context.now);
            context
                .effects
                .push(Effect::Record(Record::Transition(transition)));
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
            program.is_muted = context.mutes(&name, Some(program_name)).is_some();
            incident::make_up(&key, program, context);
            if self.settings.itself.as_ref() != Some(program_name) {
                incident::assess(&key, program, context);
            }
        }
        attempts::decide(&self.settings, &mut self.programs, &mut self.gate, context);
        for (program_name, program) in &mut self.programs {
            incident::remind(&ProgramKey::new(&name, program_name), program, context);
        }
        let digest = self.digest(context);
        incident::tell(&mut self.programs, context);
        if let Some(down) = digest {
            context.notice(NoticeReason::Digest, down);
            self.save(context);
        }
        for (program_name, program) in &mut self.programs {
            let key = ProgramKey::new(&name, program_name);
            if let Some(record) = program.unsaved(&key) {
                context
                    .effects
                    .push(Effect::Record(Record::Program(record)));
            }
        }
    }

    /// What was down at the first look ever, to be told in one digest as soon as all of it is decided;
    /// none before that and after it.
    fn digest(&mut self, context: &mut Context<'_>) -> Option<Vec<Incident>> {
        let undecided = self.programs.values().any(|program| {
            program.baseline == Some((program.process.start, program.process.stop))
                && program.is_undecided()
        });
        if self.known || undecided {
            return None;
        }
        self.known = true;
        let mut down = Vec::new();
        for program in self.programs.values_mut() {
            program.baseline = None;
            let incident = program.incident.as_mut();
            let incident = incident.filter(|incident| incident.baseline);
            if let Some(incident) = incident
                && incident::may_tell(incident, NoticeReason::Digest, context)
            {
                down.push(incident.clone());
            }
        }
        Some(down)
    }

    pub(super) fn poll_failed(&mut self, failure: PollFailure, context: &mut Context<'_>) {
        self.gate.reachable = false;
        self.silence.goes_on(failure, context.now);
        self.judge_silence(context);
    }

    fn judge_silence(&mut self, context: &mut Context<'_>) {
        if self.must_answer() {
            self.silence.judge(&self.settings.name, context);
        }
    }

    fn must_answer(&self) -> bool {
        self.settings.must_answer || self.identity.is_some()
    }

    pub(super) fn started(
        &mut self,
        key: &ProgramKey,
        outcome: &StartOutcome,
        context: &mut Context<'_>,
    ) {
        if *outcome == StartOutcome::ShuttingDown {
            self.gate.suspended = true;
        }
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
            incident::tell(&mut self.programs, context);
        }
    }

    pub(super) fn woken(&mut self, context: &mut Context<'_>) {
        if self.gate.reachable {
            self.take_held(context);
            self.settle(context);
        } else {
            self.judge_silence(context);
        }
    }

    pub(super) fn next_wake(&self, settings: &Settings) -> Option<Moment> {
        if self.gate.reachable {
            let programs = self.programs.values();
            let wakes = programs.flat_map(|program| {
                let reminder = program.reminder.due();
                let reminder = reminder.filter(|_| program.may_be_reminded_of());
                program.retry.wake().into_iter().chain(reminder)
            });
            let wakes = wakes.chain(self.looks_wake());
            wakes.min_by_key(|moment| moment.monotonic)
        } else if self.must_answer() {
            self.silence.due(settings.alert.unreachable_after)
        } else {
            None
        }
    }

    pub(super) fn program_names(&self) -> Vec<ProgramName> {
        self.programs.keys().cloned().collect()
    }

    pub(super) fn name(&self) -> &ServerName {
        &self.settings.name
    }
}

/// From a death to its being known: exactly where a feed told it as it happened, else to the second, by
/// supervisord's clock.
fn detection_latency(noticed: Option<Moment>, process: &Process, now: Moment) -> Duration {
    let by_its_clock = || {
        let seconds = process.now.saturating_sub(process.stop);
        Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
    };
    noticed.map_or_else(by_its_clock, |noticed| now.since(noticed))
}
