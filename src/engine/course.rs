//! From what supervisord told of a program to the steps that it took.
//!
//! The account of a feed is in order and names each process, so that a life between two looks is told
//! with its end. Where a telling is missing (one line lost to a rotation), what must lie between is
//! filled in as unknown.
//!
//! | position | told | is |
//! |---|---|---|
//! | at rest | spawned | a start |
//! | alive | spawned | an end that was not told, then a start |
//! | STARTING | running | it is up |
//! | RUNNING | exited | an end: a crash, or an expected one |
//! | STARTING | exited, not expected | a failure to start: BACKOFF; but EXITED where the next start follows at once |
//! | alive | stopped | an operator's stop |
//! | STARTING | backoff | a failure to start, of which nothing else is told |
//! | BACKOFF | gave up | FATAL |

use std::time::Duration;

use jiff::civil::DateTime;

use super::{
    account::{Account, Told},
    program::SETTLED_AFTER,
    step::{Circumstances, Step},
    tracker::{TOO_QUICKLY, failure_cause, lived, start_cause},
};
use crate::model::{Cause, Exit, Moment, Process, ProcessState, ProgramEvent, SeenBy};

/// How far the account leads.
#[derive(Debug)]
pub(super) struct Course<'a> {
    /// Where it has led so far.
    pub state: ProcessState,
    /// The process that is alive there; 0 for none, or for one that was not named.
    pub pid: u32,
    pub steps: Vec<Step>,
    /// Who started the life that goes on.
    pub started_by: Cause,
    /// Whether something was told of another process than the one that is alive there: the account was
    /// taken for another's.
    pub contradicts: bool,
    later: &'a Process,
    about: Circumstances,
    now: Moment,
    /// When the present life began: by supervisord's clock, in seconds; and as its start was written.
    born: Option<(i64, Option<DateTime>)>,
    /// What ended the life before.
    end: Option<Told>,
    had_life: bool,
    /// Whether nothing else was told.
    is_last: bool,
}

impl<'a> Course<'a> {
    /// Follows the first `count` tellings of `account` from the earlier look on.
    pub(super) fn follow(
        count: usize,
        earlier: &Process,
        later: &'a Process,
        account: &Account,
        about: Circumstances,
        now: Moment,
    ) -> Self {
        let mut course = Self {
            state: earlier.state,
            pid: earlier.pid,
            steps: Vec::new(),
            started_by: about.started_by,
            contradicts: false,
            later,
            about,
            now,
            born: (earlier.pid != 0).then_some((earlier.start, None)),
            end: None,
            had_life: earlier.start != 0,
            is_last: false,
        };
        let told = account.told();
        let last = count.min(told.len()).saturating_sub(1);
        for (place, told) in told.iter().take(count).enumerate() {
            course.is_last = place == last;
            course.take(told);
        }
        course.correct_last_end();
        course
    }

    /// Whether a process had been up for long enough is decided when it is reaped, up to a second after
    /// its end: one that was not told to be RUNNING may be EXITED all the same. So was one that supervisord
    /// tried to start again within the second, in vain: after a failure to start it waits for longer.
    fn correct_last_end(&mut self) {
        let later = self.later;
        let was_tried_at_once = !lived(later) && later.start == later.stop;
        let is_exited =
            later.pid == 0 && (later.state == ProcessState::Exited || was_tried_at_once);
        if let Some(last) = self.steps.last_mut()
            && is_exited
            && last.died
            && last.to == ProcessState::Backoff
        {
            last.to = ProcessState::Exited;
            self.state = ProcessState::Exited;
        }
    }

    /// What fails to start is tried again after more than a second (`delay` in process.py): what is started
    /// sooner had been up for long enough.
    fn correct_end_before(&mut self, start: &Told) {
        let end = self.end.and_then(|end| end.written);
        let waited = end.zip(start.written);
        let waited = waited.map(|(end, start)| start.duration_since(end));
        if let Some(last) = self.steps.last_mut()
            && waited.is_some_and(|waited| (0..=1000).contains(&waited.as_millis()))
            && last.died
            && last.to == ProcessState::Backoff
        {
            last.to = ProcessState::Exited;
            self.state = ProcessState::Exited;
        }
    }

    /// Whether the account leads to where the later look is.
    pub(super) fn reaches(&self, earlier: &Process) -> bool {
        let later = self.later;
        if later.pid != 0 {
            return self.pid == later.pid || (self.pid == 0 && self.state.is_alive());
        }
        let reaped = later.stop != earlier.stop || earlier.pid != 0;
        let told_of_death = self.steps.iter().any(|step| step.died);
        // Attempts that bring no process are not told of.
        let lived_again = later.start != earlier.start && lived(later);
        let told_of_life = self.steps.iter().any(Step::started);
        let is_complete = (told_of_death || !reaped) && (told_of_life || !lived_again);
        !self.state.is_alive() && is_complete
    }

