//! Real supervisords, each in a folder of its own.

use std::{
    env, fs,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{
    clock::Clock,
    http::{Answer, exchange},
    leash::{Leash, end},
    wait::{PATIENCE, wait_until},
};

/// The supervisords that are tested against; `tests/setup` sets them up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Release {
    /// 4.2.5, by pip.
    V425,
    /// 4.3.0, by pip.
    V430,
    /// Debian's own.
    Debian,
}

impl Release {
    /// Whether tests on it are to run: Debian's is left out where it is not installed, but not in CI.
    pub(crate) fn is_wanted(self) -> bool {
        let in_ci = env::var_os("CI").is_some_and(|value| value == "true");
        self != Self::Debian || in_ci || self.programs().join("supervisord").exists()
    }

    /// The folder of `supervisord` and `supervisorctl`.
    pub(crate) fn programs(self) -> PathBuf {
        let venvs = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venvs");
        match self {
            Self::V425 => venvs.join("supervisor-4.2.5/bin"),
            Self::V430 => venvs.join("supervisor-4.3.0/bin"),
            Self::Debian => PathBuf::from("/usr/bin"),
        }
    }

    fn program(self, name: &str) -> PathBuf {
        let program = self.programs().join(name);
        assert!(
            program.exists(),
            "{} is not there: run tests/setup",
            program.display()
        );
        program
    }
}

/// How a supervisord is to be started.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// The permissions of its socket.
    pub(crate) chmod: &'static str,
    /// The port of `[inet_http_server]`, its user's name and password (empty: it asks for none).
    pub(crate) inet: Option<(u16, &'static str, &'static str)>,
    /// More lines for `[supervisord]`.
    pub(crate) settings: &'static str,
    /// The clock that it lives by, and its programs; none: the host's.
    pub(crate) clock: Option<Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            chmod: "0700",
            inet: None,
            settings: "",
            clock: None,
        }
    }
}

/// A running supervisord. It and all of its programs end with this value.
#[derive(Debug)]
pub(crate) struct Supervisord {
    release: Release,
    options: Options,
    child: Child,
    // Dropped before the folder, so that nobody writes into it any more.
    leash: Leash,
    folder: TempDir,
}

impl Supervisord {
    /// Starts one with the sections of its programs and waits until it answers.
    pub(crate) fn start(release: Release, sections: &str) -> Self {
        Self::start_with(release, Options::default(), sections)
    }

    /// As [`Self::start`], with options.
    pub(crate) fn start_with(release: Release, options: Options, sections: &str) -> Self {
        // A socket's path has at most 107 bytes, and a TMPDIR may be long.
        let folder = TempDir::with_prefix_in("sv", "/tmp").expect("a folder in /tmp");
        write_config(folder.path(), &options, sections);
        let leash = Leash::new();
        let child = spawn(release, folder.path(), &options, &leash);
        let mut started = Self {
            release,
            options,
            child,
            leash,
            folder,
        };
        started.wait_until_it_answers();
        started
    }

