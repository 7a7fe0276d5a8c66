//! The starts of all programs of one supervisord: which are due, which may go ahead, what came of
//! them. The rules for a single program are in `retry.rs`.

use std::collections::BTreeMap;

use super::{
    Context, Effect, RetrySettings, ServerSettings, Settings, StartOutcome,
    gate::Gate,
    program::Program,
    retry::{Decision, Retry},
    rules,
};
use crate::model::{Kind, Moment, Next, NoticeReason, ProgramKey, ProgramName};

/// Takes the outcome of an attempt off the program's present state, and fills the budget again after
/// it has run for long enough.
pub(super) fn observe(key: &ProgramKey, program: &mut Program, context: &mut Context<'_>) {
    let decision = program.retry.observe(&program.process, program.seen_at);
    carry_out(key, program, decision, context);
    let settings = rules::retry(context.settings, &key.program);
    if settings.is_some_and(|settings| program.running_for() >= Some(settings.reset_after)) {
        program.retry.reset();
    }
}

/// Takes supervisord's answer to a start in.
pub(super) fn answered(
    key: &ProgramKey,
    program: &mut Program,
    outcome: &StartOutcome,
    context: &mut Context<'_>,
) {
    let known = program.retry.record.needs_human.is_some();
    let decision = program.retry.answered(outcome, context.now);
    carry_out(key, program, decision, context);
    if !known && program.retry.record.needs_human.is_some() {
        context.tell.push((key.clone(), NoticeReason::Escalated));
    }
}

/// Plans and begins the starts that are due, those that have waited longest first.
pub(super) fn decide(
    server: &ServerSettings,
    programs: &mut BTreeMap<ProgramName, Program>,
    gate: &mut Gate,
    context: &mut Context<'_>,
) {
    let under_way = programs
        .values()
        .filter(|program| program.retry.may_have_started())
        .count();
    gate.under_way = u32::try_from(under_way).unwrap_or(u32::MAX);
    let due = |program: &Program| program.retry.due().map(|moment| moment.monotonic);
    let mut order: Vec<_> = programs
        .iter()
        .map(|(name, program)| (due(program), name))
        .collect();
    order.sort();
    let order: Vec<_> = order.into_iter().map(|(_, name)| name.clone()).collect();
    for name in order {
        let Some(program) = programs.get_mut(&name) else {
            continue;
        };
        let itself = server.itself.as_ref() == Some(&name);
        let settings = rules::retry(context.settings, &name)
            .filter(|settings| !itself && is_eligible(&name, program, settings, context.settings));
        let key = ProgramKey::new(&server.name, &name);
        let windows = &context.settings.maintenance;
        let held = context.quiet.held(&key, windows, context.now);
        let held = held.filter(|_| settings.is_some());
        let settings = settings.filter(|_| held.is_none());
        if let Some(settings) = settings {
            let luck = context.rng.f64();
            let start = program.process.start;
            let decision = program
                .retry
                .decide(settings, gate, start, luck, context.now);
            carry_out(&key, program, decision, context);
        } else {
            program.retry.stand_down();
        }
        let next = settings.map(|settings| plan_of(&program.retry, settings, gate, context.now));
        let runs = program.may_have_recovered();
        if let Some(incident) = &mut program.incident {
            incident.attempts = program.retry.record.attempts;
            let idle = if runs { Next::Runs } else { Next::Nothing };
            incident.next = next.or(held).unwrap_or(idle);
        }
    }
}

/// Whether the program is one that supervisord left down and that people want up.
fn is_eligible(
    name: &ProgramName,
    program: &Program,
    retry: &RetrySettings,
    settings: &Settings,
) -> bool {
    if !rules::expected_up(settings, name) {
        return false;
    }
    match program.condition(&settings.alert) {
        Some(Kind::Fatal) => retry.on_fatal,
        Some(Kind::UnexpectedExit) => retry.on_exited,
        Some(Kind::Backoff | Kind::CrashLoop | Kind::Flapping | Kind::Unreachable) | None => false,
    }
}

fn plan_of(retry: &Retry, settings: &RetrySettings, gate: &Gate, now: Moment) -> Next {
    let Some(due) = retry.due() else {
        return retry.next(settings, None);
    };
    if gate.suspended {
        return Next::Suspended;
    }
    let guard = gate.guard(now);
    retry.next(
        settings,
        guard.filter(|guard| due.monotonic <= guard.until.monotonic),
    )
}

fn carry_out(
    key: &ProgramKey,
    program: &mut Program,
    decision: Decision,
    context: &mut Context<'_>,
) {
    match decision {
        Decision::Rest => {}
        Decision::Ended(outcome) => {
            context.effects.push(Effect::AttemptEnded {
                key: key.clone(),
                outcome,
                incident: program.incident.as_ref().map(|it| it.id.clone()),
            });
        }
        Decision::Exhausted => context.tell.push((key.clone(), NoticeReason::Escalated)),
        Decision::Wait(why) => context.effects.push(Effect::StartWaits {
            key: key.clone(),
            why,
        }),
        Decision::Start => context.effects.push(Effect::Start {
            key: key.clone(),
            state: program.process.state,
            start: program.process.start,
            number: program.retry.record.attempts,
        }),
    }
}
