//! A supervisord in simulated time: process.py's state machine, as far as its API shows it.
//!
//! It moves in passes, as supervisord's loop does: a pass answers calls first, then lets programs
//! move on, then reaps the dead. It comes at each second, at each death and with each call.

mod passes;

use supervigil::model::{
    Cause, Exit, Identity, Process, ProcessState, ProgramEvent, ProgramName, Snapshot,
};

/// The wall clock's time at the start of the simulation.
pub(crate) const EPOCH: i64 = 1_800_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Autorestart {
    Always,
    Unexpected,
    Never,
}

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Code(i32),
    Signal,
}

/// What the command of a program does when it is spawned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Lives,
    Ends { after: u64, end: End },
    CannotSpawn,
    NoFile,
}

#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) name: ProgramName,
    pub(crate) startsecs: u64,
    pub(crate) startretries: u32,
    pub(crate) autorestart: Autorestart,
    pub(crate) autostart: bool,
    pub(crate) exitcodes: Vec<i32>,
    /// How long it takes to end when it is told to, in milliseconds.
    pub(crate) stop_takes: u64,
    pub(crate) fate: Fate,
}

impl Spec {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.parse().unwrap(),
            startsecs: 1,
            startretries: 3,
            autorestart: Autorestart::Unexpected,
            autostart: true,
            exitcodes: vec![0],
            stop_takes: 100,
            fate: Fate::Lives,
        }
    }
}

/// Something that really happened to a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truth {
    Spawned(Who),
    Running,
    /// It ended by itself in a way that is not expected, or could not be started.
    Failed,
    ExpectedExit,
    /// It was stopped: by an operator, or with its supervisord.
    Stopped,
    Fatal,
    Removed,
}

/// Something that a feed has to say.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Word {
    /// A line of the main log.
    Log(ProgramName, ProgramEvent),
    /// An event for listeners.
    Listener(ProgramName, ProgramEvent),
    /// The kernel's: a process is dead, and reaped.
    Death(ProgramName, u32, Exit),
    /// Streams from supervisord break, or can be opened again.
    Streams(bool),
}

/// The end of a process, as it really was.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Death {
    pub(crate) born: u64,
    pub(crate) at: u64,
    pub(crate) name: ProgramName,
    pub(crate) pid: u32,
    pub(crate) exit: Exit,
    pub(crate) cause: Cause,
    pub(crate) to: ProcessState,
    /// Whether it was started again at once by somebody who stopped it in BACKOFF, as no log tells.
    pub(crate) healed_by_hand: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Supervisord,
    Operator,
    Supervigil,
}

#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) spec: Spec,
    pub(crate) state: ProcessState,
    pub(crate) pid: u32,
    start: i64,
    stop: i64,
    started_at: u64,
    exit_status: Option<i32>,
    spawn_error: String,
    backoff: u32,
    delay: u64,
    killing: bool,
    dies: Option<(u64, End)>,
    restart_asked: bool,
    renewal_asked: bool,
}

impl Program {
    fn new(spec: Spec) -> Self {
        Self {
            spec,
            state: ProcessState::Stopped,
            pid: 0,
            start: 0,
            stop: 0,
            started_at: 0,
            exit_status: None,
            spawn_error: String::new(),
            backoff: 0,
            delay: 0,
            killing: false,
            dies: None,
            restart_asked: false,
            renewal_asked: false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Up,
    /// It stops its programs; then it comes back, with the same pid or another one, or not at all.
    Leaving {
        back_in: Option<u64>,
        same_pid: bool,
    },
    Down {
        until: Option<u64>,
        same_pid: bool,
    },
}

/// Why a call brought nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Unreachable,
    ShuttingDown,
    BadName,
    NoFile,
    AlreadyStarted,
    SpawnError,
    AbnormalTermination,
    Failed,
    NotRunning,
}

pub(crate) struct Supervisord {
    pub(crate) now: u64,
    pub(crate) programs: Vec<Program>,
    pub(crate) truth: Vec<(u64, ProgramName, Truth)>,
    pub(crate) deaths: Vec<Death>,
    /// What the feeds have to say and nobody has fetched yet.
    pub(crate) words: Vec<(u64, Word)>,
    /// Its wall clock's lead, in milliseconds.
    pub(crate) clock: i64,
    pub(crate) hangs: bool,
    phase: Phase,
    pid: u32,
    next_pid: u32,
    next_tick: u64,
}

impl Supervisord {
    pub(crate) fn new(specs: Vec<Spec>) -> Self {
        let mut programs: Vec<_> = specs.into_iter().map(Program::new).collect();
        programs.sort_by(|a, b| a.spec.name.cmp(&b.spec.name));
        Self {
            now: 0,
            programs,
            truth: Vec::new(),
            deaths: Vec::new(),
            words: Vec::new(),
            clock: 0,
            hangs: false,
            phase: Phase::Up,
            pid: 1,
            next_pid: 100,
            next_tick: 0,
        }
    }

    // What the API shows.

    pub(crate) fn poll(&mut self) -> Result<Snapshot, Fault> {
        self.check()?;
        let processes = (0..self.programs.len()).map(|i| self.row(i)).collect();
        let identity = Identity {
            pid: self.pid,
            identification: "supervisor".to_owned(),
            version: "4.3.0".to_owned(),
            api_version: "3.0".to_owned(),
        };
        self.pass();
        Ok(Snapshot {
            identity,
            processes,
        })
    }

