//! What the feeds told of one program and no look has confirmed yet.
//!
//! Owns the order of what supervisord told, and the kernel's facts about pids. It concludes nothing:
//! `evidence.rs` weighs it against a look, and whatever a look settles is forgotten here.

use std::{collections::VecDeque, time::Duration};

use jiff::civil::DateTime;

use crate::model::{Exit, Feed, Moment, OomKill, PidNews, Process, ProgramEvent, SeenBy};

/// Tellings that wait for a look: a program that dies at once is spawned with each pass of
/// supervisord's loop, and the look that is asked for may come a second later.
const TOLD_MAX: usize = 256;

/// Pids with facts of their own: the present one and those whose ends are still to be told.
const PIDS_MAX: usize = 8;

/// Processes that are remembered as told of, against a look or a feed that is later than it was waited
/// for.
const BURIED_MAX: usize = 64;
/// How long they are remembered: after that a pid may be somebody else's.
const BURIED_FOR: Duration = Duration::from_secs(15);

/// The feeds' account of one program.
#[derive(Debug, Default)]
pub(super) struct Account {
    told: VecDeque<Told>,
    pids: VecDeque<PidFacts>,
    /// Processes whose ends were told, and when.
    buried: VecDeque<(u32, Moment)>,
    /// Whether the tellings have been complete up to the present state, so that the next change is
    /// worth waiting for.
    pub synced: bool,
}

/// Something that supervisord told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Told {
    pub event: ProgramEvent,
    /// When it was certain at the latest: when it was heard, or the look began that it came with.
    pub at: Moment,
    /// When it was heard.
    pub heard: Moment,
    /// When supervisord wrote it, by its own clock; listeners are not told.
    pub written: Option<DateTime>,
}

/// What the kernel knows of one process.
#[derive(Debug, Clone, Copy, PartialEq)]
struct PidFacts {
    pid: u32,
    dead_at: Option<Moment>,
    exit: Option<Exit>,
    oom_kill: Option<OomKill>,
    /// Whether nothing more is to come.
    settled: bool,
}

impl Account {
    /// Takes a telling in.
    pub(super) fn hear(&mut self, told: Told) {
        if self.told.len() >= TOLD_MAX {
            self.lose();
        }
        self.told.push_back(told);
    }

    /// Takes in what the kernel says of a pid.
    pub(super) fn note(&mut self, pid: u32, news: PidNews, at: Moment) {
        let fresh = PidFacts {
            pid,
            dead_at: None,
            exit: None,
            oom_kill: None,
            settled: false,
        };
        let known = self.pids.iter().position(|facts| facts.pid == pid);
        let mut facts = known
            .and_then(|place| self.pids.remove(place))
            .filter(|_| news != PidNews::Watched)
            .unwrap_or(fresh);
        match news {
            PidNews::Watched => {}
            PidNews::OomKill(kill) => facts.oom_kill = Some(kill),
            PidNews::Dead => {
                facts.dead_at.get_or_insert(at);
            }
            PidNews::Ended(exit) => {
                facts.dead_at.get_or_insert(at);
                facts.exit = exit;
                facts.settled = true;
            }
        }
        if self.pids.len() >= PIDS_MAX {
            self.pids.pop_front();
        }
        self.pids.push_back(facts);
    }

    /// Tellings were lost, or none has been heard for a while: what waits here is no whole story.
    pub(super) fn lose(&mut self) {
        self.told.clear();
        self.synced = false;
    }

    /// The tellings, oldest first.
    pub(super) fn told(&self) -> &VecDeque<Told> {
        &self.told
    }

    /// Forgets the first `count` tellings: a look has confirmed them.
    pub(super) fn settle(&mut self, count: usize) {
        self.told.drain(..count.min(self.told.len()));
    }

    /// Forgets what was told before a look began that shows nothing of it.
    pub(super) fn forget_before(&mut self, begun: Moment) {
        self.told.retain(|told| told.at.monotonic > begun.monotonic);
    }

    /// Forgets what was told of the way to the state that an earlier look showed. What follows the start
    /// of the process that it showed is complete.
    pub(super) fn forget_way_to(&mut self, earlier: &Process) {
        if earlier.pid != 0 {
            let mut told = self.told.iter();
            let began = told.rposition(|told| told.event.begins(earlier.pid));
            if let Some(began) = began {
                self.told.drain(..=began);
                self.synced = true;
            }
            return;
        }
        // At rest, nothing can end before something begins.
        let begins = self
            .told
            .iter()
            .position(|told| matches!(told.event, ProgramEvent::Spawned { .. }));
        let stale = begins.unwrap_or(self.told.len());
        self.told.drain(..stale);
    }

