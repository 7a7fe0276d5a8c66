//! Children of this process, which is the supervisord that the feed believes in.

use std::{
    collections::BTreeMap, fs, os::unix::process::ExitStatusExt as _, process::Child,
    time::Duration,
};

use supervigil::{
    kernel::{BootTime, Limits, Report, WhyNot, raise_fd_limit},
    model::{Exit, PidNews},
};

use crate::{
    rig::{Rig, exited, killed, let_go, news, refused, waits_then},
    support::wait::{PATIENCE, wait_until},
};

/// A feed that is up and watches one child.
fn watching(limits: Limits, script: &str) -> (Rig, Child, u32) {
    let mut rig = Rig::new(limits);
    let child = waits_then(script);
    let pid = child.id();
    rig.look(&[(pid, "es")]);
    rig.expect(&Report::Up);
    rig.expect_news(pid, "es", &[PidNews::Watched]);
    (rig, child, pid)
}

/// Whether this process has a pidfd of that process (`Pid:` in /proc/self/fdinfo).
fn has_pidfd_of(pid: u32) -> bool {
    let line = format!("Pid:\t{pid}\n");
    let files = fs::read_dir("/proc/self/fdinfo").unwrap();
    files
        .filter_map(|file| fs::read_to_string(file.ok()?.path()).ok())
        .any(|text| text.contains(&line))
}

#[test]
fn a_code_is_told() {
    let (mut rig, mut child, pid) = watching(Limits::default(), "exit 3");
    child.wait().unwrap();
    rig.expect_news(pid, "es", &[PidNews::Dead, exited(3)]);
}

#[test]
fn a_signal_is_told() {
    let (mut rig, mut child, pid) = watching(Limits::default(), "exit 0");
    child.kill().unwrap();
    child.wait().unwrap();
    rig.expect_news(pid, "es", &[PidNews::Dead, killed(9)]);
}

#[test]
fn a_core_dump_is_told_as_the_parent_sees_it() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "cd {} && ulimit -c unlimited; kill -SEGV $$",
        folder.path().display()
    );
    let (mut rig, mut child, pid) = watching(Limits::default(), &script);
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(11));
    let exit = Exit::Signal {
        number: 11,
        core_dumped: status.core_dumped(),
    };
    let ended = PidNews::Ended(Some(exit));
    rig.expect_news(pid, "es", &[PidNews::Dead, ended]);
}

#[test]
fn a_death_is_told_at_once_and_its_end_when_it_is_reaped() {
    let (mut rig, mut child, pid) = watching(Limits::default(), "exit 3");
    let_go(&mut child);
    rig.expect_news(pid, "es", &[PidNews::Dead]);
    rig.expect_silence(&[(pid, "es")]);
    child.wait().unwrap();
    rig.expect_news(pid, "es", &[exited(3)]);
    // A look that began before the end shows it still.
    rig.expect_silence(&[(pid, "es")]);
}

#[test]
fn a_dead_process_that_nobody_reaps_ends_nobody_knows_how() {
    let limits = Limits {
        reap_patience: Duration::from_millis(50),
        ..Limits::default()
    };
    let (mut rig, mut child, pid) = watching(limits, "exit 3");
    let_go(&mut child);
    rig.expect_news(pid, "es", &[PidNews::Dead, PidNews::Ended(None)]);
    // It is still there, and is no other process for that.
    rig.expect_silence(&[(pid, "es")]);
    child.wait().unwrap();
}

#[test]
fn a_zombie_that_is_first_seen_dead_is_told() {
    let mut rig = Rig::new(Limits::default());
    let mut child = waits_then("exit 4");
    let pid = child.id();
    let_go(&mut child);
    rig.look(&[(pid, "es")]);
    rig.expect(&Report::Up);
    rig.expect_news(pid, "es", &[PidNews::Watched, PidNews::Dead]);
    child.wait().unwrap();
    rig.expect_news(pid, "es", &[exited(4)]);
}

