//! A supervisord, a supervigil that watches it, and the DingTalk that it tells.

#![expect(
    clippy::disallowed_types,
    reason = "how long an answer takes is measured by the real clock"
)]

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    sync::mpsc::Sender,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::{
    clock::Clock,
    dingtalk::DingTalk,
    programs,
    supervigil::Supervigil,
    supervisord::{Options, Release, Supervisord},
    wait::{PATIENCE, wait_until},
};

/// The secret that the stand-in checks signatures with.
pub(crate) const SECRET: &str = "SECf00dfacefeed";

/// The program of [`Stage::fence`].
const FENCE: &str = "fence";

/// What differs from test to test.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Script<'a> {
    /// The supervisord.
    pub(crate) release: Release,
    /// Its programs.
    pub(crate) programs: &'a str,
    /// Its port, and the name and password that it asks for there; it is watched by that way then.
    pub(crate) inet: Option<(u16, &'static str, &'static str)>,
    /// More lines of its `[supervisord]`.
    pub(crate) settings: &'static str,
    /// More lines of `[[supervisord]]`.
    pub(crate) supervisord: &'a str,
    /// More lines of `[alert]`.
    pub(crate) alert: &'a str,
    /// More lines of `[[dingtalk]]`.
    pub(crate) dingtalk: &'a str,
    /// More tables.
    pub(crate) more: &'a str,
    /// More arguments of the stand-in.
    pub(crate) arguments: &'a [&'a str],
    /// The clocks of the supervisord and of supervigil; none: the host's.
    pub(crate) clocks: [Option<&'a Clock>; 2],
}

impl Default for Script<'_> {
    fn default() -> Self {
        Self {
            release: Release::V430,
            programs: "",
            inet: None,
            settings: "",
            supervisord: "",
            alert: "",
            dingtalk: "",
            more: "",
            arguments: &[],
            clocks: [None, None],
        }
    }
}

/// Everybody on it. supervigil has seen the supervisord once when it begins.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) supervigil: Supervigil,
    pub(crate) dingtalk: DingTalk,
    pub(crate) supervisord: Supervisord,
}

impl Stage {
    /// Sets everything up and waits for the first look.
    pub(crate) fn set(script: Script<'_>) -> Self {
        let sections = format!("{}{}", script.programs, on_demand(FENCE, "exit 1 0", &[]));
        let [clock, own_clock] = script.clocks.map(Option::<&Clock>::cloned);
        let options = Options {
            inet: script.inet,
            settings: script.settings,
            clock,
            ..Options::default()
        };
        let supervisord = Supervisord::start_with(script.release, options, &sections);
        let mut arguments = vec!["--secret", SECRET, "--limit", "0"];
        arguments.extend_from_slice(script.arguments);
        let dingtalk = DingTalk::start(&arguments);
        let config = config(&supervisord, &dingtalk, script);
        let supervigil = Supervigil::start_by(own_clock, &config);
        let stage = Self {
            supervigil,
            dingtalk,
            supervisord,
        };
        stage.wait_until_ready();
        stage
    }

    /// Waits until the supervisord has answered.
    pub(crate) fn wait_until_ready(&self) {
        wait_until(PATIENCE, "supervigil to be ready", || {
            self.supervigil.get("/-/ready").0 == 200
        });
    }

    /// Starts a program as an operator does; a failure shows in the program's state.
    pub(crate) fn start(&self, program: &str) {
        self.supervisord.call("supervisor.startProcess", &[program]);
    }

