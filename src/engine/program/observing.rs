//! A look at a program is taken in, or kept until the feeds have told the way to it.

use std::time::Duration;

use super::{Age, Program};
use crate::{
    engine::{
        ends,
        evidence::{self, Finding, Terms},
        step::{Circumstances, Step},
        tracker,
    },
    model::{Moment, Process},
};

/// A look at a program.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::engine) struct Look {
    /// What it showed.
    pub process: Process,
    /// When it began.
    pub begun: Moment,
    /// Whether it was at the run of supervisord that was looked at before.
    pub same_supervisord: bool,
    /// Whether it was part of a poll of all programs.
    pub is_poll: bool,
    /// Whether what the main log told up to the same moment is in the account.
    pub has_log: bool,
}

/// A look that waits for more to be told.
#[derive(Debug)]
pub(in crate::engine) struct Held {
    /// The one that is waited for.
    pub look: Look,
    /// The one that counts when it was waited for in vain.
    pub latest: Look,
    /// When the change was looked at first.
    pub since: Moment,
}

/// What a look came to.
#[derive(Debug)]
pub(in crate::engine) struct Seen {
    pub steps: Vec<Step>,
    /// Whether supervisord made the program anew.
    pub is_anew: bool,
    /// Whether a feed owed more and did not tell it in time.
    pub lapsed: bool,
}

impl Program {
    /// Takes a new look at the program in; none where it is older than what is known, or is kept until
    /// more is told.
    pub(in crate::engine) fn observe(
        &mut self,
        look: Look,
        patience: Duration,
        now: Moment,
    ) -> Option<Seen> {
        if look.begun.monotonic < self.seen_at.monotonic && !self.keeps(&look) {
            return None;
        }
        let about = self.circumstances(look.same_supervisord);
        let changed_at = self.held.as_ref().map_or(now, |held| held.since);
        let terms = Terms {
            begun: look.begun,
            changed_at,
            has_log: look.has_log,
            may_wait: now.since(changed_at) < patience,
            now,
        };
        let (earlier, later) = (&self.process, &look.process);
        match evidence::weigh(earlier, later, &mut self.account, about, terms) {
            Finding::Stale => {
                self.held = None;
                None
            }
            Finding::Wait => {
                self.hold(look, changed_at);
                None
            }
            Finding::Part {
                mut steps,
                position,
            } => {
                self.correct_uptimes(&mut steps, now);
                let part = Look {
                    process: position,
                    is_poll: false,
                    ..look.clone()
                };
                self.hold(look, changed_at);
                self.take_in(part, &steps, now);
                Some(Seen {
                    steps,
                    is_anew: false,
                    lapsed: false,
                })
            }
            Finding::Steps { mut steps, lapsed } => {
                self.correct_uptimes(&mut steps, now);
                self.held = None;
                let is_anew = self.take_in(look, &steps, now);
                Some(Seen {
                    steps,
                    is_anew,
                    lapsed,
                })
            }
        }
    }

    fn correct_uptimes(&self, steps: &mut [Step], now: Moment) {
        if let Some((age, alive_at)) = self.age.zip(self.looked_at) {
            for step in steps {
                age.correct(step, alive_at, now);
            }
        }
    }

    /// What was told of the program since it was looked at last, where a look that began so does not
    /// show it any more.
    pub(in crate::engine) fn last_steps(&mut self, begun: Moment, now: Moment) -> Vec<Step> {
        let about = self.circumstances(true);
        let terms = Terms {
            begun,
            changed_at: now,
            has_log: true,
            may_wait: false,
            now,
        };
        let looked_at = self.looked_at.unwrap_or(self.seen_at);
        let mut steps = ends::last_steps(&self.process, looked_at, &mut self.account, about, terms);
        self.correct_uptimes(&mut steps, now);
        steps
    }

    fn circumstances(&self, same_supervisord: bool) -> Circumstances {
        Circumstances {
            same_supervisord,
            retrying: self.retry.may_have_started(),
            settled: self.is_settled(),
            renewed: self.renewed,
            started_by: self.started_by,
        }
    }

    /// Whether a look is the one that is kept, which what was told since has made no older.
    fn keeps(&self, look: &Look) -> bool {
        let held = self.held.as_ref();
        held.is_some_and(|held| held.look == *look || held.latest == *look)
    }

    /// Keeps a look. One at a live process stays until its start is told, where a newer one may never
    /// be caught up with.
    fn hold(&mut self, look: Look, since: Moment) {
        let earlier = self.held.take().map(|held| held.look);
        let alive = earlier.filter(|earlier| earlier.process.pid != 0);
        self.held = Some(Held {
            look: alive.unwrap_or_else(|| look.clone()),
            latest: look,
            since,
        });
    }

    /// The way to a look is known; returns whether supervisord made the program anew.
    fn take_in(&mut self, look: Look, steps: &[Step], now: Moment) -> bool {
        let Look {
            process: later,
            begun,
            same_supervisord,
            is_poll,
            has_log,
        } = look;
        let is_anew = tracker::is_recreated(&self.process, &later, same_supervisord);
        self.note_rest(&later, same_supervisord, now);
        if later.pid != self.process.pid {
            self.running_since = None;
        }
        self.looked_at = Some(begun);
        self.age = self
            .age
            .filter(|age| age.is_of(&later))
            .or_else(|| Age::of(&later, begun));
        self.process = later;
        self.seen_at = now;
        self.crash = None;
        for step in steps {
            self.take(step, now);
        }
        if has_log {
            // From here on nothing happens that is not told.
            self.account.synced = true;
        }
        if is_poll {
            self.count_missed(same_supervisord);
        }
        if !steps.is_empty() {
            self.state_since = now.wall;
            self.changed_at = now;
            self.renewed = is_anew;
            self.looks.afresh();
        }
        self.note_state(now);
        self.exit = tracker::exit_of(&self.process);
        self.expected_exit = self.process.spawn_error.is_empty();
        is_anew
    }
}