    /// Whether it leads to rest, in the state that the look shows or in one that supervisord leaves for it
    /// without a word of the program: by giving up, by a stop in BACKOFF, by attempts that bring no
    /// process.
    pub(super) fn rests_as(&self, later: &Process) -> bool {
        let moves_on = self.state == ProcessState::Backoff
            && matches!(later.state, ProcessState::Fatal | ProcessState::Stopped);
        let rests = self.pid == 0 && !self.state.is_alive();
        rests && (self.state == later.state || moves_on || !lived(later))
    }

    /// Whether the last end may have been in BACKOFF or in EXITED, which the next start will tell.
    pub(super) fn is_end_open(&self) -> bool {
        let last = self.steps.last();
        let failed = last.is_some_and(|step| step.died && step.to == ProcessState::Backoff);
        failed && self.end.is_some_and(|end| end.written.is_some())
    }

    /// Where it has led to by an end, as a look would have shown it (process.py); none where it has not.
    pub(super) fn rest(&self) -> Option<Process> {
        let end = self.steps.last().filter(|step| step.died)?;
        let exit_status = match end.exit {
            Some(Exit::Code(code)) => code,
            Some(Exit::Signal { .. } | Exit::UnknownSignal) => -1,
            None => 0,
        };
        let spawn_error = match (end.to, end.cause) {
            (ProcessState::Backoff, _) => TOO_QUICKLY.to_owned(),
            (ProcessState::Exited, Cause::Crash) => format!("Bad exit code {exit_status}"),
            _ => String::new(),
        };
        Some(Process {
            state: end.to,
            pid: 0,
            exit_status,
            spawn_error,
            ..self.later.clone()
        })
    }

    /// Whether it leads to a process that was not named.
    pub(super) fn is_unnamed(&self) -> bool {
        self.pid == 0 && self.state.is_alive()
    }

    /// The look that the account has led to, as one to infer the rest from.
    pub(super) fn position(&self) -> Process {
        Process {
            state: self.state,
            pid: if self.pid == 0 && self.state.is_alive() {
                self.later.pid
            } else {
                self.pid
            },
            ..self.later.clone()
        }
    }

    fn take(&mut self, told: &Told) {
        let named = told.event.pid();
        let names_another = named.is_some_and(|pid| self.pid != 0 && pid != self.pid);
        let begins_anew = matches!(told.event, ProgramEvent::Spawned { .. });
        self.contradicts |= names_another && !begins_anew;
        // A start that names no process was this one's own, and the account is late.
        let is_dead = |pid| self.steps.iter().any(|step| step.died && step.pid == pid);
        self.contradicts |= named.is_some_and(is_dead);
        match told.event {
            ProgramEvent::Spawned { pid } => self.spawned(pid, told),
            ProgramEvent::Running { pid } => {
                self.must_live(pid, told);
                if self.state == ProcessState::Starting {
                    self.go(ProcessState::Running, self.started_by, told);
                }
            }
            ProgramEvent::Stopping { pid } => {
                if self.is_about(pid) && self.state.is_alive() {
                    self.go(ProcessState::Stopping, Cause::Operator, told);
                }
            }
            ProgramEvent::Exited {
                pid,
                exit,
                expected,
            } if self.is_about(pid) => {
                self.must_live(pid, told);
                let failed_to_start = self.state == ProcessState::Starting && !expected;
                let (to, cause) = match (failed_to_start, expected) {
                    (true, _) => (ProcessState::Backoff, Cause::Crash),
                    (false, true) => (ProcessState::Exited, Cause::ExpectedExit),
                    (false, false) => (ProcessState::Exited, Cause::Crash),
                };
                self.end(to, cause, exit, Some(expected), told);
            }
            ProgramEvent::Stopped { .. } if self.state == ProcessState::Backoff => {
                self.go(ProcessState::Stopped, Cause::Operator, told);
            }
            ProgramEvent::Stopped { pid, exit } if self.is_about(pid) => {
                self.must_live(pid, told);
                self.end(
                    ProcessState::Stopped,
                    Cause::Operator,
                    exit,
                    Some(true),
                    told,
                );
            }
            ProgramEvent::Backoff if self.state == ProcessState::Starting => self.backed_off(told),
            ProgramEvent::GaveUp if self.state == ProcessState::Backoff => {
                let cause = failure_cause(self.later);
                self.go(ProcessState::Fatal, cause, told);
            }
            // Of another process, or of a state that a lost telling led to.
            ProgramEvent::Exited { .. }
            | ProgramEvent::Stopped { .. }
            | ProgramEvent::Backoff
            | ProgramEvent::GaveUp => {}
        }
    }

