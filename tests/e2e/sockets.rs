//! A socket that leads to another supervisord, or to none.

use std::{fs, os::unix::fs::symlink};

use rustix::process::Signal;
use serde_json::json;

use super::stage::{Script, Stage};
use crate::support::{
    programs,
    supervisord::{Release, Supervisord},
    wait::{PATIENCE, wait_for, wait_until},
};

crate::each_release!(a_supervisord_that_takes_the_place_of_another_is_watched_instead);

/// The first one lives on, and would answer on a connection that was kept.
fn a_supervisord_that_takes_the_place_of_another_is_watched_instead(release: Release) {
    let kept = ["startsecs=0", "autorestart=true"];
    let sections = programs::program("web", "sleep", &kept);
    let [first, second] = [(); 2].map(|()| Supervisord::start(release, &sections));
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("s.sock");
    symlink(first.socket(), &socket).expect("a way to the first");
    let table = format!(
        "[[supervisord]]\nname = \"moved\"\nurl = \"unix://{}\"\npoll_interval = \"200ms\"\n\
         max_load = 1.0\n",
        socket.display()
    );
    let stage = Stage::set(Script {
        release,
        more: &table,
        ..Script::default()
    });
    let [old, new] = [&first, &second].map(|one| one.pid_of("web").expect("a live program"));
    wait_until_seen(&stage, old);

    let way = folder.path().join("way");
    symlink(second.socket(), &way).expect("a way to the second");
    fs::rename(way, &socket).expect("it takes the place of the first");
    wait_until_seen(&stage, new);
    for pid in [old, new] {
        kill(pid);
    }
    let end = wait_for(PATIENCE, "the end of the second's to be told", || {
        let all = stage.transitions("web");
        all.into_iter()
            .find(|one| one["pid"] == new && one["to"] == "EXITED")
    });
    assert_eq!(end["cause"], "crash", "{end}");
    assert_eq!(
        end["exit"],
        json!({"signal": "SIGKILL", "core_dumped": false})
    );
    stage.fence();
    let all = stage.transitions("web");
    let of_old: Vec<_> = all
        .iter()
        .filter(|one| one["pid"] == old && one["from"] == "RUNNING")
        .collect();
    assert_eq!(of_old.len(), 1, "{all:?}");
    assert_eq!(of_old[0]["cause"], "supervisord_restart", "{all:?}");
    assert_eq!(stage.incidents(), Vec::<serde_json::Value>::new());
}

/// A socket whose supervisord was killed stays behind, and nobody listens on it.
#[test]
fn a_socket_that_nobody_listens_on_is_said() {
    let mut stage = Stage::set(Script {
        alert: "unreachable_after = \"1s\"",
        ..Script::default()
    });
    stage.supervisord.kill9();
    assert!(stage.supervisord.socket().exists());
    let message = stage
        .dingtalk
        .wait_until_shown("supervisord does not answer: main");
    assert!(
        message.contains("nothing listens at") && message.contains("stale socket"),
        "{message}"
    );
    stage.supervisord.restart();
    stage.dingtalk.wait_until_shown("Recovered: main");
}

fn wait_until_seen(stage: &Stage, pid: u32) {
    wait_until(PATIENCE, "a process to be seen", || {
        let all = stage.supervigil.json("/api/v1/processes?name=web");
        all["processes"][0]["pid"] == pid
    });
}

fn kill(pid: u32) {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    rustix::process::kill_process(pid.expect("a live program"), Signal::KILL).expect("it is ours");
}
