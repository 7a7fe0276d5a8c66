//! What people order: whom it means, and whether it can be done.

use std::time::Duration;

use globset::{Glob, GlobMatcher};
use jiff::{Timestamp, Unit};

use super::{Effect, Engine};
use crate::model::{Hold, Moment, ProgramKey, ServerName, Silence, SilenceId};

/// Silences and holds at once: more than anybody keeps track of.
const MOST: usize = 1000;

/// The longest silence or hold with an end; a rule in the configuration is the way to a longer one.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// The longest author, reason and pattern, in characters.
const AUTHOR_MAX: usize = 100;
const REASON_MAX: usize = 500;
const PATTERN_MAX: usize = 200;

/// An order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Tell nobody of what matches.
    Silence {
        /// A glob; see [`Silence::pattern`].
        pattern: String,
        /// For how long.
        lasting: Duration,
        /// Why.
        reason: String,
    },
    /// End a silence.
    EndSilence {
        /// Which.
        id: SilenceId,
    },
    /// Start nothing of a program.
    Hold {
        /// Which, as people name it.
        program: Whom,
        /// For how long; none: until it is released.
        lasting: Option<Duration>,
        /// Why; it may be empty.
        reason: String,
    },
    /// End a hold.
    Release {
        /// Of which program.
        program: Whom,
    },
}

/// A program as people name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whom {
    /// Its supervisord; none where there is no doubt.
    pub server: Option<ServerName>,
    /// `group:name`, or the bare name.
    pub name: String,
}

/// What an order came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ordered {
    /// A silence began, or is over.
    Silence(Silence),
    /// A hold began, or is over.
    Hold(Hold),
}

/// Why an order is not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// It is no glob.
    #[error("{pattern:?} is not a pattern: {why}; use * ? [a-z] {{a,b}}")]
    Pattern {
        /// What was given.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
    /// A text is missing.
    #[error("{what} is missing; say it, as others will read it")]
    Missing {
        /// Which.
        what: &'static str,
    },
    /// A text is too long.
    #[error("{what} has more than {most} characters; make it shorter")]
    TooLong {
        /// Which.
        what: &'static str,
        /// How long it may be.
        most: usize,
    },
    /// It would end at once, or never.
    #[error("it must last from 1s to 366d")]
    Lasting,
    /// There are very many already.
    #[error("there are {MOST} of them already; end some first")]
    TooMany,
    /// Nobody bears that name.
    #[error("no program is called {name:?}; `supervigil status` lists them")]
    NoSuchProgram {
        /// What was given.
        name: String,
    },
    /// Several bear that name.
    #[error("{name:?} may be {}; say which", .candidates.join(" or "))]
    Ambiguous {
        /// What was given.
        name: String,
        /// Who bears it, as `server/group:name`.
        candidates: Vec<String>,
    },
    /// It is over, or never was.
    #[error("no silence has the id {id}; `supervigil holds` lists them")]
    NoSuchSilence {
        /// What was given.
        id: SilenceId,
    },
    /// Nobody holds it.
    #[error("{key} is not held; `supervigil holds` lists what is")]
    NotHeld {
        /// The program.
        key: ProgramKey,
    },
}

impl Engine {
    /// Carries an order out in somebody's name, and says what follows from it.
    pub fn order(
        &mut self,
        order: Order,
        author: &str,
        now: Moment,
    ) -> (Result<Ordered, OrderError>, Vec<Effect>) {
        match self.try_to_order(order, author, now) {
            Ok((ordered, mut effects)) => {
                effects.extend(self.handle(super::Input::Woken, now));
                effects.sort_by_key(|effect| !matches!(effect, Effect::Record(_)));
                (Ok(ordered), effects)
            }
            Err(error) => (Err(error), Vec::new()),
        }
    }

