//! The feed: which processes there are goes in, what becomes of them comes out.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use tokio::{
    sync::{mpsc, watch as latest},
    time::sleep,
};

use super::{BootTime, WhyNot, held::Held, namespace};
use crate::model::{PidNews, ProgramName};

/// The live processes of one supervisord, as last seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Targets {
    /// supervisord's own pid, by its own account; 0 where it is not known.
    pub supervisord: u32,
    /// The unix socket that it was asked by; none for TCP.
    pub socket: Option<PathBuf>,
    /// Its processes, by pid.
    pub pids: BTreeMap<u32, Target>,
}

/// One process that is to be watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Whose process it is.
    pub program: ProgramName,
    /// When the latest look that showed it began: read before supervisord was asked.
    pub looked_at: BootTime,
}

/// What the feed has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// Processes are watched; after the limit of open files, all of them again.
    Up,
    /// Nothing can be watched.
    Down(WhyNot),
    /// Something about a process that was proved to be the program's.
    Pid {
        /// The process.
        pid: u32,
        /// Whose.
        program: ProgramName,
        /// What.
        news: PidNews,
    },
    /// A process is not watched. It is tried again with each look; the same reason is told once, and
    /// the limit of open files once for all processes.
    Refused {
        /// The process.
        pid: u32,
        /// Whose, by supervisord's account.
        program: ProgramName,
        /// Why.
        why: WhyNot,
    },
}

/// What the feed may cost, and how long it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// So many files can always be opened beside the pidfds: connections, the store, logs. A daemon
    /// with every channel in use has some 40 open.
    pub files_kept_free: u64,
    /// How long a dead process has to be reaped before it is said to have ended nobody knows how.
    /// supervisord reaps within a second, unless it is busy answering.
    pub reap_patience: Duration,
    /// How long a process is still watched that looks show no more: the look and the death that it
    /// shows are on their way at the same time.
    pub kept_after: Duration,
    /// Whether the kernel is asked how a process ended (Linux >= 6.15; older ones say so by
    /// themselves).
    pub ask_for_exits: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            files_kept_free: 128,
            reap_patience: Duration::from_secs(5),
            kept_after: Duration::from_secs(10),
            ask_for_exits: true,
        }
    }
}

/// Watches the processes of one supervisord, until nobody tells it any more which these are, or
/// nobody listens.
///
/// Each process that is proved is reported as watched, then as dead the moment it dies, then as ended
/// once the kernel knows how, which it does when supervisord has reaped it. Every process that was
/// reported as dead is reported as ended.
pub async fn watch(
    mut targets: latest::Receiver<Targets>,
    reports: mpsc::Sender<Report>,
    limits: Limits,
) {
    targets.mark_changed();
    let mut feed = Feed {
        reports,
        health: None,
        agreed: None,
        refused: BTreeMap::new(),
        is_full: false,
    };
    // It ends by an error where nobody listens; there is nobody to tell that to.
    drop(feed.run(&mut targets, limits).await);
}

/// Nobody listens, or nobody tells which processes there are.
struct Over;

struct Feed {
    reports: mpsc::Sender<Report>,
    /// What was said of the feed last.
    health: Option<Result<(), WhyNot>>,
    /// The supervisord whose pids were compared with the kernel's last, and what came of it.
    agreed: Option<(u32, Option<PathBuf>, Result<(), WhyNot>)>,
    /// Why pids of the set are not watched, as it was said.
    refused: BTreeMap<u32, WhyNot>,
    /// Whether it was said that no more can be watched.
    is_full: bool,
}

