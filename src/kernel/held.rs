//! The processes that are watched: a pidfd for each, all of them under one epoll.
//!
//! What becomes readable is found without looking at the others, and nothing is timed while nobody
//! dies. Each process is told of at most four times: watched, killed for memory perhaps, dead, ended.

use std::{collections::BTreeMap, io, os::fd::OwnedFd, path::PathBuf};

use procfs::process::Process;
use rustix::{
    buffer::spare_capacity,
    event::{Timespec, epoll},
};
use tokio::io::{Interest, unix::AsyncFd};

use super::{
    BootTime, Limits, WhyNot, files,
    oom::OomCounters,
    pidfd::{Ending, Pidfd},
    proof::{Birth, prove},
    watch::{Report, Target},
};
use crate::model::{Exit, PidNews, ProgramName};

/// How many events are taken from the kernel at a time.
const EVENTS_AT_ONCE: usize = 64;

/// The processes of one supervisord.
pub(super) struct Held {
    limits: Limits,
    /// Readable when one of the pidfds is; each is known to it by its pid.
    epoll: AsyncFd<OwnedFd>,
    /// By pid, which stays a process's own until the kernel has said that it was reaped.
    processes: BTreeMap<u32, Watched>,
    /// Those whose end was told and that looks may still show, with their births.
    ended: BTreeMap<u32, Birth>,
    oom: OomCounters,
}

struct Watched {
    program: ProgramName,
    pidfd: Pidfd,
    birth: Birth,
    stage: Stage,
    /// Since when it is watched.
    since: BootTime,
    /// What counts the kills of its control group.
    group: Option<PathBuf>,
}

/// Where a process stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It lives, and the latest look shows it.
    Alive,
    /// It lives, and looks show it no more; it is let go of at that time.
    Left(BootTime),
    /// It is dead, and has until that time to be reaped.
    Dead(BootTime),
}

