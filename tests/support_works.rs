//! What the tests stand on, tested: supervisords of every release start, obey, die and leave nobody
//! behind.

#![cfg(test)]

#[expect(dead_code, reason = "supervigil itself is driven by other tests")]
mod support;

use std::{fs, os::unix::fs::PermissionsExt as _};

use rustix::process::Signal;
use serde_json::{Value, json};
use support::{
    dingtalk::DingTalk,
    leash::carriers,
    programs,
    supervigil::free_port,
    supervisord::{Options, Release, Supervisord},
    wait::{PATIENCE, wait_until},
};

crate::each_release!(
    programs_behave_as_they_say,
    it_obeys_supervisorctl,
    it_can_be_killed_and_started_again,
    it_hangs_and_goes_on,
    it_leaves_nobody_behind,
    it_listens_as_it_is_told
);

fn programs_behave_as_they_say(release: Release) {
    let counter = tempfile::NamedTempFile::new().expect("a file");
    let supervisord = Supervisord::start(
        release,
        &[
            programs::healthy("web"),
            programs::fatal("broken"),
            programs::missing_binary("missing"),
            programs::exits("once", 0, 0.1, &["startsecs=0"]),
            programs::exits("failed", 7, 0.1, &["startsecs=0", "autorestart=false"]),
            programs::dies_by("killed", "SEGV", 0.1, &["startsecs=0", "autorestart=false"]),
            programs::writes_gbk("gbk", 3, 0.1, &["startsecs=0", "autorestart=false"]),
            programs::heals_at_start("heals", 2, counter.path()),
            programs::crash_loops("loops"),
            programs::stubborn("stubborn"),
        ]
        .concat(),
    );
    for (program, state) in [
        ("web", "RUNNING"),
        ("broken", "FATAL"),
        ("missing", "FATAL"),
        ("once", "EXITED"),
        ("failed", "EXITED"),
        ("killed", "EXITED"),
        ("gbk", "EXITED"),
        ("heals", "RUNNING"),
        ("stubborn", "RUNNING"),
    ] {
        supervisord.wait_for_state(program, state);
    }
    // It is EXITED for too short a time to be seen so by asking.
    wait_until(PATIENCE, "two deaths of loops", || {
        supervisord
            .log()
            .matches("exited: loops (exit status 1; not expected)")
            .count()
            >= 2
    });
    let log = supervisord.log();
    assert!(!log.contains("gave up: loops"), "{log}");
    assert!(
        log.contains("exited: failed (exit status 7; not expected)"),
        "{log}"
    );
    assert!(
        log.contains("exited: killed (terminated by SIGSEGV"),
        "{log}"
    );
    assert!(supervisord.ctl(&["stop", "stubborn"]).status.success());
    assert!(
        supervisord.log().contains("killing 'stubborn'"),
        "it did not ignore TERM"
    );
    let raw = fs::read_dir(supervisord.folder())
        .expect("its folder")
        .filter_map(|entry| fs::read(entry.ok()?.path()).ok())
        .any(|content| content.starts_with(b"\xd6\xd0\xce\xc4\n"));
    assert!(raw, "no log begins with Chinese in GBK");
}

