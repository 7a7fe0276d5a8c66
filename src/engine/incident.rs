//! The life of an incident: opened once, escalated in place, closed once.
//!
//! | incident | the program | then |
//! |---|---|---|
//! | none | something is wrong with it | opened |
//! | open | something worse is wrong | escalated: the same incident, another kind |
//! | open | RUNNING on one pid for `resolve_after` | closed: recovered |
//! | open | ended as its configuration expects | closed: recovered |
//! | open | STOPPED | closed: stopped by an operator |
//! | open | not configured any more | closed: removed |
//! | open | anything else | goes on |
//!
//! Each of the first six makes one notice, written in the same batch of records as the change.

use super::{Context, Effect, program::Program, rules};
use crate::model::{
    Incident, IncidentId, Kind, Next, Notice, NoticeId, NoticeReason, Outcome, ProcessState,
    ProgramKey, Record, ServerName, Severity,
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
    let condition = if expected_up {
        program.condition(context.now)
    } else {
        None
    };
    match (
        program.incident.as_ref().map(|incident| incident.kind),
        condition,
    ) {
        (None, None) => {}
        (None, Some(kind)) => open(key, program, kind, context),
        (Some(before), Some(kind)) if kind > before => escalate(key, program, kind, context),
        (Some(_), Some(_)) => {}
        (Some(_), None) => {
            if let Some(outcome) = ending(program, expected_up, context) {
                close(&mut program.incident, outcome, context);
            }
        }
    }
}

/// How an incident ends whose program has nothing wrong with it at present; none: it goes on.
fn ending(program: &Program, expected_up: bool, context: &Context<'_>) -> Option<Outcome> {
    let now = context.now;
    match program.process.state {
        ProcessState::Running => {
            let runs = program.running_since.map(|since| now.since(since));
            (runs >= Some(context.settings.alert.resolve_after)).then_some(Outcome::Recovered)
        }
        ProcessState::Stopped => Some(Outcome::StoppedByOperator),
        ProcessState::Exited if program.expected_exit && program.is_settled(now) => {
            Some(Outcome::Recovered)
        }
        ProcessState::Exited | ProcessState::Fatal if !expected_up => Some(Outcome::Removed),
        ProcessState::Exited
        | ProcessState::Fatal
        | ProcessState::Starting
        | ProcessState::Backoff
        | ProcessState::Stopping
        | ProcessState::Unknown
        | ProcessState::Unrecognised(_) => None,
    }
}

/// Opens an incident about a program.
pub(super) fn open(key: &ProgramKey, program: &mut Program, kind: Kind, context: &mut Context<'_>) {
    let rule = rules::find(&context.settings.programs, &key.program);
    let process = &program.process;
    let baseline = program.baseline == Some((process.start, process.stop));
    let trouble = program.trouble.as_ref();
    let incident = Incident {
        id: IncidentId(context.ulid()),
        server: key.server.clone(),
        program: Some(key.program.clone()),
        kind,
        severity: rule
            .and_then(|rule| rule.severity)
            .unwrap_or_else(|| severity(kind)),
        opened_at: context.now.wall,
        closed_at: None,
        outcome: None,
        baseline,
        from: trouble.map(|trouble| trouble.from),
        to: Some(process.state),
        uptime_seconds: trouble.and_then(|trouble| trouble.uptime_seconds),
        exit: program
            .exit
            .or_else(|| trouble.and_then(|trouble| trouble.exit)),
        spawn_error: process.spawn_error.clone(),
        attempts: program.retry.record.attempts,
        next: Next::Nothing,
        log_tail: Vec::new(),
        runbook: rule.and_then(|rule| rule.runbook.clone()),
        at_mobiles: rule.map(|rule| rule.at_mobiles.clone()).unwrap_or_default(),
    };
    context.effects.push(Effect::ReadLog {
        key: key.clone(),
        incident: incident.id.clone(),
        stderr: !process.stderr_log.is_empty(),
    });
    if !baseline {
        context.tell.push((key.clone(), NoticeReason::Opened));
    }
    program.incident = Some(incident);
}

fn escalate(key: &ProgramKey, program: &mut Program, kind: Kind, context: &mut Context<'_>) {
    let rule = rules::find(&context.settings.programs, &key.program);
    let process = &program.process;
    let Some(incident) = &mut program.incident else {
        return;
    };
    incident.kind = kind;
    incident.severity = rule
        .and_then(|rule| rule.severity)
        .unwrap_or_else(|| severity(kind));
    incident.to = Some(process.state);
    incident.exit = program.exit.or(incident.exit);
    incident.spawn_error.clone_from(&process.spawn_error);
    context.effects.push(Effect::ReadLog {
        key: key.clone(),
        incident: incident.id.clone(),
        stderr: !process.stderr_log.is_empty(),
    });
    context.tell.push((key.clone(), NoticeReason::Escalated));
}

/// Closes an incident, whatever it is about, and tells so.
pub(super) fn close(incident: &mut Option<Incident>, outcome: Outcome, context: &mut Context<'_>) {
    let Some(mut ended) = incident.take() else {
        return;
    };
    ended.closed_at = Some(context.now.wall);
    ended.outcome = Some(outcome);
    ended.next = Next::Nothing;
    context
        .effects
        .push(Effect::Record(Record::Incident(ended.clone())));
    context.notice(NoticeReason::Closed, vec![ended]);
}

/// An incident about a supervisord that does not answer.
pub(super) fn unreachable(server: &ServerName, error: &str, context: &mut Context<'_>) -> Incident {
    let kind = Kind::Unreachable;
    let incident = Incident {
        id: IncidentId(context.ulid()),
        server: server.clone(),
        program: None,
        kind,
        severity: severity(kind),
        opened_at: context.now.wall,
        closed_at: None,
        outcome: None,
        baseline: false,
        from: None,
        to: None,
        uptime_seconds: None,
        exit: None,
        spawn_error: error.to_owned(),
        attempts: 0,
        next: Next::Nothing,
        log_tail: Vec::new(),
        runbook: None,
        at_mobiles: Vec::new(),
    };
    context
        .effects
        .push(Effect::Record(Record::Incident(incident.clone())));
    context.notice(NoticeReason::Opened, vec![incident.clone()]);
    incident
}

impl Context<'_> {
    /// Tells people something.
    pub(super) fn notice(&mut self, reason: NoticeReason, incidents: Vec<Incident>) {
        let id = NoticeId(self.ulid());
        let notice = Notice {
            id,
            reason,
            time: self.now.wall,
            incidents,
        };
        self.effects.push(Effect::Notice(notice));
    }
}
