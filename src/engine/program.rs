//! One program as the engine follows it.
//!
//! Owns what is remembered of a program between looks at it, and says whether something is wrong with
//! it at present ([`Program::condition`]). Opening and closing incidents is the business of
//! `incident.rs`, starting programs that of `retry.rs`.

mod age;
mod counting;
pub(super) mod cycles;
mod memory;
mod observing;

use std::time::Duration;

use jiff::Timestamp;

use age::Age;
use cycles::Cycles;
pub(super) use observing::{Held, Look};

use super::{
    AlertSettings, Context,
    account::Account,
    looks::{Looks, Pace},
    reminder::Reminder,
    retry::Retry,
    step::Step,
    tracker, view,
};
use crate::model::{
    Cause, Counters, Exit, Incident, Kind, Moment, OomKill, Process, ProcessState, ProgramRecord,
};

/// How long a program must rest between two looks for supervisord to be done with it: under autorestart it
/// starts the program again within one pass of its loop, which takes a second at most.
pub(super) const SETTLED_AFTER: Duration = Duration::from_secs(3);
/// How long a program may fail to start before that is an incident: supervisord's own retries take
/// six seconds at its defaults, and growing waits mean many `startretries`.
pub(super) const BACKOFF_AFTER: Duration = Duration::from_secs(60);

/// A program, its open incident and its retries.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug)]
pub(super) struct Program {
    pub process: Process,
    pub state_since: Timestamp,
    pub counters: Counters,
    pub incident: Option<Incident>,
    pub reminder: Reminder,
    /// Whether people do not want to be told of it.
    pub is_muted: bool,
    pub retry: Retry,
    /// How its last life ended, as far as supervisord shows it at present.
    pub exit: Option<Exit>,
    /// Whether its end in EXITED was one that its configuration expects.
    pub expected_exit: bool,
    /// How it came to fail, from leaving RUNNING or failing to start until it runs again.
    pub trouble: Option<Trouble>,
    /// A crash that the last look proved, whatever became of the program after it.
    pub crash: Option<Trouble>,
    /// `start` and `stop` as they were when supervigil first looked at this supervisord; none once
    /// what was down then has been told.
    pub baseline: Option<(i64, i64)>,
    /// Who started the life that goes on, or that ended last.
    pub started_by: Cause,
    /// What was written down of it last.
    saved: Option<ProgramRecord>,
    saved_incident: Option<Incident>,
    /// When it was looked at last. All that is concluded from time lies between looks.
    pub seen_at: Moment,
    /// When the latest look at it began; none before this run of supervigil has looked.
    pub looked_at: Option<Moment>,
    /// Whether a look since the last poll of all programs saw that supervisord had made it anew.
    pub anew_since_poll: bool,
    /// How often it dies and recovers.
    pub cycles: Cycles,
    /// How old its present process was when it was seen first.
    age: Option<Age>,
    /// When its state was last seen to have changed.
    pub changed_at: Moment,
    /// What the feeds tell of it.
    pub account: Account,
    /// When it is looked at by itself.
    pub looks: Looks,
    /// A look that waits for what the feeds owe.
    pub held: Option<Held>,
    /// The last poll of all programs that it was part of, and how many of its deaths were told since.
    polled: Option<Process>,
    deaths_since_poll: u64,
    /// Whether its last change of state was that supervisord made it anew.
    renewed: bool,
    rest_since: Moment,
    /// Since when its present pid has been seen RUNNING.
    running_since: Option<Moment>,
    /// Since when it has been failing to start.
    failing_since: Option<Moment>,
}

/// The way into a failure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trouble {
    pub from: ProcessState,
    pub to: ProcessState,
    pub uptime_seconds: Option<u64>,
    pub exit: Option<Exit>,
    pub oom_kill: Option<OomKill>,
}

impl Trouble {
    fn of(step: &Step) -> Self {
        Self {
            from: step.from,
            to: step.to,
            uptime_seconds: step.uptime_seconds,
            exit: step.exit,
            oom_kill: step.oom_kill,
        }
    }
}

impl Program {
    /// A program at the first look at it.
    pub(super) fn first_seen(process: Process, begun: Moment, now: Moment) -> Self {
        let state_since = view::since(&process, now);
        let mut program = Self::resting(process, state_since, now);
        program.note_state(now);
        program.polled = Some(program.process.clone());
        program.looked_at = Some(begun);
        program.age = Age::of(&program.process, begun);
        program
    }

    fn resting(process: Process, state_since: Timestamp, now: Moment) -> Self {
        Self {
            exit: tracker::exit_of(&process),
            expected_exit: process.spawn_error.is_empty(),
            process,
            state_since,
            counters: Counters::default(),
            incident: None,
            reminder: Reminder::default(),
            is_muted: false,
            retry: Retry::default(),
            trouble: None,
            crash: None,
            baseline: None,
            started_by: Cause::Unknown,
            saved: None,
            saved_incident: None,
            seen_at: now,
            looked_at: None,
            anew_since_poll: false,
            cycles: Cycles::default(),
            age: None,
            changed_at: now,
            account: Account::default(),
            looks: Looks::default(),
            held: None,
            polled: None,
            deaths_since_poll: 0,
            renewed: false,
            rest_since: now,
            running_since: None,
            failing_since: None,
        }
    }

    /// Plans the next look at it alone.
    pub(super) fn plan_look(&mut self, now: Moment, poll_interval: Duration) {
        if self.is_between_states() {
            self.looks.again(now, self.pace(), poll_interval);
        } else {
            self.looks.rest();
        }
    }

