//! Without any configuration.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::support::{
    http::exchange,
    leash::{Leash, end},
    programs,
    supervisord::{Release, Supervisord},
    wait::{PATIENCE, wait_until},
};

/// What the built-in defaults listen on; only one test may run a daemon there.
const DEFAULT: &str = "127.0.0.1:9877";

/// A daemon in an empty folder, with a log. It ends with this value.
struct Bare {
    child: Child,
    folder: tempfile::TempDir,
    _leash: Leash,
}

impl Bare {
    fn start(launcher: &[&str], environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = fs::File::create(folder.path().join("log")).expect("a file");
        let leash = Leash::new();
        let mut command = Command::new("env");
        command
            .args(launcher)
            .arg(env!("CARGO_BIN_EXE_supervigil"))
            .arg("run")
            .current_dir(folder.path())
            .env("STATE_DIRECTORY", folder.path())
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log);
        let child = leash.on(&mut command).spawn().expect("it runs");
        Self {
            child,
            folder,
            _leash: leash,
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- supervigil's log\n{}---", self.log());
        }
        end(&mut self.child);
    }
}

/// An answer of the daemon at the default address; it may be in a network of its own.
fn ready(namespace: &Bare) -> bool {
    let output = Command::new("nsenter")
        .args(["--net", "--target", &namespace.child.id().to_string()])
        .args(["python3", "-c", PROBE, DEFAULT])
        .output()
        .expect("nsenter is a part of util-linux");
    output.status.success()
}

const PROBE: &str =
    "import sys, urllib.request as u; u.urlopen('http://' + sys.argv[1] + '/-/ready')";

/// A network of its own, so that nobody else has the default port; and a /run and /tmp of its own,
/// so that the host's supervisord is not found.
const ALONE: [&str; 5] = ["unshare", "--net", "--mount", "sh", "-c"];

fn may_unshare() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    assert!(
        is_root || std::env::var_os("CI").is_none(),
        "CI runs the tests as root"
    );
    is_root
}

#[test]
fn the_socket_in_the_environment_is_watched() {
    if !may_unshare() {
        return;
    }
    let supervisord = Supervisord::start(Release::V430, &programs::healthy("web"));
    let script = "ip link set lo up 2>/dev/null || true; exec \"$@\"";
    let launcher = [&ALONE[..], &[script, "sh"]].concat();
    let bare = Bare::start(&launcher, &[("SUPERVISOR_SERVER_URL", &supervisord.url())]);
    wait_until(PATIENCE, "it to be ready", || ready(&bare));
    let log = bare.log();
    assert!(log.contains("no channel is configured"), "{log}");
    assert!(
        !log.contains("watching the first of"),
        "the place is known: {log}"
    );
    assert!(bare.folder.path().join("supervigil.db").exists());
}

#[test]
fn a_socket_that_comes_later_is_found() {
    if !may_unshare() {
        return;
    }
    let supervisord = Supervisord::start(Release::V430, &programs::healthy("web"));
    let run = tempfile::tempdir().expect("a folder");
    let mount = format!(
        "mount --bind {} /run && {{ ip link set lo up 2>/dev/null || true; }} && exec \"$@\"",
        run.path().display()
    );
    let launcher = [&ALONE[..], &[&mount, "sh"]].concat();
    let bare = Bare::start(&launcher, &[]);
    wait_until(PATIENCE, "it to look", || {
        bare.log().contains("watching the first of")
    });
    let said_once = "no supervisord socket at";
    wait_until(PATIENCE, "it to say what it does not find", || {
        bare.log().contains(said_once)
    });
    assert!(!ready(&bare));
    // As supervisord's own socket would come: at one of the usual places.
    let proxy = Proxy::start(&run.path().join("supervisor.sock"), &supervisord.socket());
    wait_until(PATIENCE, "it to be found", || ready(&bare));
    let log = bare.log();
    assert_eq!(log.matches("watching the first of").count(), 1, "{log}");
    assert_eq!(log.matches(said_once).count(), 1, "{log}");
    for path in [
        "/var/run/supervisor.sock",
        "/run/supervisor/supervisor.sock",
        "/tmp/supervisor.sock",
    ] {
        assert!(log.contains(path), "no {path} in {log}");
    }
    drop(proxy);
}

/// Another name for a socket: a hard link, which connects as the socket itself does.
struct Proxy(std::path::PathBuf);

impl Proxy {
    fn start(at: &Path, to: &Path) -> Self {
        fs::hard_link(to, at).expect("both are in the same file system");
        Self(at.to_owned())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

#[test]
fn a_supervigil_below_supervisord_finds_its_parent_and_leaves_itself_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = crate::support::supervigil::free_port();
    let config = folder.path().join("supervigil.toml");
    let text = format!(
        "[retry]\nbackoff = \"100ms\"\n[http]\nlisten = \"127.0.0.1:{port}\"\n[storage]\npath = \"{}/s.db\"\n",
        folder.path().display()
    );
    fs::write(&config, text).expect("a file");
    let section = format!(
        "[program:supervigil]\ncommand={} --config {} run\nstartsecs=0\n",
        env!("CARGO_BIN_EXE_supervigil"),
        config.display()
    );
    let supervisord =
        Supervisord::start(Release::V430, &[programs::healthy("web"), section].concat());
    let address = format!("127.0.0.1:{port}");
    let get = |path: &str| {
        let stream = std::net::TcpStream::connect(&address).ok()?;
        exchange(stream, "GET", path, &[("Host", &address)], "").ok()
    };
    wait_until(PATIENCE, "it to be ready", || {
        get("/-/ready").is_some_and(|it| it.status == 200)
    });
    let answer = get("/api/v1/processes").expect("an answer").body;
    assert!(
        answer.contains("\"web\"") && answer.contains("\"supervigil\""),
        "{answer}"
    );
    assert!(supervisord.ctl(&["stop", "supervigil"]).status.success());
    assert_eq!(supervisord.state("supervigil").as_deref(), Some("STOPPED"));
}
