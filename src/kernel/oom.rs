//! Whether the kernel's out-of-memory killer was at work when a process died.
//!
//! Owns the two counters that say so: `oom_kill` of `/proc/vmstat`, which counts its kills on the whole
//! host, and `oom_kill` of `memory.events` in the process's own control group (cgroup v2), which
//! counts those among the group's processes. No counter names a process, so what they prove is that it
//! killed somebody, there and then. The kernel counts before it sends the signal
//! (`__oom_kill_process` in `mm/oom_kill.c`), so a death that is noticed was counted.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::BootTime;
use crate::model::OomKill;

/// How long after a count a death may still be due to it: a process of many gigabytes takes seconds to
/// give them back, and a shell that waited for it ends after it.
const DIES_WITHIN: Duration = Duration::from_secs(10);

/// The most that may lie between two readings for the difference to say when something was counted: the
/// longest time between polls, unless somebody asks for more.
const READ_EVERY_MAX: Duration = Duration::from_secs(60);

/// The most groups that are read: a process in another one has only the host's word.
const GROUPS_MAX: usize = 64;

/// The counters, as they were read.
#[derive(Debug)]
pub(super) struct OomCounters {
    proc: PathBuf,
    cgroup: PathBuf,
    host: Option<Counter>,
    groups: BTreeMap<PathBuf, Counter>,
}

/// One counter.
#[derive(Debug, Clone, Copy)]
struct Counter {
    count: u64,
    read_at: BootTime,
    /// Between which two readings it rose last.
    rose: Option<(BootTime, BootTime)>,
}

impl OomCounters {
    /// Of this host.
    pub(super) fn of_host() -> Self {
        Self::at("/proc", "/sys/fs/cgroup")
    }

    /// Where `/proc` and the file system of control groups are at these places.
    fn at(proc: impl Into<PathBuf>, cgroup: impl Into<PathBuf>) -> Self {
        Self {
            proc: proc.into(),
            cgroup: cgroup.into(),
            host: None,
            groups: BTreeMap::new(),
        }
    }

    /// The file that counts for the control group of a process; none where it has none of version 2.
    pub(super) fn group_of(&self, pid: u32) -> Option<PathBuf> {
        let groups = fs::read_to_string(self.proc.join(pid.to_string()).join("cgroup")).ok()?;
        let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
        Some(self.cgroup.join(path).join("memory.events"))
    }

    /// Reads the counters of the host and of these groups, and forgets those of others.
    pub(super) fn read(&mut self, groups: &BTreeSet<&Path>, now: BootTime) {
        note(&mut self.host, oom_kills(&self.proc.join("vmstat")), now);
        let mut before = std::mem::take(&mut self.groups);
        for path in groups.iter().take(GROUPS_MAX) {
            let mut counter = before.remove(*path);
            note(&mut counter, oom_kills(path), now);
            let counter = counter.map(|counter| (path.to_path_buf(), counter));
            self.groups.extend(counter);
        }
    }

    /// What the counters say of a process that was found dead just before, and that was alive at
    /// `alive_at`.
    pub(super) fn judge(
        &mut self,
        group: Option<&Path>,
        alive_at: BootTime,
        now: BootTime,
    ) -> Option<OomKill> {
        note(&mut self.host, oom_kills(&self.proc.join("vmstat")), now);
        let rose = |counter: &Counter| counter.rose_around_death(alive_at, now);
        let in_group = group.is_some_and(|path| {
            let mut counter = self.groups.get(path).copied();
            note(&mut counter, oom_kills(path), now);
            let rose = counter.as_ref().is_some_and(rose);
            let counter = counter.map(|counter| (path.to_owned(), counter));
            self.groups.extend(counter);
            rose
        });
        if in_group {
            Some(OomKill::Group)
        } else if self.host.as_ref().is_some_and(rose) {
            Some(OomKill::Host)
        } else {
            None
        }
    }
}

impl Counter {
    fn rose_around_death(&self, alive_at: BootTime, now: BootTime) -> bool {
        self.rose.is_some_and(|(after, by)| {
            let is_lately = now.since(by) <= DIES_WITHIN;
            // What was counted before the process was there did not kill it.
            is_lately && by.since(after) <= READ_EVERY_MAX && by > alive_at
        })
    }
}

