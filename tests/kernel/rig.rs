//! The feed with this test's hands on both of its ends.

use std::{
    collections::BTreeMap,
    os::unix::net::UnixListener,
    path::PathBuf,
    process::{Child, Command, Stdio, id},
};

use supervigil::{
    kernel::{BootTime, Limits, Report, Target, Targets, WhyNot, watch},
    model::{Exit, OomKill, PidNews, ProgramName},
};
use tempfile::TempDir;
use tokio::{
    runtime::Runtime,
    sync::{mpsc, watch as latest},
    time::timeout,
};

use crate::support::wait::{PATIENCE, let_pass};

/// A clock tick, and some: a process must be older than that to be proved.
const TICK_MILLIS: u64 = 20;

/// Beyond any pid: `PID_MAX_LIMIT` of linux/threads.h is 2^22.
const NOBODY: u32 = 1 << 30;

/// A feed, and the supervisord that it believes in.
pub(crate) struct Rig {
    runtime: Runtime,
    targets: latest::Sender<Targets>,
    reports: mpsc::Receiver<Report>,
    supervisord: u32,
    socket: PathBuf,
    /// A pid that no process has, another one each time.
    nobody: u32,
    _own_socket: Option<(UnixListener, TempDir)>,
}

impl Rig {
    /// A feed over the children of this process, which listens at a socket as supervisord does.
    pub(crate) fn new(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("s.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        Self::build(id(), socket, limits, Some((listener, folder)))
    }

    /// A feed over the programs of another supervisord.
    pub(crate) fn over(supervisord: u32, socket: PathBuf, limits: Limits) -> Self {
        Self::build(supervisord, socket, limits, None)
    }

    fn build(
        supervisord: u32,
        socket: PathBuf,
        limits: Limits,
        own_socket: Option<(UnixListener, TempDir)>,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (targets, seen) = latest::channel(Targets::default());
        let (sender, reports) = mpsc::channel(16);
        let feed = watch(seen, sender, limits);
        drop(runtime.spawn(feed));
        Self {
            runtime,
            targets,
            reports,
            supervisord,
            socket,
            nobody: NOBODY,
            _own_socket: own_socket,
        }
    }

    /// Where the supervisord listens.
    pub(crate) fn socket(&self) -> PathBuf {
        self.socket.clone()
    }

    /// A look that shows these pids and began at that time.
    pub(crate) fn look_of(&self, looked_at: BootTime, pids: &[(u32, &str)]) {
        let target = |name| Target {
            program: ProgramName::new(name, name),
            looked_at,
        };
        let pids: BTreeMap<_, _> = pids
            .iter()
            .map(|(pid, name)| (*pid, target(name)))
            .collect();
        self.targets.send_replace(Targets {
            supervisord: self.supervisord,
            socket: Some(self.socket.clone()),
            pids,
        });
    }

    /// A look of the present, once everything that has been started is old enough for it.
    pub(crate) fn look(&self, pids: &[(u32, &str)]) {
        let_pass(TICK_MILLIS);
        self.look_of(BootTime::now(), pids);
    }

    /// The same look over TCP.
    pub(crate) fn look_over_tcp(&self) {
        self.targets.send_replace(Targets {
            supervisord: self.supervisord,
            socket: None,
            pids: BTreeMap::new(),
        });
    }

    /// The next report. Another test's program may be killed for memory at any time, which is counted
    /// for the whole host.
    pub(crate) fn next(&mut self) -> Report {
        loop {
            let next = self
                .runtime
                .block_on(async { timeout(PATIENCE, self.reports.recv()).await })
                .unwrap_or_else(|_| panic!("no report for {PATIENCE:?}"))
                .unwrap();
            let is_elsewhere = |news| matches!(news, PidNews::OomKill(OomKill::Host));
            if !matches!(next, Report::Pid { news, .. } if is_elsewhere(news)) {
                return next;
            }
        }
    }

    /// Fails unless the next report is this one.
    #[track_caller]
    pub(crate) fn expect(&mut self, expected: &Report) {
        assert_eq!(&self.next(), expected);
    }

    /// Fails unless these are next, in this order, about one process.
    #[track_caller]
    pub(crate) fn expect_news(&mut self, pid: u32, name: &str, expected: &[PidNews]) {
        for expected in expected {
            self.expect(&news(pid, name, *expected));
        }
    }

    /// Fails unless a look at these pids is taken in without a word.
    #[track_caller]
    pub(crate) fn expect_silence(&mut self, pids: &[(u32, &str)]) {
        // The feed goes by pid: this one comes last, and is refused each time.
        self.nobody += 1;
        let nobody = (self.nobody, "nobody");
        let pids: Vec<_> = pids.iter().copied().chain([nobody]).collect();
        self.look(&pids);
        self.expect(&refused(self.nobody, "nobody", WhyNot::Gone));
    }
}

/// What is said of a process.
pub(crate) fn news(pid: u32, name: &str, news: PidNews) -> Report {
    Report::Pid {
        pid,
        program: ProgramName::new(name, name),
        news,
    }
}

/// What is said of a process that is not watched.
pub(crate) fn refused(pid: u32, name: &str, why: WhyNot) -> Report {
    Report::Refused {
        pid,
        program: ProgramName::new(name, name),
        why,
    }
}

/// The end by a signal, without a core dump.
pub(crate) fn killed(number: i32) -> PidNews {
    PidNews::Ended(Some(Exit::Signal {
        number,
        core_dumped: false,
    }))
}

/// The end by a code.
pub(crate) fn exited(code: i32) -> PidNews {
    PidNews::Ended(Some(Exit::Code(code)))
}

/// A child that lives until its standard input closes, and then does as the script says.
pub(crate) fn waits_then(script: &str) -> Child {
    Command::new("sh")
        .args(["-c", &format!("read line; {script}")])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Lets such a child go on, without reaping it.
pub(crate) fn let_go(child: &mut Child) {
    drop(child.stdin.take());
}