    fn try_to_order(
        &mut self,
        order: Order,
        author: &str,
        now: Moment,
    ) -> Result<(Ordered, Vec<Effect>), OrderError> {
        let author = text("the author", author, AUTHOR_MAX)?;
        match order {
            Order::Silence {
                pattern,
                lasting,
                reason,
            } => {
                let reason = text("the reason", &reason, REASON_MAX)?;
                let pattern = text("the pattern", &pattern, PATTERN_MAX)?;
                let matcher = matcher(&pattern)?;
                room(self.quiet.silences().len())?;
                let silence = Silence {
                    id: SilenceId(self.ulid(now)),
                    pattern,
                    since: to_millis(now.wall),
                    until: until(lasting, now)?,
                    author,
                    reason,
                };
                let effects = self.quiet.silence(silence.clone(), matcher);
                Ok((Ordered::Silence(silence), effects))
            }
            Order::EndSilence { id } => {
                let ended = self.quiet.end_silence(&id, &author, now);
                let (silence, effects) = ended.ok_or(OrderError::NoSuchSilence { id })?;
                Ok((Ordered::Silence(silence), effects))
            }
            Order::Hold {
                program,
                lasting,
                reason,
            } => {
                fits("the reason", &reason, REASON_MAX)?;
                let key = self.program_called(&program)?;
                room(self.quiet.holds().len())?;
                let hold = Hold {
                    key,
                    since: to_millis(now.wall),
                    until: lasting.map(|lasting| until(lasting, now)).transpose()?,
                    author,
                    reason,
                };
                let effects = self.quiet.hold(hold.clone());
                Ok((Ordered::Hold(hold), effects))
            }
            Order::Release { program } => {
                let key = self.held_program(&program)?;
                let released = self.quiet.release(&key, &author, now);
                let (hold, effects) = released.ok_or(OrderError::NotHeld { key })?;
                Ok((Ordered::Hold(hold), effects))
            }
        }
    }

    /// The one program that is meant.
    fn program_called(&self, whom: &Whom) -> Result<ProgramKey, OrderError> {
        let known = self.servers.values().flat_map(|server| {
            let programs = server.programs.keys();
            programs.map(|program| ProgramKey::new(server.name(), program))
        });
        only_one(whom, known)
    }

    /// The one held program that is meant, which supervisord may know no longer; else the one that is
    /// meant.
    fn held_program(&self, whom: &Whom) -> Result<ProgramKey, OrderError> {
        let held = self.quiet.holds().map(|hold| hold.key.clone());
        match only_one(whom, held) {
            Err(OrderError::NoSuchProgram { .. }) => self.program_called(whom),
            found => found,
        }
    }
}

fn only_one(
    whom: &Whom,
    known: impl Iterator<Item = ProgramKey>,
) -> Result<ProgramKey, OrderError> {
    let is_meant = |key: &ProgramKey| {
        let server = whom.server.as_ref().is_none_or(|name| *name == key.server);
        server && (*key.program.name == *whom.name || key.program.full() == whom.name)
    };
    let mut meant: Vec<_> = known.filter(is_meant).collect();
    let name = whom.name.clone();
    match (meant.pop(), meant.is_empty()) {
        (None, _) => Err(OrderError::NoSuchProgram { name }),
        (Some(key), true) => Ok(key),
        (Some(last), false) => {
            meant.push(last);
            let full = |key: &ProgramKey| format!("{}/{}", key.server, key.program.full());
            let candidates = meant.iter().map(full).collect();
            Err(OrderError::Ambiguous { name, candidates })
        }
    }
}

fn matcher(pattern: &str) -> Result<GlobMatcher, OrderError> {
    match Glob::new(pattern) {
        Ok(glob) => Ok(glob.compile_matcher()),
        Err(error) => Err(OrderError::Pattern {
            pattern: pattern.to_owned(),
            why: error.kind().to_string(),
        }),
    }
}

fn text(what: &'static str, given: &str, most: usize) -> Result<String, OrderError> {
    let given = given.trim();
    if given.is_empty() {
        return Err(OrderError::Missing { what });
    }
    fits(what, given, most)?;
    Ok(given.to_owned())
}

fn fits(what: &'static str, given: &str, most: usize) -> Result<(), OrderError> {
    if given.chars().count() > most {
        return Err(OrderError::TooLong { what, most });
    }
    Ok(())
}

fn room(taken: usize) -> Result<(), OrderError> {
    if taken < MOST {
        Ok(())
    } else {
        Err(OrderError::TooMany)
    }
}

fn until(lasting: Duration, now: Moment) -> Result<Timestamp, OrderError> {
    if (Duration::from_secs(1)..=LONGEST).contains(&lasting) {
        Ok(to_millis(now.after(lasting).wall))
    } else {
        Err(OrderError::Lasting)
    }
}

/// As it is written down.
fn to_millis(time: Timestamp) -> Timestamp {
    time.round(Unit::Millisecond).unwrap_or(time)
}