    /// Forgets failures to start that name no process and were told before a look began, up to the
    /// first other telling.
    pub(super) fn forget_unnamed_failures(&mut self, begun: Moment) {
        while let (Some(start), Some(end)) = (self.told.front(), self.told.get(1))
            && matches!(start.event, ProgramEvent::Spawned { pid: None })
            && matches!(end.event, ProgramEvent::Backoff)
            && end.at.monotonic <= begun.monotonic
        {
            self.settle(2);
        }
    }

    /// How a process ended, by the kernel.
    pub(super) fn exit_of(&self, pid: u32) -> Option<Exit> {
        self.facts(pid).and_then(|facts| facts.exit)
    }

    /// Whether the kernel's out-of-memory killer was at work when a process ended.
    pub(super) fn oom_kill_of(&self, pid: u32) -> Option<OomKill> {
        self.facts(pid).and_then(|facts| facts.oom_kill)
    }

    /// Whether the kernel will yet say how a process ended.
    pub(super) fn awaits_exit_of(&self, pid: u32) -> bool {
        self.facts(pid).is_some_and(|facts| !facts.settled)
    }

    /// Whether a process is known to be dead.
    pub(super) fn is_dead(&self, pid: u32) -> bool {
        self.facts(pid).is_some_and(|facts| facts.dead_at.is_some())
    }

    /// Who noticed a death first: the kernel's word, or what else is given.
    pub(super) fn first_of(
        &self,
        pid: u32,
        others: impl IntoIterator<Item = (SeenBy, Moment)>,
    ) -> Option<(SeenBy, Moment)> {
        let dead_at = self.facts(pid).and_then(|facts| facts.dead_at);
        let kernel = dead_at.map(|at| (SeenBy::Pidfd, at));
        let all = kernel.into_iter().chain(others);
        all.min_by_key(|(_, at)| at.monotonic)
    }

    /// Forgets a process whose end was told.
    pub(super) fn bury(&mut self, pid: u32, now: Moment) {
        self.pids.retain(|facts| facts.pid != pid);
        if self.buried.len() >= BURIED_MAX {
            self.buried.pop_front();
        }
        self.buried.push_back((pid, now));
    }

    /// Whether a process' end was told lately.
    pub(super) fn is_buried(&self, pid: u32, now: Moment) -> bool {
        let mut buried = self.buried.iter();
        pid != 0 && buried.any(|(dead, at)| *dead == pid && now.since(*at) < BURIED_FOR)
    }

    fn facts(&self, pid: u32) -> Option<&PidFacts> {
        self.pids.iter().find(|facts| facts.pid == pid)
    }
}

/// The feeds' own health, as far as one supervisord goes.
#[derive(Debug, Default)]
pub(super) struct Feeds {
    log: Health,
    pidfd: Health,
    listener: Health,
}

/// Whether a feed is up, and whether it is any good.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Health {
    up_since: Option<Moment>,
    /// It is up and does not tell what it should.
    mute: bool,
}

impl Feeds {
    pub(super) fn set(&mut self, feed: Feed, is_up: bool, now: Moment) {
        let health = self.of(feed);
        health.up_since = is_up.then_some(now);
        health.mute = false;
    }

    /// Marks a feed as one that does not tell what it should, or that does again; whether that is new.
    pub(super) fn set_mute(&mut self, feed: Feed, mute: bool) -> bool {
        let health = self.of(feed);
        std::mem::replace(&mut health.mute, mute) != mute
    }

    /// The feed whose tellings count: two accounts of one thing would count it twice. Others still say
    /// when to look.
    pub(super) fn teller(&self) -> Option<Feed> {
        if self.log.tells() {
            Some(Feed::Log)
        } else if self.listener.tells() {
            Some(Feed::Listener)
        } else {
            None
        }
    }

    /// Since when there is an account.
    pub(super) fn teller_since(&self) -> Option<Moment> {
        match self.teller()? {
            Feed::Log => self.log.up_since,
            Feed::Listener => self.listener.up_since,
            Feed::Pidfd => None,
        }
    }

    /// Whether a feed is there, of use or not.
    pub(super) fn is_set_up(&mut self, feed: Feed) -> bool {
        self.of(feed).up_since.is_some()
    }

    /// Whether a feed is up and tells what it should.
    pub(super) fn is_up(&self, feed: Feed) -> bool {
        match feed {
            Feed::Log => self.log.tells(),
            Feed::Pidfd => self.pidfd.tells(),
            Feed::Listener => self.listener.tells(),
        }
    }

    fn of(&mut self, feed: Feed) -> &mut Health {
        match feed {
            Feed::Log => &mut self.log,
            Feed::Pidfd => &mut self.pidfd,
            Feed::Listener => &mut self.listener,
        }
    }
}

impl Health {
    fn tells(self) -> bool {
        self.up_since.is_some() && !self.mute
    }
}
