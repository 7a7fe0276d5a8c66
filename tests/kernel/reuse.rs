//! A pid that another process takes over.

use std::{env, fs, process::Child};

use rustix::process::geteuid;
use supervigil::{
    kernel::{BootTime, Limits, Report, WhyNot},
    model::PidNews,
};

use crate::{
    rig::{Rig, exited, refused, waits_then},
    support::wait::{PATIENCE, wait_for},
};

/// Where root says which pid was given out last.
const LAST_PID: &str = "/proc/sys/kernel/ns_last_pid";

/// Whether pids can be chosen; in CI the tests run as root.
fn can_choose() -> bool {
    geteuid().is_root() || env::var_os("CI").is_some_and(|value| value == "true")
}

/// A child with that very pid, which nobody has.
fn child_as(pid: u32, script: &str) -> Child {
    wait_for(PATIENCE, "a pid to be given out again", || {
        fs::write(LAST_PID, (pid - 1).to_string()).unwrap();
        let mut child = waits_then(script);
        if child.id() == pid {
            return Some(child);
        }
        // Somebody else on this host was quicker.
        child.wait().unwrap();
        None
    })
}

#[test]
fn a_pid_taken_over_after_the_look_is_refused() {
    if !can_choose() {
        return;
    }
    let mut rig = Rig::new(Limits::default());
    let mut first = waits_then("exit 3");
    let pid = first.id();
    let looked_at = BootTime::now();
    first.wait().unwrap();
    let mut second = child_as(pid, "exit 5");
    rig.look_of(looked_at, &[(pid, "es")]);
    rig.expect(&Report::Up);
    rig.expect(&refused(pid, "es", WhyNot::Younger));
    second.wait().unwrap();
    rig.expect_silence(&[]);
}

#[test]
fn a_pid_taken_over_while_it_is_watched_ends_and_is_watched_anew() {
    if !can_choose() {
        return;
    }
    let mut rig = Rig::new(Limits::default());
    let mut first = waits_then("exit 3");
    let pid = first.id();
    rig.look(&[(pid, "es")]);
    rig.expect(&Report::Up);
    rig.expect_news(pid, "es", &[PidNews::Watched]);
    let looked_at = BootTime::now();
    first.wait().unwrap();
    let mut second = child_as(pid, "exit 5");
    // The look that showed the first one arrives late.
    rig.look_of(looked_at, &[(pid, "es")]);
    rig.expect_news(pid, "es", &[PidNews::Dead, exited(3)]);
    rig.expect(&refused(pid, "es", WhyNot::Younger));
    rig.look(&[(pid, "other")]);
    rig.expect_news(pid, "other", &[PidNews::Watched]);
    second.wait().unwrap();
    rig.expect_news(pid, "other", &[PidNews::Dead, exited(5)]);
}
