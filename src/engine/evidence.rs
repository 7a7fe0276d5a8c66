//! A look, weighed against what the feeds told: the steps that both together prove.
//!
//! A look is the truth, and late: it shows neither the exit code of a process whose successor runs
//! nor the lives in between. The feeds tell those, in any order and late themselves. So a look that
//! shows a change is kept for a moment where a feed that has told everything so far still owes the
//! details; and a look that began before the last telling came is replaced by a newer one.
//!
//! | the look | the account | then |
//! |---|---|---|
//! | made anew | any | that, with what was told of the end |
//! | a process alive whose end was told | any | the look is older |
//! | was waited for in vain | tells of what came after it began | the look is older |
//! | the same process alive | tells of its end | that is forgotten: the look disproves it |
//! | another process alive | tells of its start | the account's steps up to there |
//! | another process alive | tells of ends, not yet of its start | the ends, and the look waits |
//! | at rest | leads to rest before the look began | the account's steps up to there |
//! | shows a life or an end | owes the story | the look waits |
//! | shows an end | owes it, but the look says it all | the look's steps |
//! | shows an end | silent, and the kernel's word is out | the look waits |
//! | no change | tells of lives before the look began | the account's steps |
//! | came with the main log of the same moment | any | the account's steps, then the look's |
//!
//! Where the account was complete so far, ends are told from it alone, so that none is told twice. Where
//! it was not, what was told is left out but for the kernel's word, which names its process.

use super::{
    account::Account,
    course::Course,
    ends::explain_end,
    step::{Circumstances, Step},
    tracker,
};
use crate::model::{Cause, Exit, Moment, Process, ProcessState, SeenBy};

/// On which terms a look is weighed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// When it began.
    pub begun: Moment,
    /// When a look showed a change first.
    pub changed_at: Moment,
    /// Whether the account holds all that was told before it.
    pub has_log: bool,
    /// Whether it may be kept for a moment.
    pub may_wait: bool,
    pub now: Moment,
}

/// What a look came to.
#[derive(Debug, PartialEq)]
pub(super) enum Finding {
    /// It is kept until more is told, or a newer one shows more.
    Wait,
    /// It is older than what was told meanwhile.
    Stale,
    /// It is kept, but a part of the way to it is sure.
    Part {
        /// That part.
        steps: Vec<Step>,
        /// Where it leads to.
        position: Process,
    },
    /// It is taken in.
    Steps {
        /// The way to it.
        steps: Vec<Step>,
        /// Whether it was waited in vain for what a feed owed.
        lapsed: bool,
    },
}

/// Weighs a look.
pub(super) fn weigh(
    earlier: &Process,
    later: &Process,
    account: &mut Account,
    about: Circumstances,
    terms: Terms,
) -> Finding {
    if tracker::is_recreated(earlier, later, about.same_supervisord) {
        let mut steps = tracker::infer(earlier, later, about);
        explain_end(&mut steps, earlier, later, account, about, terms);
        let steps = attribute(steps, account, terms);
        account.lose();
        bury(&steps, account, terms.now);
        return taken(steps);
    }
    if later.pid != earlier.pid && account.is_buried(later.pid, terms.now) {
        return Finding::Stale;
    }
    account.forget_way_to(earlier);
    if nothing_was_started(earlier, later) {
        // What tells of an attempt is late, and of one that was taken in.
        account.forget_unnamed_failures(terms.begun);
    }
    if earlier.pid != 0 && earlier.pid == later.pid {
        account.forget_before(terms.begun);
        return taken(tracker::infer(earlier, later, about));
    }
    if !account.synced {
        return by_look_alone(earlier, later, account, about, terms);
    }
    if !terms.may_wait && !terms.has_log && told_before(account, terms.begun) < account.told().len()
    {
        // It was overtaken: a newer look shows what was told since.
        return Finding::Stale;
    }
    let confirmed = if terms.may_wait && !terms.has_log {
        confirmed(earlier, later, account, about, terms)
    } else {
        told_before(account, terms.begun)
    };
    if confirmed > 0 {
        return by_account(confirmed, earlier, later, account, about, terms);
    }
    if let Some(part) = ends_before(earlier, later, account, about, terms) {
        return part;
    }
    by_look(earlier, later, account, about, terms)
}