    /// Whether a telling is about the life that goes on, as far as it says.
    fn is_about(&self, pid: Option<u32>) -> bool {
        pid.is_none_or(|pid| self.pid == 0 || self.pid == pid)
    }

    fn spawned(&mut self, pid: Option<u32>, told: &Told) {
        self.correct_end_before(told);
        if self.state.is_alive() {
            let (to, cause, expected) = match self.state {
                ProcessState::Stopping => (ProcessState::Stopped, Cause::Operator, Some(true)),
                ProcessState::Starting => (ProcessState::Backoff, Cause::Unknown, None),
                ProcessState::Running
                | ProcessState::Stopped
                | ProcessState::Backoff
                | ProcessState::Exited
                | ProcessState::Fatal
                | ProcessState::Unknown
                | ProcessState::Unrecognised(_) => (ProcessState::Exited, Cause::Unknown, None),
            };
            self.end(to, cause, None, expected, told);
        }
        let rested = self.end.map(|end| rest_between(&end, told));
        let about = Circumstances {
            settled: rested.map_or(self.about.settled, |rested| rested >= SETTLED_AFTER),
            ..self.about
        };
        let cause = start_cause(self.state, self.had_life, about);
        self.pid = pid.unwrap_or(0);
        self.go(ProcessState::Starting, cause, told);
        self.born = Some((self.supervisord_time(told.at), told.written));
        self.had_life = true;
        if self
            .steps
            .last()
            .is_some_and(|step| step.from != ProcessState::Backoff)
        {
            self.started_by = cause;
        }
    }

    /// A telling that only a living program can cause: where none was told to live, its start is.
    fn must_live(&mut self, pid: Option<u32>, told: &Told) {
        if !self.state.is_alive() {
            self.spawned(pid, told);
        }
        if self.pid == 0 {
            self.pid = pid.unwrap_or(0);
        }
    }

    /// A failure to start, of a process or without one: that shows in the look, and only of the last one.
    fn backed_off(&mut self, told: &Told) {
        let is_shown = self.is_last
            && matches!(
                self.later.state,
                ProcessState::Backoff | ProcessState::Fatal
            );
        let cause = if is_shown {
            failure_cause(self.later)
        } else {
            Cause::Unknown
        };
        if cause == Cause::Crash {
            self.end(ProcessState::Backoff, cause, None, Some(false), told);
        } else {
            self.pid = 0;
            self.go(ProcessState::Backoff, cause, told);
        }
    }

    fn end(
        &mut self,
        to: ProcessState,
        cause: Cause,
        exit: Option<Exit>,
        expected: Option<bool>,
        told: &Told,
    ) {
        let step = Step {
            exit,
            expected,
            died: true,
            uptime_seconds: self.lived(told),
            ..self.step(to, cause, told)
        };
        self.steps.push(step);
        self.state = to;
        self.pid = 0;
        self.born = None;
        self.end = Some(*told);
    }

    /// How long the life lasted that something told ended, in seconds.
    fn lived(&self, end: &Told) -> Option<u64> {
        let (born, written) = self.born?;
        let seconds = match (written, end.written) {
            (Some(born), Some(end)) => end.duration_since(born).as_secs(),
            (None, _) | (_, None) => self.supervisord_time(end.at).saturating_sub(born),
        };
        u64::try_from(seconds).ok()
    }

    fn go(&mut self, to: ProcessState, cause: Cause, told: &Told) {
        if self.state != to {
            let step = self.step(to, cause, told);
            self.steps.push(step);
            self.state = to;
        }
    }

    fn step(&self, to: ProcessState, cause: Cause, told: &Told) -> Step {
        Step {
            seen_by: SeenBy::Log,
            noticed: Some(told.heard),
            ..Step::new(self.state, to, self.pid, cause)
        }
    }

    /// What supervisord's clock showed at a moment, from what it showed in the look.
    fn supervisord_time(&self, at: Moment) -> i64 {
        let age: Duration = self.now.since(at);
        let age = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
        self.later.now.saturating_sub(age)
    }
}

/// How long a program rested between its end and its next start.
fn rest_between(end: &Told, start: &Told) -> Duration {
    let written = end.written.zip(start.written);
    let written = written.map(|(end, start)| start.duration_since(end));
    let written = written.and_then(|rest| Duration::try_from(rest).ok());
    written.unwrap_or_else(|| start.at.since(end.at))
}