fn it_obeys_supervisorctl(release: Release) {
    let supervisord = Supervisord::start(release, &programs::healthy("web"));
    supervisord.wait_for_state("web", "RUNNING");
    let output = supervisord.ctl(&["stop", "web"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(supervisord.state("web").as_deref(), Some("STOPPED"));
    supervisord.rewrite_config(&programs::healthy("other"));
    assert!(supervisord.ctl(&["update"]).status.success());
    supervisord.wait_for_state("other", "RUNNING");
    assert_eq!(supervisord.state("web"), None);
}

fn it_can_be_killed_and_started_again(release: Release) {
    let mut supervisord = Supervisord::start(release, &programs::healthy("web"));
    supervisord.wait_for_state("web", "RUNNING");
    let (itself, orphan) = (supervisord.pid(), supervisord.pid_of("web").expect("a pid"));
    supervisord.kill9();
    assert_eq!(supervisord.state("web"), None);
    assert!(
        is_alive(orphan),
        "a program outlives a supervisord that is killed"
    );
    supervisord.restart();
    supervisord.wait_for_state("web", "RUNNING");
    assert_ne!(supervisord.pid(), itself);
    assert_ne!(supervisord.pid_of("web"), Some(orphan));
}

fn it_hangs_and_goes_on(release: Release) {
    let supervisord = Supervisord::start(release, "");
    supervisord.signal(Signal::STOP);
    wait_until(PATIENCE, "it to be stopped", || {
        process_state(supervisord.pid()) == Some('T')
    });
    supervisord.signal(Signal::CONT);
    assert!(supervisord.call("supervisor.getPID", &[]).is_some());
}

fn it_leaves_nobody_behind(release: Release) {
    let sections = [
        programs::healthy("web"),
        programs::stubborn("stubborn"),
        programs::exits("loops", 1, 0.01, &["startsecs=0", "autorestart=true"]),
    ]
    .concat();
    let mut supervisord = Supervisord::start(release, &sections);
    supervisord.wait_for_state("stubborn", "RUNNING");
    supervisord.kill9();
    supervisord.restart();
    supervisord.wait_for_state("stubborn", "RUNNING");
    let (mark, folder) = (supervisord.mark(), supervisord.folder().to_owned());
    assert!(
        carriers(&mark) >= 5,
        "two of web, two of stubborn, supervisord"
    );
    drop(supervisord);
    assert_eq!(carriers(&mark), 0);
    assert!(!folder.exists());
}

fn it_listens_as_it_is_told(release: Release) {
    let port = free_port();
    let options = Options {
        chmod: "0770",
        inet: Some((port, "user", "secret")),
        settings: "identifier=elsewhere",
        clock: None,
    };
    let supervisord = Supervisord::start_with(release, options, "");
    let socket = fs::metadata(supervisord.socket()).expect("a socket");
    assert_eq!(socket.permissions().mode() & 0o777, 0o770);
    let url = format!("http://127.0.0.1:{port}");
    let status = |arguments: &[&str]| {
        let mut all = vec!["-s", &url];
        all.extend_from_slice(arguments);
        String::from_utf8_lossy(&supervisord.ctl(&all).stdout).into_owned()
    };
    let answer = status(&["-u", "user", "-p", "secret", "pid"]);
    assert_eq!(answer.trim(), supervisord.pid().to_string());
    let refused = status(&["-u", "user", "-p", "wrong", "pid"]);
    assert!(
        !refused.contains(&supervisord.pid().to_string()),
        "{refused}"
    );
    let identity = supervisord
        .call("supervisor.getIdentification", &[])
        .expect("an answer");
    assert!(identity.contains("elsewhere"), "{identity}");
}

#[test]
fn dingtalk_shows_what_it_takes_and_answers_as_told() {
    let dingtalk = DingTalk::start(&["--keyword", "ops"]);
    dingtalk.script(&json!([{"errcode": -1, "errmsg": "busy"}]));
    let post = |content: &str| {
        let body = json!({"msgtype": "text", "text": {"content": content}, "msgUuid": content});
        let answer = dingtalk.post(&body).body;
        serde_json::from_str::<Value>(&answer).expect("JSON")["errcode"].clone()
    };
    assert_eq!(post("ops: first"), -1);
    assert_eq!(post("ops: second"), 0);
    assert_eq!(post("no keyword"), 310_000);
    assert_eq!(dingtalk.wait_until_shown("second"), "ops: second");
    assert_eq!(dingtalk.shown(), ["ops: second"]);
    let messages = dingtalk.messages();
    let accepted: Vec<_> = messages.iter().map(|one| &one["accepted"]).collect();
    assert_eq!(accepted, [false, true, false]);
}

fn is_alive(pid: u32) -> bool {
    !matches!(process_state(pid), None | Some('Z'))
}

/// The letter of a process's state: `S`, `T` for stopped, `Z` for a zombie.
fn process_state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}