impl Feed {
    async fn run(
        &mut self,
        targets: &mut latest::Receiver<Targets>,
        limits: Limits,
    ) -> Result<(), Over> {
        let mut held = loop {
            match Held::new(limits) {
                Ok(held) => break held,
                Err(why) => self.say_health(Err(why)).await?,
            }
            targets.changed().await.map_err(|_closed| Over)?;
        };
        targets.mark_changed();
        loop {
            let due = held.due();
            let patience = due.map(|due| due.since(BootTime::now()));
            // Each arm may be dropped: it waits and takes nothing.
            tokio::select! {
                stirred = held.stirs() => {
                    stirred.map_err(|_shutdown| Over)?;
                    self.say_all(held.news(BootTime::now())).await?;
                }
                changed = targets.changed() => {
                    changed.map_err(|_closed| Over)?;
                    let seen = targets.borrow_and_update().clone();
                    self.turn_to(&mut held, &seen).await?;
                }
                () = sleep(patience.unwrap_or_default()), if patience.is_some() => {
                    // After a sleep of the host both have happened: then the end counts.
                    let now = BootTime::now();
                    self.say_all(held.news(now)).await?;
                    self.say_all(held.expire(now)).await?;
                }
            }
        }
    }

    /// Watches what the latest look shows.
    async fn turn_to(&mut self, held: &mut Held, targets: &Targets) -> Result<(), Over> {
        // Deaths first: a pid that another process has taken over is then free here as well.
        let now = BootTime::now();
        self.say_all(held.news(now)).await?;
        held.shown(&targets.pids, now);
        self.refused.retain(|pid, _| targets.pids.contains_key(pid));
        if targets.supervisord == 0 {
            return Ok(());
        }
        let health = self.agreement(targets).await;
        self.say_health(health).await?;
        if health.is_ok() {
            self.add_all(held, targets).await?;
        }
        Ok(())
    }

    /// Whether supervisord's pids are the kernel's, which is found out once for each supervisord.
    async fn agreement(&mut self, targets: &Targets) -> Result<(), WhyNot> {
        if let Some((supervisord, socket, known)) = &self.agreed {
            let is_same = *supervisord == targets.supervisord && *socket == targets.socket;
            if is_same && !known.is_err_and(WhyNot::is_transient) {
                return *known;
            }
        }
        let found = namespace::agrees(targets.supervisord, targets.socket.as_deref()).await;
        self.agreed = Some((targets.supervisord, targets.socket.clone(), found));
        found
    }

    /// Watches those that are not watched yet.
    async fn add_all(&mut self, held: &mut Held, targets: &Targets) -> Result<(), Over> {
        let was_full = std::mem::take(&mut self.is_full);
        let now = BootTime::now();
        let mut has_new = false;
        for (&pid, target) in &targets.pids {
            if held.holds(pid) {
                continue;
            }
            let program = target.program.clone();
            match held.add(pid, target, targets.supervisord, now) {
                Ok(false) => {}
                Ok(true) => {
                    has_new = true;
                    self.refused.remove(&pid);
                    let news = PidNews::Watched;
                    self.say(Report::Pid { pid, program, news }).await?;
                }
                Err(why @ WhyNot::TooManyFiles) => {
                    self.is_full = true;
                    if !was_full {
                        self.say(Report::Refused { pid, program, why }).await?;
                    }
                    // The others would fare no better.
                    break;
                }
                Err(why) => {
                    if self.refused.insert(pid, why) != Some(why) {
                        self.say(Report::Refused { pid, program, why }).await?;
                    }
                }
            }
        }
        if has_new {
            held.read_counters(now);
        }
        if was_full && !self.is_full {
            // Processes that went away by themselves prove no room.
            let has_room = has_new || targets.pids.keys().any(|pid| held.holds(*pid));
            if has_room {
                self.say(Report::Up).await?;
            }
            self.is_full = !has_room;
        }
        Ok(())
    }

    async fn say_health(&mut self, health: Result<(), WhyNot>) -> Result<(), Over> {
        if self.health.replace(health) == Some(health) {
            return Ok(());
        }
        self.say(health.map_or_else(Report::Down, |()| Report::Up))
            .await
    }

    async fn say_all(&self, reports: Vec<Report>) -> Result<(), Over> {
        for report in reports {
            self.say(report).await?;
        }
        Ok(())
    }

    async fn say(&self, report: Report) -> Result<(), Over> {
        self.reports.send(report).await.map_err(|_closed| Over)
    }
}
