//! A real supervisord in a folder of its own, from when it answers until it is dropped.

use std::{
    fmt::Write as _,
    fs::{self, File},
    net::TcpListener,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use supervigil::supervisord::Endpoint;

pub(crate) const USER: &str = "用户";
pub(crate) const PASSWORD: &str = "pass:wörd";

/// How often a condition is looked at, and for how long: 30 s, for a busy machine.
const LOOK_EVERY: Duration = Duration::from_millis(25);
const LOOKS_MAX: u32 = 1200;

/// Which supervisord.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Release {
    V425,
    V430,
    Debian,
}

impl Release {
    fn program(self) -> PathBuf {
        let venvs = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venvs");
        match self {
            Self::V425 => venvs.join("supervisor-4.2.5/bin/supervisord"),
            Self::V430 => venvs.join("supervisor-4.3.0/bin/supervisord"),
            Self::Debian => "/usr/bin/supervisord".into(),
        }
    }
}

pub(crate) struct Supervisord {
    release: Release,
    folder: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl Supervisord {
    /// Starts one with these sections in its configuration, and waits until it listens.
    pub(crate) fn start(release: Release, config: &str) -> Self {
        let interface = "[rpcinterface:supervisor]\n\
            supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n";
        Self::start_without_rpc_interface(release, &format!("{interface}{config}"))
    }

    pub(crate) fn start_without_rpc_interface(release: Release, config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .unwrap()
            .port();
        let here = folder.path().display();
        let mut text = format!(
            "[supervisord]\nlogfile={here}/log\npidfile={here}/pid\nidentifier=主机\nchildlogdir={here}\n"
        );
        for section in [
            format!("[unix_http_server]\nfile={here}/sock\n"),
            format!("[inet_http_server]\nport=127.0.0.1:{port}\n"),
        ] {
            writeln!(text, "{section}username={USER}\npassword={PASSWORD}").unwrap();
        }
        fs::write(folder.path().join("conf"), text + config).unwrap();
        let child = spawn(release, folder.path());
        Self {
            release,
            folder,
            port,
            child,
        }
    }

    /// Ends it and starts another in the same place.
    pub(crate) fn restart(mut self) -> Self {
        self.terminate();
        self.child.wait().unwrap();
        self.child = spawn(self.release, self.folder.path());
        self
    }

    /// Asks it to shut down.
    pub(crate) fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    pub(crate) fn unix(&self) -> Endpoint {
        Endpoint::Unix(self.folder.path().join("sock"))
    }

    pub(crate) fn tcp(&self) -> Endpoint {
        Endpoint::Tcp {
            authority: format!("127.0.0.1:{}", self.port),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// As it says itself.
    pub(crate) fn version(&self) -> String {
        let run = Command::new(self.release.program())
            .arg("--version")
            .output()
            .unwrap();
        String::from_utf8(run.stdout).unwrap().trim().to_owned()
    }

    pub(crate) fn write_log(&self, name: &str, bytes: &[u8]) {
        fs::write(self.folder.path().join(name), bytes).unwrap();
    }

    pub(crate) fn main_log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    pub(crate) fn has_file(&self, name: &str) -> bool {
        self.folder.path().join(name).exists()
    }
}

impl Drop for Supervisord {
    /// supervisord stops its programs when it is asked to end.
    fn drop(&mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).ok();
        self.child.wait().ok();
    }
}

fn spawn(release: Release, folder: &Path) -> Child {
    let mut child = Command::new(release.program())
        .args(["--nodaemon", "--configuration"])
        .arg(folder.join("conf"))
        .env("LANG", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(folder.join("stderr")).unwrap())
        .spawn()
        .unwrap_or_else(|error| {
            panic!(
                "no supervisord {release:?} at {:?}: {error}",
                release.program()
            )
        });
    let socket = folder.join("sock");
    for _ in 0..LOOKS_MAX {
        if UnixStream::connect(&socket).is_ok() {
            return child;
        }
        let said = fs::read_to_string(folder.join("stderr")).unwrap();
        assert_eq!(child.try_wait().unwrap(), None, "{release:?}: {said}");
        std::thread::sleep(LOOK_EVERY);
    }
    panic!("supervisord {release:?} does not listen");
}

/// What a condition gives once it gives something.
pub(crate) async fn eventually<T>(mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..LOOKS_MAX {
        if let Some(value) = condition().await {
            return value;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    panic!("waited 30 s in vain");
}