/// Whether nothing was tried since it was in BACKOFF: supervisord writes the time of each attempt into
/// `start`, and waits for more than a second before the next one.
fn nothing_was_started(earlier: &Process, later: &Process) -> bool {
    earlier.state == ProcessState::Backoff && later.pid == 0 && later.start == earlier.start
}

/// The ends that were told before the start of the process which the look shows. They are sure, whatever
/// is still to be told of that start.
fn ends_before(
    earlier: &Process,
    later: &Process,
    account: &mut Account,
    about: Circumstances,
    terms: Terms,
) -> Option<Finding> {
    if later.pid == 0 || !terms.may_wait || terms.has_log {
        return None;
    }
    let follow = |count| Course::follow(count, earlier, later, account, about, terms.now);
    let all = account.told().len();
    // Of a process that was not named it cannot be said that it was before that one.
    let is_before = |step: &Step| {
        let is_named = step.pid != 0 && step.pid != later.pid;
        !step.died || (is_named && !account.is_buried(step.pid, terms.now))
    };
    let ended = |course: &Course<'_>| {
        let is_sure = !course.contradicts && !course.is_end_open();
        is_sure && course.rest().is_some() && course.steps.iter().all(is_before)
    };
    let (count, course) = (1..=all)
        .rev()
        .map(|count| (count, follow(count)))
        .find(|(_, course)| ended(course))?;
    let position = course.rest()?;
    let steps = attribute(course.steps, account, terms);
    account.settle(count);
    bury(&steps, account, terms.now);
    Some(Finding::Part { steps, position })
}

/// The account is not known to be complete: what was told may be about anything before this look. It is
/// complete from the start of the process on that the look shows.
fn by_look_alone(
    earlier: &Process,
    later: &Process,
    account: &mut Account,
    about: Circumstances,
    terms: Terms,
) -> Finding {
    let finding = by_look(earlier, later, account, about, terms);
    // While it waits, an earlier look may still be the one that is taken in.
    if finding != Finding::Wait {
        account.forget_before(terms.begun);
        account.forget_way_to(later);
    }
    finding
}

/// How many tellings of a complete account a look confirms.
fn confirmed(
    earlier: &Process,
    later: &Process,
    account: &Account,
    about: Circumstances,
    terms: Terms,
) -> usize {
    let before = told_before(account, terms.begun);
    let follow = |count| Course::follow(count, earlier, later, account, about, terms.now);
    if later.pid == 0 {
        // The look may be ahead of what was told, and never behind.
        let leads_there = |count: &usize| follow(*count).rests_as(later);
        return (1..=before).rev().find(leads_there).unwrap_or(0);
    }
    let mut told = account.told().iter();
    let begins = told.position(|told| told.event.begins(later.pid));
    let unnamed = || (before > 0 && follow(before).is_unnamed()).then_some(before);
    begins
        .map(|place| place.saturating_add(1))
        .or_else(unnamed)
        .unwrap_or(0)
}

/// Nothing was told.
fn by_look(
    earlier: &Process,
    later: &Process,
    account: &mut Account,
    about: Circumstances,
    terms: Terms,
) -> Finding {
    let steps = tracker::infer(earlier, later, about);
    let steps = attribute(steps, account, terms);
    let is_owed = account.synced && owes_story(&steps, earlier, later);
    let awaits = |step: &Step| {
        let is_open = step.lacks_exit() || may_be_a_successors(step, earlier);
        step.died && is_open && account.awaits_exit_of(step.pid)
    };
    let waits_for_story = is_owed && !terms.has_log;
    if terms.may_wait && (waits_for_story || steps.iter().any(awaits)) {
        return Finding::Wait;
    }
    if is_owed {
        account.synced = false;
    }
    bury(&steps, account, terms.now);
    Finding::Steps {
        steps,
        lapsed: is_owed,
    }
}

