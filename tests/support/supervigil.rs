//! supervigil itself, with a state folder and a port of its own.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output, Stdio, id},
    sync::atomic::{AtomicU16, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::{
    clock::Clock,
    http::{Answer, exchange},
    leash::{Leash, end},
    wait::{PATIENCE, wait_for, wait_until},
};

/// A running daemon. It ends with this value; where the test failed, its log is shown.
#[derive(Debug)]
pub(crate) struct Supervigil {
    port: u16,
    clock: Option<Clock>,
    child: Child,
    // Dropped before the folder, so that nobody writes into it any more.
    leash: Leash,
    folder: TempDir,
}

impl Supervigil {
    /// Starts `supervigil run` with a configuration, to which `[http] listen` and `[storage] path`
    /// are added unless it has those, and waits until HTTP answers.
    pub(crate) fn start(config: &str) -> Self {
        Self::start_by(None, config)
    }

    /// As [`Self::start`], by a clock of its own.
    pub(crate) fn start_by(clock: Option<Clock>, config: &str) -> Self {
        let mut started = Self::start_with(clock, config, None);
        started.wait_until_it_answers();
        started
    }

    /// One that kills itself at a step: `after_commit:3`, the third time that it comes there. It is not
    /// waited for.
    pub(crate) fn start_to_die_at(step: &str, config: &str) -> Self {
        Self::start_with(None, config, Some(step))
    }

    fn start_with(clock: Option<Clock>, config: &str, dies_at: Option<&str>) -> Self {
        let folder = TempDir::with_prefix_in("sg", "/tmp").expect("a folder in /tmp");
        let port = free_port();
        let leash = Leash::new();
        write_config(&folder, port, config);
        let child = spawn(&folder, clock.as_ref(), &leash, dies_at);
        Self {
            port,
            clock,
            child,
            leash,
            folder,
        }
    }

    /// Starts it again where it has ended, and says how it ended.
    pub(crate) fn revive(&mut self) -> Option<ExitStatus> {
        let ended = self.child.try_wait().expect("supervigil can be reaped")?;
        self.child = spawn(&self.folder, self.clock.as_ref(), &self.leash, None);
        Some(ended)
    }

    /// Its configuration file.
    pub(crate) fn config_path(&self) -> PathBuf {
        self.folder.path().join("supervigil.toml")
    }

    /// Its database.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("supervigil.db")
    }

    /// Its pid.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `HOST:PORT` of its HTTP server.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// GETs a path: status and body.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let answer = self
            .request("GET", path, &[])
            .expect("supervigil answers HTTP");
        (answer.status, answer.body)
    }

    /// Sends a request with headers and no body.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> std::io::Result<Answer> {
        let address = self.address();
        let stream = TcpStream::connect(&address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut all = vec![("Host", address.as_str())];
        all.extend_from_slice(headers);
        exchange(stream, method, path, &all, "")
    }

    /// GETs a path that answers 200 with JSON.
    pub(crate) fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "GET {path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("GET {path}: {error}: {body}"))
    }

    /// Waits until the JSON at a path has what is looked for.
    pub(crate) fn wait_for_json<T>(
        &self,
        path: &str,
        what: &str,
        mut find: impl FnMut(&Value) -> Option<T>,
    ) -> T {
        wait_for(PATIENCE, &format!("{what} at {path}"), || {
            find(&self.json(path))
        })
    }

    /// Waits for an open incident of a program (empty: of a supervisord itself).
    pub(crate) fn wait_for_incident(&self, name: &str, kind: &str) -> Value {
        let what = format!("an open incident {kind} of {name:?}");
        self.wait_for_json("/api/v1/incidents?open=true", &what, |answer| {
            let of_it = |one: &&Value| one["name"] == name && one["kind"] == kind;
            answer["incidents"].as_array()?.iter().find(of_it).cloned()
        })
    }

    /// Runs another command of supervigil with the same configuration.
    pub(crate) fn command(&self, arguments: &[&str]) -> Output {
        let mut all = vec![
            "--config".to_owned(),
            self.config_path().display().to_string(),
        ];
        all.extend(arguments.iter().map(|text| (*text).to_owned()));
        command(&all)
    }

    /// Everything that it logged so far, over restarts too.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Ends it in order (SIGTERM): how it ended, and how long that took.
    pub(crate) fn terminate(&mut self) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        self.signal(Signal::TERM);
        let status = wait_for(PATIENCE, "supervigil to end after SIGTERM", || {
            self.child.try_wait().expect("supervigil can be reaped")
        });
        (status, begun.elapsed())
    }

    /// Kills it at once.
    pub(crate) fn kill9(&mut self) {
        self.child.kill().expect("supervigil can be killed");
        self.child.wait().expect("supervigil can be reaped");
    }

    /// Makes it read its configuration again (SIGHUP).
    pub(crate) fn hup(&self) {
        self.signal(Signal::HUP);
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("supervigil takes a signal");
    }

    /// Gives it another configuration, for SIGHUP or a restart to find.
    pub(crate) fn rewrite_config(&self, config: &str) {
        write_config(&self.folder, self.port, config);
    }

    /// Starts it again, after it ended, with the same state, configuration and port.
    pub(crate) fn start_again(&mut self) {
        self.child = spawn(&self.folder, self.clock.as_ref(), &self.leash, None);
        self.wait_until_it_answers();
    }

    fn wait_until_it_answers(&mut self) {
        wait_until(PATIENCE, "supervigil to answer HTTP", || {
            if let Some(status) = self.child.try_wait().expect("supervigil can be reaped") {
                panic!("supervigil ended with {status} before it answered");
            }
            self.request("GET", "/-/healthy", &[]).is_ok()
        });
    }
}

