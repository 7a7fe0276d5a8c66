//! The feeds and the looks at single programs, each with delays of its own.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{
    SignedDuration,
    civil::{DateTime, date},
};
use supervigil::{
    engine::{Input, LogReading, Looked},
    model::{
        Feed, LogLine, LogNews, OomKill, PidNews, ProgramEvent, ProgramKey, ProgramName, Telling,
    },
};

use super::{Pending, Rig, server};
use crate::supervisord::{Fault, Word};

/// Which feeds there are, and how late what they bring may come, in milliseconds.
#[derive(Debug, Clone)]
pub(crate) struct Feeds {
    /// The main log, which is read with each poll and look; none: it is not.
    pub(crate) log: Option<Log>,
    /// Whether nothing is ever written to it.
    pub(crate) log_is_mute: bool,
    /// Whether the OOM killer is at work at each death.
    pub(crate) kills_for_memory: bool,
    /// The longest delays; none: there is no such feed.
    pub(crate) pidfd: Option<u64>,
    pub(crate) listener: Option<u64>,
    /// From the decision to look to the look, and from there to its arrival.
    pub(crate) looks: (u64, u64),
    rng: fastrand::Rng,
    /// A stream keeps its order: when the last of it arrives.
    last: BTreeMap<Feed, u64>,
    watched: BTreeSet<u32>,
    /// Every pid that was ever watched, or found to be gone.
    known: BTreeSet<u32>,
}

/// The main log, and how far it was read; none before the first reading.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    lines: Vec<LogLine>,
    read: Option<usize>,
    /// Whether the last reading was too short, so that the next one is longer.
    is_wide: bool,
}

/// The most lines that a reading holds which is not wide.
const LINES_MAX: usize = 5;

/// How the main log writes a time of the simulation.
fn written(at: u64) -> DateTime {
    date(2026, 11, 25).at(0, 0, 0, 0) + SignedDuration::from_millis(at.try_into().unwrap())
}

impl Feeds {
    /// `log`: whether the main log is read; `delays`: of the pidfds and the listener.
    pub(crate) fn new(log: bool, delays: [Option<u64>; 2], looks: (u64, u64), seed: u64) -> Self {
        let [pidfd, listener] = delays;
        Self {
            log: log.then(Log::default),
            log_is_mute: false,
            kills_for_memory: false,
            pidfd,
            listener,
            looks,
            rng: fastrand::Rng::with_seed(seed),
            last: BTreeMap::new(),
            watched: BTreeSet::new(),
            known: BTreeSet::new(),
        }
    }

    /// When a word of a stream arrives that is said now.
    fn arrival(&mut self, feed: Feed, most: u64, now: u64) -> u64 {
        let at = now + self.rng.u64(0..=most);
        let last = self.last.entry(feed).or_default();
        *last = at.max(*last);
        *last
    }
}

impl Rig {
    /// The feeds come up with supervigil.
    pub(super) fn open_feeds(&mut self) {
        if let Some(feeds) = &mut self.feeds {
            feeds.watched.clear();
            feeds.known.clear();
            feeds.last.clear();
            if let Some(log) = &mut feeds.log {
                log.read = None;
                log.is_wide = false;
            }
            self.streams(true);
            if let Some(most) = self.feeds.as_ref().and_then(|feeds| feeds.pidfd) {
                self.change(Feed::Pidfd, true, self.sim.now + most);
            }
        }
    }

    /// A feed comes up or goes down.
    pub(crate) fn change(&mut self, feed: Feed, is_up: bool, at: u64) {
        let input = Input::FeedChanged {
            server: server(),
            feed,
            is_up,
        };
        self.pending.push((at, Pending::Input(input)));
    }

    /// Streams from supervisord come up or break; what was on its way in one that breaks is lost.
    fn streams(&mut self, is_up: bool) {
        let Some(feeds) = self.feeds.clone() else {
            return;
        };
        if !is_up {
            self.pending.retain(|(_, pending)| {
                !matches!(
                    pending,
                    Pending::Input(
                        Input::Told { .. }
                            | Input::FeedChanged {
                                feed: Feed::Listener,
                                ..
                            }
                    )
                )
            });
        }
        if let Some(most) = feeds.listener {
            let most = if is_up { most } else { 0 };
            let feeds = self.feeds.as_mut().unwrap();
            let at = feeds.arrival(Feed::Listener, most, self.sim.now);
            self.change(Feed::Listener, is_up, at);
        }
    }

    /// How far the main log goes.
    pub(super) fn written(&self) -> usize {
        let log = self.feeds.as_ref().and_then(|feeds| feeds.log.as_ref());
        log.map_or(0, |log| log.lines.len())
    }