    /// Sends a signal to a program's process.
    pub(crate) fn kill(&self, program: &str, signal: rustix::process::Signal) {
        let pid = self.supervisord.pid_of(program).expect("a known program");
        let pid = i32::try_from(pid)
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.expect("a live program"), signal).expect("it is ours");
    }

    /// Runs supervisorctl, which must succeed.
    pub(crate) fn ctl(&self, arguments: &[&str]) {
        let output = self.supervisord.ctl(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }

    /// Makes a program fail and waits until that is told: whatever was to be concluded or told
    /// before is by then.
    pub(crate) fn fence(&self) {
        self.start(FENCE);
        self.dingtalk.wait_until_shown(&format!("FATAL: {FENCE}"));
    }

    /// All incidents that there ever were, the fence's left out.
    pub(crate) fn incidents(&self) -> Vec<Value> {
        let all = self.supervigil.json("/api/v1/incidents?limit=1000");
        let all = all["incidents"].as_array().expect("a list");
        all.iter()
            .filter(|one| one["name"] != FENCE)
            .cloned()
            .collect()
    }

    /// The transitions of a program, newest first.
    pub(crate) fn transitions(&self, program: &str) -> Vec<Value> {
        let all = self.supervigil.json("/api/v1/transitions?limit=1000");
        let all = all["transitions"].as_array().expect("a list");
        all.iter()
            .filter(|one| one["name"] == program)
            .cloned()
            .collect()
    }

    /// Waits until supervigil shows a program in a state.
    pub(crate) fn wait_for_state(&self, program: &str, state: &str) {
        let what = format!("{program} in {state}");
        self.supervigil
            .wait_for_json("/api/v1/processes", &what, |answer| {
                let all = answer["processes"].as_array()?;
                all.iter()
                    .any(|one| one["name"] == program && one["state"] == state)
                    .then_some(())
            });
    }

    /// Waits for a transition of a program and returns it.
    pub(crate) fn wait_for_transition(
        &self,
        program: &str,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let what = format!("{program} to {what}");
        crate::support::wait::wait_for(PATIENCE, &what, || {
            self.transitions(program)
                .into_iter()
                .find(|one| wanted(one))
        })
    }

    /// Waits until a program's latest incident has ended in a way and returns it.
    pub(crate) fn wait_until_closed(&self, program: &str, outcome: &str) -> Value {
        let what = format!("an incident of {program} closed as {outcome}");
        self.supervigil
            .wait_for_json("/api/v1/incidents?open=false", &what, |answer| {
                let all = answer["incidents"].as_array()?;
                let of_it = |one: &&Value| one["name"] == program && one["outcome"] == outcome;
                all.iter().find(of_it).cloned()
            })
    }

    /// How many messages people saw that contain a text.
    pub(crate) fn shown_with(&self, text: &str) -> usize {
        let shown = self.dingtalk.shown();
        shown
            .iter()
            .filter(|message| message.contains(text))
            .count()
    }

    /// The value of one series of /metrics, by its name with all labels.
    pub(crate) fn metric(&self, series: &str) -> Option<f64> {
        metric(&self.supervigil, series)
    }

    /// The status of a path, and how long it took to answer.
    pub(crate) fn timed(&self, path: &str) -> (u16, Duration) {
        let begun = Instant::now();
        let (status, _) = self.supervigil.get(path);
        (status, begun.elapsed())
    }

    /// How many times supervisord spawned a program.
    pub(crate) fn spawns(&self, program: &str) -> usize {
        let line = format!("spawned: '{program}' with pid");
        self.supervisord.log().matches(&line).count()
    }
}

/// The value of one series of a supervigil's /metrics; the order of its labels does not matter.
pub(crate) fn metric(supervigil: &Supervigil, series: &str) -> Option<f64> {
    let (status, text) = supervigil.get("/metrics");
    assert_eq!(status, 200, "{text}");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let (_, value) = lines
        .filter_map(|line| line.rsplit_once(' '))
        .find(|(name, _)| in_order(name) == in_order(series))?;
    value.parse().ok()
}

/// A series' name and its labels, sorted.
fn in_order(series: &str) -> (&str, Vec<&str>) {
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let mut labels: Vec<_> = labels.trim_end_matches('}').split(',').collect();
    labels.sort_unstable();
    (name, labels)
}

/// The configuration that goes with a script.
pub(crate) fn config(supervisord: &Supervisord, dingtalk: &DingTalk, script: Script<'_>) -> String {
    let dingtalk = dingtalk.table(
        "ops",
        &format!(
            "secret = \"{SECRET}\"\nmax_per_minute = 20\n{}",
            script.dingtalk
        ),
    );
    let mut watched = watched(supervisord, "main");
    if let Some((port, user, password)) = script.inet {
        let address = format!("http://127.0.0.1:{port}");
        watched = watched.replace(&supervisord.url(), &address);
        write!(
            watched,
            "username = \"{user}\"\npassword = \"{password}\"\n"
        )
        .expect("a string");
    }
    format!(
        "{watched}{}\n{}\n{dingtalk}\n{}",
        script.supervisord,
        alert(script.alert),
        script.more
    )
}

/// `[[supervisord]]` that is polled at a pace that suits tests, whatever that costs.
pub(crate) fn watched(supervisord: &Supervisord, name: &str) -> String {
    format!("{}max_load = 1.0\n", supervisord.table(name))
}

/// `[alert]` with short waits, in English, unless `lines` say otherwise.
pub(crate) fn alert(lines: &str) -> String {
    let mut table = "[alert]\n".to_owned();
    for (key, value) in [
        ("language", "en"),
        ("group_wait", "100ms"),
        ("group_interval", "100ms"),
        ("resolve_after", "1s"),
    ] {
        if !lines.lines().any(|line| line.starts_with(key)) {
            table.extend([key, " = \"", value, "\"\n"]);
        }
    }
    table + lines
}

/// A program that runs when somebody starts it, and then behaves as the words say. supervisord gives
/// it up after one failure.
pub(crate) fn on_demand(name: &str, behaviour: &str, settings: &[&str]) -> String {
    let mut all = vec!["autostart=false", "startsecs=1", "startretries=0"];
    all.extend_from_slice(settings);
    programs::program(name, behaviour, &all)
}

/// This host, as messages name it.
pub(crate) fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
    name.trim().to_owned()
}

/// The names of a JSON object's members, sorted.
pub(crate) fn keys(object: &Value) -> Vec<&str> {
    object
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect()
}

/// Takes POSTs one after another with 200, and hands their bodies on.
pub(crate) fn take_posts(listener: &TcpListener, bodies: &Sender<String>) {
    for stream in listener.incoming() {
        let mut reader = BufReader::new(stream.expect("a connection"));
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) <= 2 {
                break;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("the whole body");
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        reader.get_mut().write_all(answer).expect("it listens");
        if bodies
            .send(String::from_utf8_lossy(&body).into_owned())
            .is_err()
        {
            return;
        }
    }
}