impl Drop for Supervigil {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- supervigil's log\n{}---", self.log());
        }
        end(&mut self.child);
    }
}

/// Runs supervigil with arguments to its end.
pub(crate) fn command(arguments: &[String]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_supervigil"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("supervigil runs")
}

/// A port of 127.0.0.1 that nobody listens on. Below those that the kernel gives to outgoing
/// connections (32768 and up), or one of these could take it meanwhile; test processes begin at
/// different places, so that two hardly ever look at the same one.
pub(crate) fn free_port() -> u16 {
    const FIRST: u32 = 20_000;
    const COUNT: u32 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    (0..COUNT)
        .find_map(|_| {
            let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
            let port = FIRST + (id().wrapping_mul(131) + step) % COUNT;
            let port = u16::try_from(port).ok()?;
            TcpListener::bind((Ipv4Addr::LOCALHOST, port))
                .ok()
                .map(|_| port)
        })
        .expect("a free port")
}

fn spawn(folder: &TempDir, clock: Option<&Clock>, leash: &Leash, dies_at: Option<&str>) -> Child {
    let log = fs::File::options()
        .create(true)
        .append(true)
        .open(folder.path().join("log"))
        .expect("a file for its log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_supervigil"));
    command
        .arg("--config")
        .arg(folder.path().join("supervigil.toml"))
        .arg("run")
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a second handle"))
        .stderr(log);
    if let Some(clock) = clock {
        clock.rule(&mut command);
    }
    if let Some(step) = dies_at {
        command.env("SUPERVIGIL_DIES_AT", step);
    }
    leash.on(&mut command).spawn().expect("supervigil starts")
}

fn write_config(folder: &TempDir, port: u16, config: &str) {
    let http = format!("[http]\nlisten = \"127.0.0.1:{port}\"\n");
    let database = folder.path().join("supervigil.db");
    let storage = format!("[storage]\npath = \"{}\"\n", database.display());
    let mut whole = format!("{config}\n");
    if config.contains("[http]\n") && !config.contains("listen = ") {
        whole = whole.replace("[http]\n", &http);
    }
    for table in [http, storage] {
        let name = table.lines().next().unwrap_or_default();
        if !config.contains(name) {
            whole.push_str(&table);
        }
    }
    fs::write(folder.path().join("supervigil.toml"), whole).expect("a configuration file");
}
