//! `supervigil watch`.

use std::{
    io::{BufRead as _, BufReader, Lines},
    process::{Child, ChildStdout, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::stage::{keys, watched};
use crate::support::{
    leash::end,
    programs,
    supervisord::{Release, Supervisord},
};

crate::each_release!(it_prints_transitions_as_they_happen);

/// A running `watch`. It ends with this value.
struct Watch {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    _folder: tempfile::TempDir,
}

impl Watch {
    fn start(supervisord: &Supervisord) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("supervigil.toml");
        std::fs::write(&config, watched(supervisord, "main")).expect("a file");
        let mut child = Command::new(env!("CARGO_BIN_EXE_supervigil"))
            .arg("--config")
            .arg(config)
            .arg("watch")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        Self {
            child,
            lines,
            _folder: folder,
        }
    }

    /// The next transition of a program to a state.
    fn next(&mut self, program: &str, to: &str) -> Value {
        loop {
            let line = self.lines.next().expect("it goes on").expect("text");
            let transition: Value = serde_json::from_str(&line).expect("JSON in each line");
            if transition["name"] == program && transition["to"] == to {
                return transition;
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn it_prints_transitions_as_they_happen(release: Release) {
    let job = programs::exits(
        "job",
        3,
        0.6,
        &["startsecs=0", "autorestart=false", "autostart=false"],
    );
    let sections = [programs::healthy("web"), job].concat();
    let supervisord = Supervisord::start(release, &sections);
    supervisord.wait_for_state("web", "RUNNING");
    let mut watch = Watch::start(&supervisord);
    // It is there once it tells of something: before, there is nothing to wait for but that.
    let feeder = std::thread::scope(|scope| {
        let nudge = scope.spawn(|| {
            let mut rounds = 0;
            while rounds < 3 {
                supervisord.call("supervisor.stopProcess", &["web"]);
                crate::support::wait::let_pass(500);
                supervisord.call("supervisor.startProcess", &["web"]);
                crate::support::wait::let_pass(500);
                rounds += 1;
            }
        });
        let stop = watch.next("web", "STOPPED");
        nudge.join().expect("it ends");
        stop
    });
    assert_eq!(feeder["cause"], "operator");
    let mut wanted = vec![
        "time",
        "server",
        "group",
        "name",
        "from",
        "to",
        "pid",
        "uptime_seconds",
        "exit",
        "expected",
        "cause",
        "seen_by",
        "spawn_error",
    ];
    wanted.sort_unstable();
    assert_eq!(keys(&feeder), wanted);

    supervisord.call("supervisor.startProcess", &["job"]);
    let death = watch.next("job", "EXITED");
    assert_eq!(death["from"], "RUNNING");
    assert_eq!(death["exit"], json!({"code": 3}));
    assert_eq!(
        (&death["expected"], &death["cause"]),
        (&json!(false), &json!("crash"))
    );
    assert_eq!(
        (&death["server"], &death["group"]),
        (&json!("main"), &json!("job"))
    );
    let time = death["time"].as_str().unwrap_or_default();
    assert!(
        time.parse::<jiff::Timestamp>().is_ok() && time.len() == 24,
        "{time}"
    );

    kill_process(Pid::from_child(&watch.child), Signal::INT).expect("it takes a signal");
    assert_eq!(watch.child.wait().expect("it ends").code(), Some(0));
}