/// Takes a reading in; where there is none, what was read before says nothing any more.
fn note(counter: &mut Option<Counter>, count: Option<u64>, now: BootTime) {
    let before = counter.take();
    *counter = count.map(|count| {
        let rose = before.and_then(|before| {
            let rises = count > before.count;
            if rises {
                Some((before.read_at, now))
            } else {
                before.rose
            }
        });
        Counter {
            count,
            read_at: now,
            rose,
        }
    });
}

/// The value of `oom_kill` in a file of names and values, one to a line.
fn oom_kills(path: &Path) -> Option<u64> {
    let counters = fs::read_to_string(path).ok()?;
    let count = counters
        .lines()
        .find_map(|line| line.strip_prefix("oom_kill "))?;
    count.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// A host with one process, 42, whose group is `/app.slice`.
    struct Host {
        folder: TempDir,
        counters: OomCounters,
    }

    impl Host {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let proc = folder.path().join("proc");
            let group = folder.path().join("cgroup/app.slice");
            fs::create_dir_all(proc.join("42")).unwrap();
            fs::create_dir_all(&group).unwrap();
            fs::write(proc.join("42/cgroup"), "4:memory:/x\n0::/app.slice\n").unwrap();
            let counters = OomCounters::at(proc, folder.path().join("cgroup"));
            let mut host = Self { folder, counters };
            host.count(1, 0);
            host.read(0);
            host
        }

        fn count(&self, host: u64, group: u64) {
            let vmstat = format!("pgfault 9\noom_kill {host}\nnr_x 3\n");
            fs::write(self.folder.path().join("proc/vmstat"), vmstat).unwrap();
            let events = format!("low 0\noom {group}\noom_kill {group}\noom_group_kill 0\n");
            fs::write(self.group(), events).unwrap();
        }

        fn group(&self) -> PathBuf {
            self.folder.path().join("cgroup/app.slice/memory.events")
        }

        fn read(&mut self, at: u64) {
            let group = self.group();
            self.counters
                .read(&BTreeSet::from([group.as_path()]), after(at));
        }

        fn judge(&mut self, alive_at: u64, now: u64) -> Option<OomKill> {
            let group = self.counters.group_of(42);
            assert_eq!(group, Some(self.group()));
            self.counters
                .judge(group.as_deref(), after(alive_at), after(now))
        }
    }

    fn after(seconds: u64) -> BootTime {
        BootTime::after_boot(Duration::from_secs(seconds))
    }

    #[test]
    fn a_kill_in_the_group_says_more_than_one_on_the_host() {
        let mut host = Host::new();
        host.count(2, 0);
        assert_eq!(host.judge(0, 5), Some(OomKill::Host));
        host.count(3, 1);
        assert_eq!(host.judge(0, 5), Some(OomKill::Group));
    }

    #[test]
    fn counters_that_stand_still_say_nothing() {
        let mut host = Host::new();
        assert_eq!(host.judge(0, 5), None);
    }

    #[test]
    fn a_kill_that_a_reading_saw_still_counts_for_a_death_that_takes_its_time() {
        let mut host = Host::new();
        host.count(2, 1);
        host.read(5);
        host.read(6);
        assert_eq!(host.judge(0, 9), Some(OomKill::Group));
        assert_eq!(host.judge(0, 16), None);
    }

    #[test]
    fn a_kill_before_the_process_was_there_is_not_its_own() {
        let mut host = Host::new();
        host.count(2, 1);
        host.read(5);
        assert_eq!(host.judge(6, 9), None);
    }

    #[test]
    fn a_rise_since_long_ago_says_nothing_of_the_present() {
        let mut host = Host::new();
        host.count(2, 1);
        assert_eq!(host.judge(0, 61), None);
    }

    #[test]
    fn what_was_never_read_before_cannot_have_risen() {
        let mut host = Host::new();
        host.counters = OomCounters::at(
            host.folder.path().join("proc"),
            host.folder.path().join("cgroup"),
        );
        host.count(7, 3);
        assert_eq!(host.judge(0, 5), None);
    }

    #[test]
    fn without_a_group_of_its_own_there_is_the_hosts_word() {
        let mut host = Host::new();
        fs::remove_file(host.group()).unwrap();
        fs::write(host.folder.path().join("proc/vmstat"), "oom_kill 2\n").unwrap();
        assert_eq!(host.judge(0, 5), Some(OomKill::Host));
        assert_eq!(host.counters.group_of(43), None);
    }
}
