//! The life of an incident: opened once, escalated in place, closed once.
//!
//! | incident | the program | then |
//! |---|---|---|
//! | none | something is wrong with it | opened; as flapping where that happened too often |
//! | none | it crashed, and its rule asks for every crash | opened |
//! | open | something worse is wrong | escalated: the same incident, another kind |
//! | open | RUNNING on one pid for `resolve_after`; a crash loop or flapping: for its window | closed: recovered |
//! | open | ended as its configuration expects | closed: recovered |
//! | open | STOPPED, and supervisord is not about to start it | closed: stopped by an operator |
//! | open | not configured any more, or at rest and not expected to be up any more | closed: removed |
//! | open | anything else | goes on |
//!
//! Each change makes one notice, in the same batch of records, and so does a reminder. The exception is what was down at the
//! first look ever: one digest tells of all of it.
//!
//! What people silenced is withheld, and told when the silence is over if it still goes on. That an
//! incident is over is told at once to whom knows that it began.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    AlertSettings, Context, Effect,
    program::{Program, Trouble},
    rules,
};
use crate::model::{
    Exit, Incident, IncidentId, Kind, Next, Notice, NoticeId, NoticeReason, OomKill, Outcome,
    ProcessState, ProgramKey, ProgramName, Record, ServerName, Severity,
};

/// What an incident's kind is worth unless the configuration says otherwise.
fn severity(kind: Kind) -> Severity {
    match kind {
        Kind::Fatal | Kind::UnexpectedExit | Kind::CrashLoop | Kind::Unreachable => {
            Severity::Critical
        }
        Kind::Backoff | Kind::Flapping => Severity::Warning,
    }
}

/// Opens, escalates or closes the program's incident, as its present state asks for.
pub(super) fn assess(key: &ProgramKey, program: &mut Program, context: &mut Context<'_>) {
    let rule = rules::find(&context.settings.programs, &key.program);
    let expected_up = rule.is_none_or(|rule| rule.expected_up);
    let every_crash = rule.is_some_and(|rule| rule.alert_on_crash);
    let crash = program.crash.take().filter(|_| every_crash);
    let crashed = crash.as_ref().map(|_| Kind::UnexpectedExit);
    let alert = &context.settings.alert;
    program.cycles.forget(alert, context.now);
    let condition = program.condition(alert).or(crashed).filter(|_| expected_up);
    note_restarts(program, alert);
    let before = program.incident.as_ref().map(|incident| incident.kind);
    match (before, condition) {
        (None, None) => {}
        (None, Some(kind)) => {
            let is_flapping = program.cycles.is_flapping(alert);
            let kind = if is_flapping { Kind::Flapping } else { kind };
            program.cycles.opened(context.now);
            open(key, program, kind, crash.as_ref(), context);
        }
        (Some(before), Some(kind)) if kind > before => escalate(key, program, kind, context),
        (Some(_), Some(_)) => {}
        (Some(_), None) => {
            if let Some(outcome) = ending(program, expected_up, context) {
                close_program(program, outcome, context);
            }
        }
    }
}

/// Keeps an open crash loop's count up to date.
fn note_restarts(program: &mut Program, alert: &AlertSettings) {
    let restarts = program.cycles.crash_loop(alert);
    if let Some(incident) = &mut program.incident
        && incident.kind == Kind::CrashLoop
    {
        incident.restarts = restarts.or(incident.restarts);
    }
}

/// How long a program must run, on one pid, for its incident to be over. One that comes and goes is over
/// when it has lasted for as long as it is watched for coming and going.
fn lasting(kind: Kind, alert: &AlertSettings) -> Duration {
    match kind {
        Kind::CrashLoop => alert.resolve_after.max(alert.crash_loop_within),
        Kind::Flapping => alert.resolve_after.max(alert.flapping_within),
        Kind::Backoff | Kind::UnexpectedExit | Kind::Fatal | Kind::Unreachable => {
            alert.resolve_after
        }
    }
}

/// Writes down the incidents that changed and tells people what they are to be told: one notice for an
/// incident at a time, the first reason for it.
pub(super) fn tell(programs: &mut BTreeMap<ProgramName, Program>, context: &mut Context<'_>) {
    let mut told: BTreeSet<ProgramKey> = BTreeSet::new();
    let mut tell = std::mem::take(&mut context.tell);
    tell.retain(|(key, _)| told.insert(key.clone()));
    tell.retain(|(key, reason)| {
        let program = programs.get_mut(&key.program);
        let incident = program.and_then(|program| program.incident.as_mut());
        incident.is_some_and(|incident| may_tell(incident, *reason, context))
    });
    for program in programs.values_mut() {
        if let Some(incident) = program.unsaved_incident() {
            context
                .effects
                .push(Effect::Record(Record::Incident(incident)));
        }
    }
    for (key, reason) in tell {
        let program = programs.get(&key.program);
        if let Some(incident) = program.and_then(|program| program.incident.clone()) {
            context.notice(reason, vec![incident]);
        }
    }
    for program in programs.values_mut() {
        program.plan_reminder(context);
    }
}