/// Whether an account that was complete so far has more to tell than the look: of every life that
/// began, and of every end but one that the look shows in full.
fn owes_story(steps: &[Step], earlier: &Process, later: &Process) -> bool {
    let is_story = |step: &Step| {
        let is_known = step.pid != 0 && step.cause != Cause::Unknown && !step.lacks_exit();
        step.died && (!is_known || may_be_a_successors(step, earlier))
    };
    let began = later.pid != 0 && later.pid != earlier.pid;
    began || steps.iter().any(is_story)
}

/// How many tellings had come when a look began, which therefore shows what became of them.
fn told_before(account: &Account, begun: Moment) -> usize {
    let told = account.told().iter();
    told.take_while(|told| told.at.monotonic <= begun.monotonic)
        .count()
}

/// Some tellings, and then the rest of the way.
fn by_account(
    count: usize,
    earlier: &Process,
    later: &Process,
    account: &mut Account,
    about: Circumstances,
    terms: Terms,
) -> Finding {
    let course = Course::follow(count, earlier, later, account, about, terms.now);
    let is_buried = |step: &Step| step.died && account.is_buried(step.pid, terms.now);
    if course.contradicts || course.steps.iter().any(is_buried) {
        // It is later than it was waited for, or taken for another's.
        account.lose();
        return by_look(earlier, later, account, about, terms);
    }
    let lapsed = (terms.has_log || !terms.may_wait) && !course.reaches(earlier);
    account.synced = !lapsed;
    let position = course.position();
    let rest = Circumstances {
        started_by: course.started_by,
        ..about
    };
    let mut steps = course.steps;
    steps.extend(tracker::infer(&position, later, rest));
    account.settle(count);
    let steps = attribute(steps, account, terms);
    bury(&steps, account, terms.now);
    Finding::Steps { steps, lapsed }
}

fn taken(steps: Vec<Step>) -> Finding {
    Finding::Steps {
        steps,
        lapsed: false,
    }
}

/// Whether an end that a look shows may be that of a successor: supervisord's times have whole seconds,
/// and within the second of its start a process may be followed by another.
fn may_be_a_successors(step: &Step, earlier: &Process) -> bool {
    step.pid == earlier.pid && earlier.now <= earlier.start
}

/// Adds what the kernel knows, and who noticed first.
pub(super) fn attribute(mut steps: Vec<Step>, account: &Account, terms: Terms) -> Vec<Step> {
    steps.retain(|step| step.from != step.to);
    for step in steps.iter_mut().filter(|step| step.died && step.pid != 0) {
        if let Some(exit) = account.exit_of(step.pid) {
            let is_a_successors = !step.lacks_exit() && step.exit != Some(exit);
            if is_a_successors && step.noticed.is_none() {
                step.cause = Cause::Unknown;
                step.expected = None;
            }
            step.exit = Some(exit);
        }
        let may_be_oom_kill = step.exit.is_some_and(Exit::may_be_oom_kill);
        step.oom_kill = account.oom_kill_of(step.pid).filter(|_| may_be_oom_kill);
        let told = step.noticed.map(|at| (step.seen_by, at));
        let looked = (SeenBy::Poll, terms.changed_at);
        let candidates = told.into_iter().chain([looked]);
        if let Some((seen_by, at)) = account.first_of(step.pid, candidates) {
            step.seen_by = seen_by;
            step.noticed = Some(at);
        }
    }
    steps
}

/// What was told of is over.
fn bury(steps: &[Step], account: &mut Account, now: Moment) {
    for step in steps.iter().filter(|step| step.died && step.pid != 0) {
        account.bury(step.pid, now);
    }
}

#[cfg(test)]
mod tests;