    pub(crate) fn process(&mut self, name: &ProgramName) -> Result<Process, Fault> {
        self.check()?;
        let i = self.find(name)?;
        let row = self.row(i);
        self.pass();
        Ok(row)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    fn check(&self) -> Result<(), Fault> {
        match self.phase {
            _ if self.hangs => Err(Fault::Unreachable),
            Phase::Up => Ok(()),
            Phase::Leaving { .. } => Err(Fault::ShuttingDown),
            Phase::Down { .. } => Err(Fault::Unreachable),
        }
    }

    pub(crate) fn find(&self, name: &ProgramName) -> Result<usize, Fault> {
        let found = self
            .programs
            .iter()
            .position(|program| program.spec.name == *name);
        found.ok_or(Fault::BadName)
    }

    fn row(&self, i: usize) -> Process {
        let program = &self.programs[i];
        Process {
            program: program.spec.name.clone(),
            state: program.state,
            pid: program.pid,
            start: program.start,
            stop: program.stop,
            now: self.wall(),
            exit_status: program.exit_status.unwrap_or(0),
            spawn_error: program.spawn_error.clone(),
            stdout_log: "/var/log/out".to_owned(),
            stderr_log: "/var/log/err".to_owned(),
        }
    }

    /// Its clock, in seconds.
    pub(crate) fn wall(&self) -> i64 {
        EPOCH + (i64::try_from(self.now).unwrap() + self.clock).div_euclid(1000)
    }

    // What operators, and supervigil, may do.

    /// startProcess(wait=false).
    pub(crate) fn start(&mut self, name: &ProgramName, who: Who) -> Result<(), Fault> {
        self.check()?;
        let i = self.find(name)?;
        if self.programs[i].spec.fate == Fate::NoFile {
            return Err(Fault::NoFile);
        }
        match self.programs[i].state {
            ProcessState::Running | ProcessState::Starting | ProcessState::Backoff => {
                return Err(Fault::AlreadyStarted);
            }
            ProcessState::Unknown => return Err(Fault::Failed),
            ProcessState::Stopping => return Ok(()),
            ProcessState::Stopped
            | ProcessState::Exited
            | ProcessState::Fatal
            | ProcessState::Unrecognised(_) => {}
        }
        self.spawn(i, who);
        self.reap();
        if self.programs[i].state == ProcessState::Backoff {
            return Err(if self.programs[i].spec.fate == Fate::CannotSpawn {
                Fault::SpawnError
            } else {
                Fault::AbnormalTermination
            });
        }
        self.pass();
        Ok(())
    }

    pub(crate) fn stop(&mut self, name: &ProgramName) -> Result<(), Fault> {
        self.check()?;
        let i = self.find(name)?;
        if !matches!(
            self.programs[i].state,
            ProcessState::Running | ProcessState::Starting | ProcessState::Backoff
        ) {
            return Err(Fault::NotRunning);
        }
        self.kill(i);
        self.pass();
        Ok(())
    }

    /// supervisorctl's: a stop, and then a start whatever the stop came to.
    pub(crate) fn restart(&mut self, name: &ProgramName) {
        if self.stop(name).is_ok() {
            let i = self.find(name).unwrap();
            self.programs[i].restart_asked = true;
            self.pass();
        } else {
            let _refused = self.start(name, Who::Operator);
        }
    }

    /// `supervisorctl update` of one changed group.
    pub(crate) fn update(&mut self, name: &ProgramName) {
        if let (Ok(()), Ok(i)) = (self.check(), self.find(name)) {
            self.programs[i].renewal_asked = true;
            if self.programs[i].pid != 0 {
                self.kill(i);
            }
            self.pass();
        }
    }

    pub(crate) fn remove(&mut self, name: &ProgramName) {
        self.programs.retain(|program| program.spec.name != *name);
        self.log(name.clone(), Truth::Removed);
    }

    pub(crate) fn add(&mut self, spec: Spec) {
        self.programs.push(Program::new(spec));
        self.programs.sort_by(|a, b| a.spec.name.cmp(&b.spec.name));
        self.pass();
    }

    pub(crate) fn leave(&mut self, back_in: Option<u64>, same_pid: bool) {
        if self.phase != Phase::Up {
            return;
        }
        self.phase = Phase::Leaving { back_in, same_pid };
        for i in 0..self.programs.len() {
            self.programs[i].restart_asked = false;
            if self.programs[i].pid != 0 || self.programs[i].state == ProcessState::Backoff {
                self.kill(i);
            }
        }
        self.pass();
    }

    /// The process that a program has ends now.
    pub(crate) fn dies(&mut self, name: &ProgramName, end: End) {
        if let Ok(i) = self.find(name)
            && self.programs[i].pid != 0
        {
            self.programs[i].dies = Some((self.now, end));
            self.pass();
        }
    }

    pub(crate) fn fate(&mut self, name: &ProgramName, fate: Fate) {
        if let Ok(i) = self.find(name) {
            self.programs[i].spec.fate = fate;
        }
    }

    /// supervisord lost control of it: a kill failed.
    pub(crate) fn loses(&mut self, name: &ProgramName) {
        if let Ok(i) = self.find(name) {
            self.programs[i].state = ProcessState::Unknown;
        }
    }
}