    /// Its unix socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("s.sock")
    }

    /// The socket as supervigil's configuration names it.
    pub(crate) fn url(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// `[[supervisord]]` for supervigil's configuration, polling at an interval that suits tests.
    pub(crate) fn table(&self, name: &str) -> String {
        let url = self.url();
        format!("[[supervisord]]\nname = \"{name}\"\nurl = \"{url}\"\npoll_interval = \"200ms\"\n")
    }

    /// Its folder: sockets, logs, and room for the files of a test.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its own pid.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The mark that all of its processes carry in their environment.
    pub(crate) fn mark(&self) -> String {
        self.leash.mark()
    }

    /// Runs its supervisorctl.
    pub(crate) fn ctl(&self, arguments: &[&str]) -> Output {
        Command::new(self.release.program("supervisorctl"))
            .arg("-c")
            .arg(self.folder.path().join("c.conf"))
            .args(arguments)
            .output()
            .expect("supervisorctl runs")
    }

    /// Calls an XML-RPC method with strings and returns the XML of the answer; none when it cannot
    /// be reached or does not answer 200.
    pub(crate) fn call(&self, method: &str, arguments: &[&str]) -> Option<String> {
        let request = arguments.iter().fold(
            format!("<methodCall><methodName>{method}</methodName><params>"),
            |request, text| request + "<param><value>" + text + "</value></param>",
        ) + "</params></methodCall>";
        let answer = self.post("/RPC2", &request).ok()?;
        (answer.status == 200).then_some(answer.body)
    }

    /// The state of a program, as `RUNNING`; none when it is not known.
    pub(crate) fn state(&self, program: &str) -> Option<String> {
        let info = self.call("supervisor.getProcessInfo", &[program])?;
        member(&info, "statename", "string")
    }

    /// The pid of a program, 0 when it is not alive; none when it is not known.
    pub(crate) fn pid_of(&self, program: &str) -> Option<u32> {
        let info = self.call("supervisor.getProcessInfo", &[program])?;
        member(&info, "pid", "int")?.parse().ok()
    }

    /// Waits until a program is in a state.
    pub(crate) fn wait_for_state(&self, program: &str, state: &str) {
        wait_until(PATIENCE, &format!("{program} to be {state}"), || {
            self.state(program).as_deref() == Some(state)
        });
    }

    /// Sends it a signal; its programs get none.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("supervisord takes a signal");
    }

    /// Kills it at once. Its programs live on, without it.
    pub(crate) fn kill9(&mut self) {
        self.child.kill().expect("supervisord can be killed");
        self.child.wait().expect("supervisord can be reaped");
    }

    /// Ends it in order, with its programs.
    pub(crate) fn stop(&mut self) {
        if self
            .child
            .try_wait()
            .expect("supervisord can be reaped")
            .is_none()
        {
            self.signal(Signal::TERM);
            self.child.wait().expect("supervisord can be reaped");
        }
    }

    /// Starts it anew with the same configuration, after ending it where it still runs.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.child = spawn(self.release, self.folder.path(), &self.options, &self.leash);
        self.wait_until_it_answers();
    }

    /// Gives it other programs, for `reread`, `update`, `reload` or a restart to find.
    pub(crate) fn rewrite_config(&self, sections: &str) {
        write_config(self.folder.path(), &self.options, sections);
    }

    /// Its main log.
    pub(crate) fn log(&self) -> String {
        let log = fs::read(self.folder.path().join("supervisord.log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    fn post(&self, path: &str, body: &str) -> std::io::Result<Answer> {
        let stream = UnixStream::connect(self.socket())?;
        stream.set_read_timeout(Some(PATIENCE))?;
        exchange(stream, "POST", path, &[("Content-Type", "text/xml")], body)
    }

    fn wait_until_it_answers(&mut self) {
        let console = self.folder.path().join("console");
        wait_until(PATIENCE, "supervisord to answer", || {
            if let Some(status) = self.child.try_wait().expect("supervisord can be reaped") {
                let said = fs::read_to_string(&console).unwrap_or_default();
                panic!("supervisord ended with {status} before it answered:\n{said}");
            }
            self.call("supervisor.getPID", &[])
                .is_some_and(|answer| answer.contains(&format!("<int>{}</int>", self.child.id())))
        });
    }
}

impl Drop for Supervisord {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn spawn(release: Release, folder: &Path, options: &Options, leash: &Leash) -> Child {
    let console = fs::File::create(folder.join("console")).expect("a file for its output");
    let mut command = Command::new(release.program("supervisord"));
    command
        .arg("-c")
        .arg(folder.join("c.conf"))
        .stdin(Stdio::null())
        .stdout(console.try_clone().expect("a second handle"))
        .stderr(console);
    if let Some(clock) = &options.clock {
        clock.rule(&mut command);
    }
    leash.on(&mut command).spawn().expect("supervisord starts")
}

fn write_config(folder: &Path, options: &Options, sections: &str) {
    let Options {
        chmod,
        inet,
        settings,
        clock: _,
    } = options;
    let inet = inet.map_or_else(String::new, |(port, user, password)| {
        let who = if user.is_empty() {
            String::new()
        } else {
            format!("username={user}\npassword={password}\n")
        };
        format!("[inet_http_server]\nport=127.0.0.1:{port}\n{who}\n")
    });
    let folder_name = folder.display();
    let config = format!(
        "[unix_http_server]\nfile={folder_name}/s.sock\nchmod={chmod}\n\n\
         {inet}\
         [supervisord]\nnodaemon=true\nloglevel=info\nminfds=256\n\
         logfile={folder_name}/supervisord.log\npidfile={folder_name}/supervisord.pid\n\
         childlogdir={folder_name}\ndirectory={folder_name}\n{settings}\n\n\
         [rpcinterface:supervisor]\n\
         supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n\n\
         [supervisorctl]\nserverurl=unix://{folder_name}/s.sock\n\n{sections}\n"
    );
    fs::write(folder.join("c.conf"), config).expect("the configuration can be written");
}

/// The value of a member of an XML-RPC struct: `<name>NAME</name>`, `<value><TYPE>VALUE</TYPE>`.
fn member(xml: &str, name: &str, kind: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<name>{name}</name>"))?;
    let (_, rest) = rest.split_once(&format!("<{kind}>"))?;
    let (value, _) = rest.split_once(&format!("</{kind}>"))?;
    Some(value.to_owned())
}
