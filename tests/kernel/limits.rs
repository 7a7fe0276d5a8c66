//! The limit of open files.

use std::{
    collections::BTreeSet,
    env, fs,
    process::{Child, Command, Stdio},
};

use rustix::process::{Resource, getrlimit};
use supervigil::{
    kernel::{Limits, Report, WhyNot, raise_fd_limit},
    model::PidNews,
};

use crate::rig::{Rig, killed};

/// The limit under which the test runs, in a process of its own: it holds for a whole process.
const FILES: u64 = 96;
/// How many of them the feed leaves alone.
const KEPT_FREE: usize = 24;
/// More processes than the rest has room for.
const CHILDREN: usize = 90;

#[test]
fn the_soft_limit_of_open_files_becomes_the_hard_one() {
    let raised = raise_fd_limit().unwrap();
    let limit = getrlimit(Resource::Nofile);
    assert_eq!((limit.current, limit.maximum), (raised, raised));
}

#[test]
fn the_limit_of_open_files_is_told_once_and_room_is_left() {
    if getrlimit(Resource::Nofile).current == Some(FILES) {
        return with_few_files();
    }
    let script = format!(
        "ulimit -n {FILES} && exec \"$0\" --exact --test-threads 1 \
         limits::the_limit_of_open_files_is_told_once_and_room_is_left"
    );
    let output = Command::new("sh")
        .args(["-c", &script])
        .arg(env::current_exe().unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}

fn with_few_files() {
    let limits = Limits {
        files_kept_free: KEPT_FREE.try_into().unwrap(),
        ..Limits::default()
    };
    let mut children: Vec<_> = (0..CHILDREN).map(|_| sleeper()).collect();
    let mut pids: Vec<_> = children.iter().map(|child| (child.id(), "es")).collect();
    let mut rig = Rig::new(limits);
    rig.look(&pids);
    rig.expect(&Report::Up);
    let watched = watched_until_full(&mut rig);
    assert!(!watched.is_empty() && watched.len() < CHILDREN);
    let others: Result<Vec<_>, _> = (0..KEPT_FREE)
        .map(|_| fs::File::open("/dev/null"))
        .collect();
    drop(others.unwrap());
    // It goes on being full without a word.
    rig.look(&pids);
    let first = children
        .iter_mut()
        .find(|child| watched.contains(&child.id()))
        .unwrap();
    let pid = first.id();
    first.kill().unwrap();
    first.wait().unwrap();
    rig.expect_news(pid, "es", &[PidNews::Dead, killed(9)]);
    // There is room for another one.
    pids.retain(|(shown, _)| *shown != pid);
    rig.look(&pids);
    let Report::Pid { pid, news, .. } = rig.next() else {
        panic!("nothing more is watched");
    };
    assert!(news == PidNews::Watched && !watched.contains(&pid));
    for mut child in children {
        drop(child.kill());
        child.wait().unwrap();
    }
}

fn sleeper() -> Child {
    Command::new("sleep")
        .arg("1000")
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
}

/// The processes that are watched when it is said that there is no room.
fn watched_until_full(rig: &mut Rig) -> BTreeSet<u32> {
    let mut watched = BTreeSet::new();
    loop {
        match rig.next() {
            Report::Pid {
                pid,
                news: PidNews::Watched,
                ..
            } => watched.insert(pid),
            Report::Refused {
                why: WhyNot::TooManyFiles,
                ..
            } => return watched,
            report @ (Report::Up
            | Report::Down(_)
            | Report::Pid { .. }
            | Report::Refused { .. }) => {
                panic!("{report:?}")
            }
        };
    }
}