#[test]
fn a_kernel_that_does_not_tell_ends_a_process_at_once() {
    let limits = Limits {
        ask_for_exits: false,
        ..Limits::default()
    };
    let (mut rig, mut child, pid) = watching(limits, "exit 3");
    let_go(&mut child);
    rig.expect_news(pid, "es", &[PidNews::Dead, PidNews::Ended(None)]);
    child.wait().unwrap();
    rig.expect_silence(&[(pid, "es")]);
}

#[test]
fn the_end_is_told_when_a_successor_has_taken_the_place() {
    let (mut rig, mut child, pid) = watching(Limits::default(), "exit 3");
    let mut successor = waits_then("exit 5");
    let next = successor.id();
    rig.look(&[(next, "es")]);
    rig.expect_news(next, "es", &[PidNews::Watched]);
    child.wait().unwrap();
    rig.expect_news(pid, "es", &[PidNews::Dead, exited(3)]);
    successor.wait().unwrap();
    rig.expect_news(next, "es", &[PidNews::Dead, exited(5)]);
}

#[test]
fn a_process_that_looks_show_no_more_is_let_go_of() {
    let limits = Limits {
        kept_after: Duration::ZERO,
        ..Limits::default()
    };
    let (mut rig, mut child, pid) = watching(limits, "exit 3");
    rig.expect_silence(&[]);
    wait_until(PATIENCE, "its pidfd to be closed", || !has_pidfd_of(pid));
    child.wait().unwrap();
    rig.expect_silence(&[]);
    // Back in the set, it is only found to be gone.
    rig.look(&[(pid, "es")]);
    rig.expect(&refused(pid, "es", WhyNot::Gone));
}

#[test]
fn a_process_that_is_no_child_is_refused_once() {
    let mut rig = Rig::new(Limits::default());
    rig.look(&[(1, "init")]);
    rig.expect(&Report::Up);
    rig.expect(&refused(1, "init", WhyNot::NotItsChild));
    rig.expect_silence(&[(1, "init")]);
}

#[test]
fn a_process_younger_than_the_look_is_refused_until_a_later_look_shows_it() {
    let mut rig = Rig::new(Limits::default());
    let looked_at = BootTime::now();
    let mut child = waits_then("exit 3");
    let pid = child.id();
    rig.look_of(looked_at, &[(pid, "es")]);
    rig.expect(&Report::Up);
    rig.expect(&refused(pid, "es", WhyNot::Younger));
    rig.look(&[(pid, "es")]);
    rig.expect_news(pid, "es", &[PidNews::Watched]);
    child.wait().unwrap();
    rig.expect_news(pid, "es", &[PidNews::Dead, exited(3)]);
}

#[test]
fn a_process_that_is_gone_is_refused() {
    let mut rig = Rig::new(Limits::default());
    let mut child = waits_then("exit 3");
    child.wait().unwrap();
    rig.look(&[(child.id(), "es")]);
    rig.expect(&Report::Up);
    rig.expect(&refused(child.id(), "es", WhyNot::Gone));
}

#[test]
fn three_hundred_deaths_at_once_are_each_told_once() {
    raise_fd_limit().unwrap();
    let mut rig = Rig::new(Limits::default());
    let mut children: Vec<_> = (0..300)
        .map(|code| waits_then(&format!("exit {}", code % 256)))
        .collect();
    let pids: Vec<_> = children.iter().map(|child| (child.id(), "es")).collect();
    rig.look(&pids);
    rig.expect(&Report::Up);
    for _ in 0..300 {
        assert!(matches!(
            rig.next(),
            Report::Pid {
                news: PidNews::Watched,
                ..
            }
        ));
    }
    children.iter_mut().for_each(let_go);
    let mut said: BTreeMap<u32, Vec<Report>> = BTreeMap::new();
    for child in &mut children {
        child.wait().unwrap();
    }
    for _ in 0..600 {
        let report = rig.next();
        let Report::Pid { pid, .. } = report else {
            panic!("{report:?}");
        };
        said.entry(pid).or_default().push(report);
    }
    for (code, child) in children.iter().enumerate() {
        let pid = child.id();
        let code = i32::try_from(code % 256).unwrap();
        let expected = [PidNews::Dead, exited(code)].map(|one| news(pid, "es", one));
        assert_eq!(said[&pid], expected);
    }
    rig.expect_silence(&pids[..0]);
}
