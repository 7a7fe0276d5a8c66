//! `supervigil watch`.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::stage::{keys, watched};
use crate::support::{
    leash::end,
    programs,
    supervisord::{Release, Supervisord},
    wait::PATIENCE,
};

/// How long a transition that `watch` sees may take to be printed: many polls.
const SOON: Duration = Duration::from_secs(2);

crate::each_release!(it_prints_transitions_as_they_happen);

/// A running `watch`. It ends with this value.
struct Watch {
    child: Child,
    lines: Receiver<String>,
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
        let output = BufReader::new(child.stdout.take().expect("its output")).lines();
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            output
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Self {
            child,
            lines,
            _folder: folder,
        }
    }

    /// The next transition of a program to a state; none where nothing was printed for so long.
    fn next_within(&self, deadline: Duration, program: &str, to: &str) -> Option<Value> {
        loop {
            let line = self.lines.recv_timeout(deadline).ok()?;
            let transition: Value = serde_json::from_str(&line).expect("JSON in each line");
            if transition["name"] == program && transition["to"] == to {
                return Some(transition);
            }
        }
    }

    /// The first transition of a program to STOPPED, which is stopped until `watch` has seen it: what
    /// is stopped before its first look is no transition.
    fn first_stop(&self, supervisord: &Supervisord, program: &str) -> Value {
        loop {
            supervisord.call("supervisor.stopProcess", &[program]);
            if let Some(stop) = self.next_within(SOON, program, "STOPPED") {
                return stop;
            }
            supervisord.call("supervisor.startProcess", &[program]);
            supervisord.wait_for_state(program, "RUNNING");
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
    let stop = watch.first_stop(&supervisord, "web");
    assert_eq!(stop["cause"], "operator");
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
    assert_eq!(keys(&stop), wanted);

    supervisord.call("supervisor.startProcess", &["job"]);
    let death = watch.next_within(PATIENCE, "job", "EXITED");
    let death = death.expect("the death is printed");
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