/// Marks an incident as told, or withholds it where people do not want to be told.
pub(super) fn may_tell(
    incident: &mut Incident,
    reason: NoticeReason,
    context: &mut Context<'_>,
) -> bool {
    match context.mutes(&incident.server, incident.program.as_ref()) {
        None => incident.tell(reason, context.now.wall),
        Some(why) => {
            incident.withhold(reason);
            context.suppressed(why);
            return false;
        }
    }
    true
}

/// Tells people what was withheld, where they are to be told again.
pub(super) fn make_up(key: &ProgramKey, program: &Program, context: &mut Context<'_>) {
    let withheld = program.incident.as_ref();
    let withheld = withheld.and_then(|incident| incident.withheld);
    if let Some(reason) = withheld.filter(|_| !program.is_muted) {
        context.tell.push((key.clone(), reason));
    }
}

/// Reminds people of an incident that goes on, unless there is something new to tell of it, or the
/// program runs and it may be over.
pub(super) fn remind(key: &ProgramKey, program: &mut Program, context: &mut Context<'_>) {
    program.plan_reminder(context);
    if program.reminder.is_due(context.now) && program.may_be_reminded_of() {
        context.tell.push((key.clone(), NoticeReason::Reminder));
    }
}

/// How an incident ends whose program has nothing wrong with it at present; none: it goes on.
fn ending(program: &Program, expected_up: bool, context: &Context<'_>) -> Option<Outcome> {
    match program.process.state {
        ProcessState::Running => {
            let kind = program.incident.as_ref()?.kind;
            let lasting = lasting(kind, &context.settings.alert);
            (program.running_for() >= Some(lasting)).then_some(Outcome::Recovered)
        }
        // Before its first start supervisord may be about to start it, after a reload for one.
        ProcessState::Stopped if program.process.start != 0 || program.is_settled() => {
            Some(Outcome::StoppedByOperator)
        }
        ProcessState::Exited if program.expected_exit && program.is_settled() => {
            Some(Outcome::Recovered)
        }
        ProcessState::Exited | ProcessState::Fatal if !expected_up => Some(Outcome::Removed),
        ProcessState::Exited
        | ProcessState::Fatal
        | ProcessState::Stopped
        | ProcessState::Starting
        | ProcessState::Backoff
        | ProcessState::Stopping
        | ProcessState::Unknown
        | ProcessState::Unrecognised(_) => None,
    }
}

/// Opens an incident about a program, or about one `crash` of it that supervisord may have healed.
fn open(
    key: &ProgramKey,
    program: &mut Program,
    kind: Kind,
    crash: Option<&Trouble>,
    context: &mut Context<'_>,
) {
    let rule = rules::find(&context.settings.programs, &key.program);
    let process = &program.process;
    let baseline = program.baseline == Some((process.start, process.stop));
    // supervisord may start it again any moment: that it is down is not said before that is decided.
    let stays = !program.is_undecided();
    let to = crash.map_or(process.state, |crash| crash.to);
    let trouble = crash.or(program.trouble.as_ref());
    let (exit, oom_kill) = last_end(program.exit, trouble);
    let id = IncidentId(context.ulid());
    let (server, name) = (key.server.clone(), Some(key.program.clone()));
    let severity = rule
        .and_then(|rule| rule.severity)
        .unwrap_or_else(|| severity(kind));
    let incident = Incident {
        baseline,
        from: trouble.map(|trouble| trouble.from),
        to: stays.then_some(to),
        uptime_seconds: trouble.and_then(|trouble| trouble.uptime_seconds),
        exit,
        oom_kill,
        spawn_error: process.spawn_error.clone(),
        attempts: program.retry.record.attempts,
        restarts: program.cycles.crash_loop(&context.settings.alert),
        runbook: rule.and_then(|rule| rule.runbook.clone()),
        at_mobiles: rule.map(|rule| rule.at_mobiles.clone()).unwrap_or_default(),
        ..Incident::opened(id, server, name, (kind, severity), context.now.wall)
    };
    context.effects.push(Effect::ReadLog {
        key: key.clone(),
        incident: incident.id.clone(),
    });
    if !baseline {
        context.tell.push((key.clone(), NoticeReason::Opened));
    }
    program.incident = Some(incident);
}

