//! The command itself, with the test at the other end of its pipes.

use std::{
    fs,
    io::{Read as _, Write as _},
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{
    peer::{self, Peer},
    support::{
        leash::end,
        wait::{PATIENCE, wait_for},
    },
};

const TWO: &str = "[[supervisord]]\nname = \"main\"\nurl = \"unix:///tmp/main.sock\"\n\
                   [[supervisord]]\nname = \"edge\"\nurl = \"http://127.0.0.1:9001\"\n";

/// What a supervisord would write.
const EVENTS: [&str; 3] = [
    "ver:3.0 server:s serial:3 pool:p poolserial:1 eventname:PROCESS_GROUP_ADDED len:12\ngroupname:g\n",
    "ver:3.0 server:s serial:3 pool:p poolserial:1 eventname:PROCESS_GROUP_ADDED len:12\ngroupname:g\n",
    "ver:3.0 server:s serial:9 pool:p poolserial:5 eventname:SUPERVISOR_STATE_CHANGE_STOPPING len:0\n",
];

struct Run {
    child: Child,
    _folder: TempDir,
}

/// What came of it.
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Run {
    fn start(config: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let folder = TempDir::with_prefix_in("sl", "/tmp").expect("a folder in /tmp");
        let path = folder.path().join("supervigil.toml");
        fs::write(&path, config).expect("a configuration file");
        let child = Command::new(env!("CARGO_BIN_EXE_supervigil"))
            .arg("--config")
            .arg(path)
            .arg("listen")
            .args(arguments)
            .env_remove("SUPERVISOR_ENABLED")
            .env_remove("SUPERVISOR_SERVER_URL")
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("supervigil runs");
        Self {
            child,
            _folder: folder,
        }
    }

    fn write(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().expect("a pipe");
        stdin.write_all(text.as_bytes()).expect("it listens");
    }

    /// Reads as much of its output as the text has, which must be the text.
    fn expect(&mut self, text: &str) {
        let mut read = vec![0; text.len()];
        let stdout = self.child.stdout.as_mut().expect("a pipe");
        stdout.read_exact(&mut read).expect("output");
        assert_eq!(String::from_utf8_lossy(&read), text);
    }

    /// Its end, and what it had yet to say.
    fn ended(mut self) -> Ended {
        let status = wait_for(PATIENCE, "supervigil listen to end", || {
            self.child.try_wait().expect("it can be reaped")
        });
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let out = self.child.stdout.as_mut().expect("a pipe");
        out.read_to_string(&mut stdout).expect("UTF-8");
        let err = self.child.stderr.as_mut().expect("a pipe");
        err.read_to_string(&mut stderr).expect("UTF-8");
        Ended {
            code: status.code(),
            stdout,
            stderr,
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn to(peer: &Peer) -> String {
    format!("[http]\nlisten = \"{}\"\n", peer.address())
}

const UNDER_SUPERVISORD: (&str, &str) = ("SUPERVISOR_ENABLED", "1");

#[test]
fn it_answers_each_event_and_tells_of_gaps_and_not_twice() {
    let peer = Peer::that_takes();
    let mut run = Run::start(&to(&peer), &[], &[UNDER_SUPERVISORD]);
    run.expect("READY\n");
    for event in EVENTS {
        run.write(event);
        run.expect("RESULT 2\nOKREADY\n");
    }
    let batches = peer.wait_for_events(2);
    let kinds: Vec<_> = peer::events(&batches)
        .iter()
        .map(|event| event["event"].clone())
        .collect();
    assert_eq!(kinds, ["groups_changed", "supervisord_stopping"]);
    assert!(batches.iter().all(|batch| batch["server"] == "main"));
    let lost = batches.iter().filter_map(|batch| batch["lost"].as_u64());
    assert_eq!(lost.sum::<u64>(), 3);
    drop(run.child.stdin.take());
    let ended = run.ended();
    assert_eq!(
        (ended.code, &*ended.stdout),
        (Some(0), ""),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("raise buffer_size"),
        "{}",
        ended.stderr
    );
}

#[test]
fn what_was_heard_last_is_posted_before_the_end() {
    let peer = Peer::that_takes();
    let mut run = Run::start(&to(&peer), &[], &[UNDER_SUPERVISORD]);
    run.expect("READY\n");
    run.write(EVENTS[2]);
    drop(run.child.stdin.take());
    assert_eq!(run.ended().code, Some(0));
    assert_eq!(peer.wait_for_events(1).len(), 1);
}

#[test]
fn a_signal_ends_it_in_order_even_while_the_daemon_hangs() {
    let peer = Peer::that_hangs();
    let mut run = Run::start(&to(&peer), &[], &[UNDER_SUPERVISORD]);
    run.expect("READY\n");
    run.write(EVENTS[0]);
    run.expect("RESULT 2\nOKREADY\n");
    kill_process(Pid::from_child(&run.child), Signal::TERM).expect("it takes a signal");
    let ended = run.ended();
    assert_eq!(ended.code, Some(0));
    assert!(
        ended
            .stderr
            .contains("1 events that the daemon did not take"),
        "{}",
        ended.stderr
    );
}

#[test]
fn by_hand_it_says_what_it_is_for() {
    let ended = Run::start("", &[], &[]).ended();
    assert_eq!((ended.code, &*ended.stdout), (Some(2), ""));
    assert!(
        ended.stderr.contains("[eventlistener:supervigil]"),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
}

#[test]
fn whose_events_they_are_is_found_out_or_asked_for() {
    let url = |url| ("SUPERVISOR_SERVER_URL", url);
    for (arguments, environment) in [
        (&["--server", "edge"][..], &[UNDER_SUPERVISORD][..]),
        (&[], &[UNDER_SUPERVISORD, url("http://127.0.0.1:9001")]),
    ] {
        let peer = Peer::that_takes();
        let mut run = Run::start(&format!("{TWO}{}", to(&peer)), arguments, environment);
        run.expect("READY\n");
        run.write(EVENTS[0]);
        assert_eq!(peer.wait_for_events(1)[0]["server"], "edge");
    }
    for (arguments, environment, word) in [
        (
            &["--server", "nobody"][..],
            &[UNDER_SUPERVISORD][..],
            "\"nobody\"",
        ),
        (&[], &[UNDER_SUPERVISORD], "--server"),
        (
            &[],
            &[UNDER_SUPERVISORD, url("unix:///tmp/other.sock")],
            "--server",
        ),
    ] {
        let ended = Run::start(TWO, arguments, environment).ended();
        assert_eq!((ended.code, &*ended.stdout), (Some(78), ""));
        assert!(ended.stderr.contains(word), "{}", ended.stderr);
        assert!(ended.stderr.contains("main, edge"), "{}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    }
}