    /// Whether it runs, with an incident that is over when that lasts.
    pub(super) fn may_have_recovered(&self) -> bool {
        let comes_and_goes = |kind| matches!(kind, Kind::CrashLoop | Kind::Flapping);
        let incident = self.incident.as_ref();
        let stays_down = incident.is_some_and(|incident| !comes_and_goes(incident.kind));
        stays_down && self.process.state == ProcessState::Running
    }

    /// Whether a reminder of its incident is of use.
    pub(super) fn may_be_reminded_of(&self) -> bool {
        !self.is_muted && !self.may_have_recovered()
    }

    /// Plans the next reminder of its incident.
    pub(super) fn plan_reminder(&mut self, context: &Context<'_>) {
        let waits = &context.settings.alert.reminders;
        self.reminder
            .plan(self.incident.as_ref(), waits, context.now);
    }

    fn pace(&self) -> Pace {
        let pid = self.process.pid;
        if self.account.is_dead(pid) {
            Pace::Dying
        } else if self.process.state == ProcessState::Backoff {
            Pace::Backoff
        } else if self.account.awaits_exit_of(pid) {
            Pace::Watched
        } else {
            Pace::Moving
        }
    }

    fn note_rest(&mut self, later: &Process, same_supervisord: bool, now: Moment) {
        let earlier = &self.process;
        let rests = same_supervisord
            && (earlier.state, earlier.start, earlier.stop)
                == (later.state, later.start, later.stop);
        if !rests {
            self.rest_since = now;
        }
    }

    fn take(&mut self, step: &Step, now: Moment) {
        self.count(step);
        self.cycles.take(step, now);
        // supervisord's own retries are part of the start that began them.
        if step.started() && step.from != ProcessState::Backoff {
            self.started_by = step.cause;
        }
        if step.died && step.cause == Cause::Crash {
            self.crash = Some(Trouble::of(step));
        }
        if matches!(step.cause, Cause::Operator | Cause::SupervisordRestart) {
            self.trouble = None;
            self.failing_since = None;
        }
        let fails = match step.to {
            ProcessState::Exited | ProcessState::Backoff | ProcessState::Fatal => true,
            ProcessState::Stopped
            | ProcessState::Starting
            | ProcessState::Running
            | ProcessState::Stopping
            | ProcessState::Unknown
            | ProcessState::Unrecognised(_) => false,
        };
        if fails {
            let trouble = self.trouble.get_or_insert_with(|| Trouble::of(step));
            if step.exit.is_some() {
                trouble.exit = step.exit;
                trouble.oom_kill = step.oom_kill;
            }
        }
    }

    /// Starts and stops the clocks that go by the state.
    fn note_state(&mut self, now: Moment) {
        match self.process.state {
            ProcessState::Running => {
                self.running_since.get_or_insert(now);
                self.failing_since = None;
                self.trouble = None;
            }
            ProcessState::Stopped => {
                self.failing_since = None;
                self.trouble = None;
            }
            ProcessState::Exited | ProcessState::Fatal => self.failing_since = None,
            ProcessState::Backoff => {
                self.failing_since.get_or_insert(now);
            }
            ProcessState::Starting
            | ProcessState::Stopping
            | ProcessState::Unknown
            | ProcessState::Unrecognised(_) => {}
        }
    }

    /// Whether it has rested for so long that supervisord will not move it by itself.
    pub(super) fn is_settled(&self) -> bool {
        self.seen_at.since(self.rest_since) >= SETTLED_AFTER
    }

    /// Whether supervisord is about to move it on, or the kernel knows of a death that supervisord does
    /// not show yet.
    pub(super) fn is_between_states(&self) -> bool {
        let moves = match self.process.state {
            ProcessState::Starting | ProcessState::Backoff | ProcessState::Stopping => true,
            ProcessState::Exited => !self.is_settled(),
            ProcessState::Stopped
            | ProcessState::Running
            | ProcessState::Fatal
            | ProcessState::Unknown
            | ProcessState::Unrecognised(_) => false,
        };
        moves || self.held.is_some() || self.account.is_dead(self.process.pid)
    }

    /// Whether it is too early to say if it stays down.
    pub(super) fn is_undecided(&self) -> bool {
        self.process.state == ProcessState::Exited && !self.expected_exit && !self.is_settled()
    }

    /// How long it has been seen RUNNING on one pid; none: it is not RUNNING.
    pub(super) fn running_for(&self) -> Option<Duration> {
        let since = self.running_since?;
        (self.process.state == ProcessState::Running).then(|| self.seen_at.since(since))
    }

    /// What is wrong with it at present, for a program that should be up.
    pub(super) fn condition(&self, alert: &AlertSettings) -> Option<Kind> {
        self.at_rest()
            .or_else(|| self.cycles.crash_loop(alert).map(|_| Kind::CrashLoop))
            .or_else(|| self.keeps_failing().then_some(Kind::Backoff))
    }

    /// What is wrong with it where supervisord leaves it down.
    fn at_rest(&self) -> Option<Kind> {
        match self.process.state {
            ProcessState::Fatal => Some(Kind::Fatal),
            ProcessState::Exited if !self.expected_exit && self.is_settled() => {
                Some(Kind::UnexpectedExit)
            }
            ProcessState::Backoff
            | ProcessState::Starting
            | ProcessState::Exited
            | ProcessState::Stopped
            | ProcessState::Running
            | ProcessState::Stopping
            | ProcessState::Unknown
            | ProcessState::Unrecognised(_) => None,
        }
    }

    /// Whether it has been failing to start for long. In STARTING it may be about to succeed.
    fn keeps_failing(&self) -> bool {
        let fails_for = self.failing_since.map(|since| self.seen_at.since(since));
        self.process.state == ProcessState::Backoff && fails_for >= Some(BACKOFF_AFTER)
    }
}