/// How a program ended last, and whether the kernel killed for memory then. What supervisord shows is
/// the latest, but never tells which signal it was.
fn last_end(shown: Option<Exit>, trouble: Option<&Trouble>) -> (Option<Exit>, Option<OomKill>) {
    let known = trouble.and_then(|trouble| trouble.exit);
    let exit = match shown {
        Some(Exit::UnknownSignal) | None => known.or(shown),
        Some(Exit::Code(_) | Exit::Signal { .. }) => shown,
    };
    let oom_kill = trouble.and_then(|trouble| trouble.oom_kill);
    (exit, oom_kill.filter(|_| exit == known))
}

fn escalate(key: &ProgramKey, program: &mut Program, kind: Kind, context: &mut Context<'_>) {
    let rule = rules::find(&context.settings.programs, &key.program);
    let process = &program.process;
    let Some(incident) = &mut program.incident else {
        return;
    };
    incident.kind = kind;
    incident.restarts = program.cycles.crash_loop(&context.settings.alert);
    incident.severity = rule
        .and_then(|rule| rule.severity)
        .unwrap_or_else(|| severity(kind));
    incident.to = Some(process.state);
    let (exit, oom_kill) = last_end(program.exit, program.trouble.as_ref());
    if exit.is_some() {
        (incident.exit, incident.oom_kill) = (exit, oom_kill);
    }
    incident.spawn_error.clone_from(&process.spawn_error);
    context.effects.push(Effect::ReadLog {
        key: key.clone(),
        incident: incident.id.clone(),
    });
    context.tell.push((key.clone(), NoticeReason::Escalated));
}

/// Closes a program's incident and tells so, unless nobody was told that it began.
pub(super) fn close_program(program: &mut Program, outcome: Outcome, context: &mut Context<'_>) {
    let is_untold = program.baseline.is_some();
    program.cycles.closed();
    if let Some(ended) = finish(&mut program.incident, outcome, context)
        && !(ended.baseline && is_untold)
        && !ended.is_unknown()
    {
        context.notice(NoticeReason::Closed, vec![ended]);
    }
}

/// Closes the incident about a supervisord that did not answer, and tells so.
pub(super) fn close(incident: &mut Option<Incident>, outcome: Outcome, context: &mut Context<'_>) {
    if let Some(ended) = finish(incident, outcome, context)
        && !ended.is_unknown()
    {
        context.notice(NoticeReason::Closed, vec![ended]);
    }
}

fn finish(
    incident: &mut Option<Incident>,
    outcome: Outcome,
    context: &mut Context<'_>,
) -> Option<Incident> {
    let mut ended = incident.take()?;
    ended.closed_at = Some(context.now.wall);
    ended.outcome = Some(outcome);
    ended.next = Next::Nothing;
    context
        .effects
        .push(Effect::Record(Record::Incident(ended.clone())));
    Some(ended)
}

/// An incident about a supervisord that does not answer.
pub(super) fn unreachable(server: &ServerName, error: &str, context: &mut Context<'_>) -> Incident {
    let kind = Kind::Unreachable;
    let id = IncidentId(context.ulid());
    let rank = (kind, severity(kind));
    let mut incident = Incident {
        spawn_error: error.to_owned(),
        ..Incident::opened(id, server.clone(), None, rank, context.now.wall)
    };
    tell_alone(&mut incident, NoticeReason::Opened, context);
    incident
}

/// Writes down an incident about a supervisord, and tells people of it.
pub(super) fn tell_alone(incident: &mut Incident, reason: NoticeReason, context: &mut Context<'_>) {
    let is_told = may_tell(incident, reason, context);
    context
        .effects
        .push(Effect::Record(Record::Incident(incident.clone())));
    if is_told {
        context.notice(reason, vec![incident.clone()]);
    }
}

impl Context<'_> {
    /// Tells people about incidents; severity `none` means that nobody is told.
    pub(super) fn notice(&mut self, reason: NoticeReason, mut incidents: Vec<Incident>) {
        incidents.retain(|incident| incident.severity != Severity::None);
        if incidents.is_empty() {
            return;
        }
        let id = NoticeId(self.ulid());
        let notice = Notice::of(id, reason, self.now.wall, incidents);
        self.effects.push(Effect::Notice(notice));
    }
}
