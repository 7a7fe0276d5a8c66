//! Ends that no look shows: the program was made anew by then, or taken out.
//!
//! What was told of them is in the account alone.

use super::{
    account::Account,
    course::Course,
    evidence::{Terms, attribute},
    step::{Circumstances, Step},
};
use crate::model::{Cause, Moment, Process};

/// How a process ended that went with its supervisord or its group, where that was told.
pub(super) fn explain_end(
    steps: &mut Vec<Step>,
    earlier: &Process,
    later: &Process,
    account: &mut Account,
    about: Circumstances,
    terms: Terms,
) {
    if !account.synced {
        return;
    }
    account.forget_way_to(earlier);
    let course = Course::follow(usize::MAX, earlier, later, account, about, terms.now);
    let told = course.steps.into_iter().find(|step| step.died);
    let place = steps.iter().position(|step| step.died);
    let (Some(place), Some(told)) = (place, told) else {
        return;
    };
    let ended_by_itself = matches!(told.cause, Cause::Crash | Cause::ExpectedExit);
    if let Some(end) = steps.get_mut(place) {
        end.exit = told.exit.or(end.exit);
        end.uptime_seconds = told.uptime_seconds;
        end.seen_by = told.seen_by;
        end.noticed = told.noticed;
        if ended_by_itself {
            end.to = told.to;
            end.cause = told.cause;
            end.expected = told.expected;
        }
    }
    if !ended_by_itself {
        return;
    }
    match steps.get_mut(place.saturating_add(1)) {
        Some(next) => next.from = told.to,
        None => steps.push(Step::new(
            told.to,
            later.state,
            0,
            Cause::SupervisordRestart,
        )),
    }
}

/// What was told of a program that is taken out, since it was looked at last.
pub(super) fn last_steps(
    earlier: &Process,
    looked_at: Moment,
    account: &mut Account,
    about: Circumstances,
    terms: Terms,
) -> Vec<Step> {
    if !account.synced {
        return Vec::new();
    }
    account.forget_way_to(earlier);
    let since = i64::try_from(terms.now.since(looked_at).as_secs()).unwrap_or_default();
    let later = Process {
        now: earlier.now.saturating_add(since),
        ..earlier.clone()
    };
    let course = Course::follow(usize::MAX, earlier, &later, account, about, terms.now);
    if course.contradicts {
        return Vec::new();
    }
    attribute(course.steps, account, terms)
}