    /// What an answer brings that shows the log as it was when it went so far. One that was overtaken
    /// brings nothing.
    pub(super) fn read_log(&mut self, written: usize) -> LogReading {
        let Some(log) = self.feeds.as_mut().and_then(|feeds| feeds.log.as_mut()) else {
            return LogReading::None;
        };
        let lines = log.read.map_or(&[][..], |read| {
            log.lines.get(read..written).unwrap_or_default()
        });
        if lines.len() > LINES_MAX && !log.is_wide {
            log.is_wide = true;
            return LogReading::Behind;
        }
        log.is_wide = false;
        let lines = lines.to_vec();
        log.read = Some(written.max(log.read.unwrap_or_default()));
        LogReading::News(LogNews { lines, lost: false })
    }

    /// Fetches what the feeds have to say.
    pub(super) fn listen(&mut self) {
        let words = std::mem::take(&mut self.sim.words);
        for (at, word) in words {
            if self.engine.is_some() {
                self.word(at, word);
            }
        }
    }

    fn word(&mut self, at: u64, word: Word) {
        let Some(feeds) = &mut self.feeds else {
            return;
        };
        match word {
            Word::Streams(is_up) => self.streams(is_up),
            Word::Log(name, event) => {
                let is_mute = feeds.log_is_mute;
                if let Some(log) = feeds.log.as_mut().filter(|_| !is_mute) {
                    let telling = Telling::Program {
                        group: None,
                        name: name.name,
                        event,
                    };
                    let written = written(at);
                    log.lines.push(LogLine { written, telling });
                }
            }
            Word::Listener(name, event) => {
                if let Some(most) = feeds.listener {
                    let at = feeds.arrival(Feed::Listener, most, at);
                    self.tell(at, name, event);
                }
            }
            Word::Death(name, pid, exit) => {
                let Some(most) = feeds.pidfd.filter(|_| feeds.watched.remove(&pid)) else {
                    return;
                };
                let dead = at + feeds.rng.u64(0..=most);
                let ended = dead + feeds.rng.u64(0..=most);
                let kill = PidNews::OomKill(OomKill::Group);
                let kill = feeds.kills_for_memory.then_some((dead, kill));
                let death = [(dead, PidNews::Dead), (ended, PidNews::Ended(Some(exit)))];
                for (at, news) in kill.into_iter().chain(death) {
                    let key = ProgramKey::new(&server(), &name);
                    let input = Input::PidNews { key, pid, news };
                    self.pending.push((at, Pending::Input(input)));
                }
            }
        }
    }

    fn tell(&mut self, at: u64, name: ProgramName, event: ProgramEvent) {
        let telling = Telling::Program {
            group: Some(name.group),
            name: name.name,
            event,
        };
        let input = Input::Told {
            server: server(),
            feed: Feed::Listener,
            telling,
        };
        self.pending.push((at, Pending::Input(input)));
    }

    /// Watches the pids that are alive, where they still are.
    pub(super) fn watch_pids(&mut self) {
        let Some(feeds) = self.feeds.as_mut().filter(|feeds| feeds.pidfd.is_some()) else {
            return;
        };
        let targets = self.engine.as_ref().unwrap().pid_targets(&server());
        let now = self.sim.now;
        for (pid, target) in targets.pids {
            let mut alive = self.sim.programs.iter().map(|program| program.pid);
            let news = if alive.any(|alive| alive == pid) {
                feeds.watched.insert(pid);
                PidNews::Watched
            } else {
                PidNews::Ended(None)
            };
            if feeds.known.insert(pid) {
                let key = ProgramKey::new(&server(), &target.program);
                let input = Input::PidNews { key, pid, news };
                self.pending.push((now, Pending::Input(input)));
            }
        }
    }

    /// Sends a look out. Without feeds it never comes back, and so asks for no other: polls alone.
    pub(super) fn ask(&mut self, programs: Vec<ProgramName>) {
        if let Some(feeds) = &self.feeds {
            let at = self.sim.now + feeds.looks.0;
            self.pending.push((at, Pending::Look(programs)));
        }
    }

    pub(super) fn look(&mut self, programs: &[ProgramName]) {
        let begun = self.begun();
        self.listen();
        let written = self.written();
        let looked = programs.iter().map(|name| {
            let process = match self.sim.process(name) {
                Ok(process) => Some(process),
                Err(Fault::BadName) => None,
                Err(fault) => return Err(fault),
            };
            Ok((name.clone(), process))
        });
        let programs: Result<Vec<_>, Fault> = looked.collect();
        let supervisord = self.sim.pid();
        let input = Input::Looked {
            server: server(),
            begun,
            outcome: programs.ok().map(|programs| Looked {
                supervisord,
                programs,
                log: LogReading::None,
            }),
        };
        let takes = self.feeds.as_ref().map_or(0, |feeds| feeds.looks.1);
        self.pending
            .push((self.sim.now + takes, Pending::Looked(input, written)));
    }
}