impl Held {
    /// None of them.
    #[expect(
        deprecated,
        reason = "what replaces it is unsafe for the sake of types whose descriptor can change under \
                  it, which that of an OwnedFd cannot"
    )]
    pub(super) fn new(limits: Limits) -> Result<Self, WhyNot> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(no_room)?;
        Ok(Self {
            limits,
            epoll: AsyncFd::try_with_interest(epoll, Interest::READABLE).map_err(no_room)?,
            processes: BTreeMap::new(),
            ended: BTreeMap::new(),
            oom: OomCounters::of_host(),
        })
    }

    /// Waits until something happens to one of them. Cancel-safe: it takes nothing.
    pub(super) async fn stirs(&self) -> io::Result<()> {
        // Cleared before the events are taken: one that comes in between is then not lost.
        self.epoll.readable().await?.clear_ready();
        Ok(())
    }

    /// What happened to them since it was asked last.
    pub(super) fn news(&mut self, now: BootTime) -> Vec<Report> {
        let mut news = Vec::new();
        let mut events = Vec::with_capacity(EVENTS_AT_ONCE);
        let at_once = Timespec::default();
        loop {
            events.clear();
            let buffer = spare_capacity(&mut events);
            // It fails for no reason that a descriptor of our own could have.
            if epoll::wait(&self.epoll, buffer, Some(&at_once)).is_err() {
                break;
            }
            for event in &events {
                if let Ok(pid) = u32::try_from(event.data.u64()) {
                    self.died(pid, now, &mut news);
                }
            }
            if events.len() < EVENTS_AT_ONCE {
                break;
            }
        }
        news
    }

    /// Tells that a process is dead, where that is not told, and how it ended, where that is known.
    fn died(&mut self, pid: u32, now: BootTime, news: &mut Vec<Report>) {
        let Some(watched) = self.processes.get_mut(&pid) else {
            return;
        };
        match watched.stage {
            Stage::Alive | Stage::Left(_) => {
                watched.stage = Stage::Dead(now.plus(self.limits.reap_patience));
                let group = watched.group.as_deref();
                if let Some(kill) = self.oom.judge(group, watched.since, now) {
                    news.push(watched.news(pid, PidNews::OomKill(kill)));
                }
                news.push(watched.news(pid, PidNews::Dead));
            }
            Stage::Dead(_) => {}
        }
        let ending = if self.limits.ask_for_exits {
            watched.pidfd.ending()
        } else {
            Ending::Untold
        };
        match ending {
            // Another event comes when it is reaped.
            Ending::Unreaped => {}
            Ending::Told(exit) => self.end(pid, Some(exit), news),
            Ending::Untold => self.end(pid, None, news),
        }
    }

    fn end(&mut self, pid: u32, exit: Option<Exit>, news: &mut Vec<Report>) {
        if let Some(watched) = self.processes.remove(&pid) {
            news.push(watched.news(pid, PidNews::Ended(exit)));
            self.ended.insert(pid, watched.birth);
        }
    }

    /// Takes note of which pids the latest look shows.
    pub(super) fn shown(&mut self, pids: &BTreeMap<u32, Target>, now: BootTime) {
        self.ended.retain(|pid, _| pids.contains_key(pid));
        for (pid, watched) in &mut self.processes {
            match (watched.stage, pids.contains_key(pid)) {
                (Stage::Alive, false) => {
                    watched.stage = Stage::Left(now.plus(self.limits.kept_after));
                }
                (Stage::Left(_), true) => watched.stage = Stage::Alive,
                (Stage::Alive, true) | (Stage::Left(_), false) | (Stage::Dead(_), _) => {}
            }
        }
        self.read_counters(now);
    }

    /// Reads what a death is compared with later.
    pub(super) fn read_counters(&mut self, now: BootTime) {
        let watched = self.processes.values();
        let groups = watched.filter_map(|watched| watched.group.as_deref());
        self.oom.read(&groups.collect(), now);
    }

    /// Whether the process of that pid is watched.
    pub(super) fn holds(&self, pid: u32) -> bool {
        self.processes.contains_key(&pid)
    }

    /// Watches one process more, after proving it; false for one whose end was told.
    pub(super) fn add(
        &mut self,
        pid: u32,
        target: &Target,
        supervisord: u32,
        now: BootTime,
    ) -> Result<bool, WhyNot> {
        let told = self.ended.get(&pid).copied();
        let opened = Pidfd::open(pid).and_then(|pidfd| Ok((birth(pid, &pidfd)?, pidfd)));
        let (birth, pidfd) = match (opened, told) {
            (Err(WhyNot::Gone), Some(_)) => return Ok(false),
            (Ok((birth, _)), Some(told)) if birth == told => return Ok(false),
            (opened, _) => opened?,
        };
        if !files::leaves_room(&pidfd, self.limits.files_kept_free) {
            return Err(WhyNot::TooManyFiles);
        }
        let rate = procfs::ticks_per_second();
        prove(birth, supervisord, target.looked_at, rate)?;
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
        let known_by = epoll::EventData::new_u64(pid.into());
        epoll::add(&self.epoll, &pidfd, known_by, flags).map_err(no_room)?;
        let watched = Watched {
            program: target.program.clone(),
            pidfd,
            birth,
            stage: Stage::Alive,
            since: now,
            group: self.oom.group_of(pid),
        };
        self.ended.remove(&pid);
        self.processes.insert(pid, watched);
        Ok(true)
    }

    /// When the patience with one of them is over; none while it is with nobody.
    pub(super) fn due(&self) -> Option<BootTime> {
        self.processes.values().filter_map(Watched::due).min()
    }

    /// Lets go of those with whom the patience is over. A dead one is told to have ended.
    pub(super) fn expire(&mut self, now: BootTime) -> Vec<Report> {
        let mut news = Vec::new();
        let over = |watched: &Watched| watched.due().is_some_and(|due| due <= now);
        let expired = self.processes.iter().filter(|(_, watched)| over(watched));
        let expired: Vec<_> = expired
            .map(|(pid, watched)| (*pid, watched.stage))
            .collect();
        for (pid, stage) in expired {
            match stage {
                Stage::Dead(_) => self.end(pid, None, &mut news),
                Stage::Left(_) | Stage::Alive => drop(self.processes.remove(&pid)),
            }
        }
        news
    }
}

impl Watched {
    fn due(&self) -> Option<BootTime> {
        match self.stage {
            Stage::Alive => None,
            Stage::Left(due) | Stage::Dead(due) => Some(due),
        }
    }

    fn news(&self, pid: u32, news: PidNews) -> Report {
        Report::Pid {
            pid,
            program: self.program.clone(),
            news,
        }
    }
}

/// The kernel makes and fills an epoll unless it lacks descriptors or memory.
fn no_room<E>(_lacks: E) -> WhyNot {
    WhyNot::TooManyFiles
}

/// What /proc tells of the process of a pidfd. It hides other users' processes where it is mounted with
/// `hidepid`.
fn birth(pid: u32, pidfd: &Pidfd) -> Result<Birth, WhyNot> {
    let number = i32::try_from(pid).map_err(|_too_large| WhyNot::Gone)?;
    let stat = Process::new(number).and_then(|process| process.stat());
    let stat = stat.map_err(|_unseen| {
        if pidfd.is_dead() {
            WhyNot::Gone
        } else {
            WhyNot::Hidden
        }
    })?;
    Ok(Birth {
        parent: u32::try_from(stat.ppid).unwrap_or_default(),
        ticks: stat.starttime,
    })
}
