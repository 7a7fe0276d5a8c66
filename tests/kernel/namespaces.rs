//! Supervisords whose pids may be those of another pid namespace.

use std::{
    env, fs,
    path::PathBuf,
    process::{Child, Command, Stdio, id},
    time::Duration,
};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use supervigil::{
    kernel::{Limits, Report, WhyNot},
    model::{PidNews, ServerName, Snapshot},
    supervisord::{Client, Endpoint, Settings},
};
use tempfile::TempDir;
use tokio::{net::UnixStream, runtime::Runtime};

use crate::{
    each_release,
    rig::{Rig, killed, let_go, waits_then},
    support::{
        leash::{Leash, end},
        programs::healthy,
        supervisord::Release,
        wait::{PATIENCE, wait_for},
    },
};

#[test]
fn nothing_is_watched_over_tcp() {
    let mut rig = Rig::new(Limits::default());
    rig.look_over_tcp();
    rig.expect(&Report::Down(WhyNot::NotLocal));
    // Each change is told.
    rig.look(&[]);
    rig.expect(&Report::Up);
}

#[test]
fn nothing_is_watched_where_somebody_else_listens() {
    let own = Rig::new(Limits::default());
    let mut other = waits_then("exit 0");
    let mut rig = Rig::over(other.id(), own.socket(), Limits::default());
    rig.look(&[(id(), "es")]);
    rig.expect(&Report::Down(WhyNot::OtherNamespace));
    let_go(&mut other);
    other.wait().unwrap();
}

#[test]
fn nothing_is_watched_while_nobody_listens_and_then_it_is() {
    let own = Rig::new(Limits::default());
    let socket = own.socket();
    let hidden = socket.with_extension("hidden");
    fs::rename(&socket, &hidden).unwrap();
    let mut rig = Rig::over(id(), socket.clone(), Limits::default());
    rig.look(&[]);
    rig.expect(&Report::Down(WhyNot::Unanswered));
    fs::rename(&hidden, &socket).unwrap();
    rig.look(&[]);
    rig.expect(&Report::Up);
}

each_release!(
    a_supervisord_in_the_background_is_watched,
    a_supervisord_of_another_pid_namespace_is_not,
);

fn a_supervisord_in_the_background_is_watched(release: Release) {
    let supervisord = Started::new(release, &[], &[]);
    let (mut rig, pid) = supervisord.looked_at();
    rig.expect(&Report::Up);
    rig.expect_news(pid, "es", &[PidNews::Watched]);
    let process = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(process, Signal::KILL).unwrap();
    rig.expect_news(pid, "es", &[PidNews::Dead, killed(9)]);
}

fn a_supervisord_of_another_pid_namespace_is_not(release: Release) {
    // Only root may make a namespace; in CI the tests run as root.
    let in_ci = env::var_os("CI").is_some_and(|value| value == "true");
    if !in_ci && !geteuid().is_root() {
        return;
    }
    let unshare = ["unshare", "--pid", "--fork", "--mount-proc"];
    let supervisord = Started::new(release, &unshare, &["-n"]);
    let (mut rig, pid) = supervisord.looked_at();
    assert!(pid < id(), "{pid} is a number of a namespace of its own");
    rig.expect(&Report::Down(WhyNot::OtherNamespace));
    // And if it had, by chance, the same number in both.
    let mut rig = Rig::over(supervisord.listener(), rig.socket(), Limits::default());
    rig.look(&[(pid, "es")]);
    rig.expect(&Report::Down(WhyNot::OtherNamespace));
}

/// A supervisord that is not its starter's own child.
struct Started {
    starter: Child,
    _leash: Leash,
    folder: TempDir,
}

impl Started {
    fn new(release: Release, wrapper: &[&str], arguments: &[&str]) -> Self {
        let folder = TempDir::with_prefix_in("sv", "/tmp").unwrap();
        let config = folder.path().join("c.conf");
        let name = folder.path().display();
        let text = format!(
            "[unix_http_server]\nfile={name}/s.sock\n\
             [supervisord]\nlogfile={name}/supervisord.log\npidfile={name}/supervisord.pid\n\
             minfds=256\nchildlogdir={name}\ndirectory={name}\n\
             [rpcinterface:supervisor]\n\
             supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n{}",
            healthy("es")
        );
        fs::write(&config, text).unwrap();
        let program = release.programs().join("supervisord");
        let mut words = wrapper
            .iter()
            .map(PathBuf::from)
            .chain([program])
            .chain(arguments.iter().map(PathBuf::from));
        let leash = Leash::new();
        let mut command = Command::new(words.next().unwrap());
        command.args(words).arg("-c").arg(config);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let starter = leash.on(&mut command).spawn().unwrap();
        Self {
            starter,
            _leash: leash,
            folder,
        }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("s.sock")
    }

    /// The pid of whoever listens at its socket, as it is here.
    fn listener(&self) -> u32 {
        let credentials = runtime().block_on(async {
            let stream = UnixStream::connect(self.socket()).await.unwrap();
            stream.peer_cred().unwrap()
        });
        u32::try_from(credentials.pid().unwrap()).unwrap()
    }

    /// A feed that is told of its one program, and the program's pid as supervisord gives it.
    fn looked_at(&self) -> (Rig, u32) {
        let socket = self.socket();
        let client = Client::new(&Settings {
            name: ServerName::new("main"),
            endpoint: Endpoint::Unix(socket.clone()),
            credentials: None,
            poll_interval: Duration::from_secs(5),
            timeout: Duration::from_secs(20),
            max_load: 0.02,
            follow_log: false,
            watch_pids: true,
        });
        let runtime = runtime();
        let is_up = |snapshot: &Snapshot| snapshot.processes.iter().all(|one| one.pid != 0);
        let snapshot = wait_for(PATIENCE, "its program to be up", || {
            runtime.block_on(client.snapshot()).ok().filter(is_up)
        });
        let pid = snapshot.processes.first().unwrap().pid;
        let rig = Rig::over(snapshot.identity.pid, socket, Limits::default());
        rig.look(&[(pid, "es")]);
        (rig, pid)
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

impl Drop for Started {
    fn drop(&mut self) {
        end(&mut self.starter);
    }
}
