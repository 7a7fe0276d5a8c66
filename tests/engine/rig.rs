//! The engine joined to the modelled supervisord, as the daemon joins it to a real one: polls at an
//! interval, effects carried out after a while, records kept, restarts from what was kept.

use std::{mem, time::Duration};

use jiff::Timestamp;
use supervigil::{
    engine::{
        AlertSettings, Effect, Engine, Input, LogReading, Order, OrderError, Ordered, PollFailure,
        RetrySettings, ServerSettings, Settings, StartOutcome,
    },
    model::{Moment, ProcessState, ProgramKey, ProgramName, Record, Saved, ServerName},
};

use super::supervisord::{EPOCH, Fault, Supervisord, Who};

/// How long a log takes to be read.
const LOG_TAKES: u64 = 20;

mod feeds;

pub(crate) use feeds::Feeds;

/// What happened between the engine and the world, in order.
#[derive(Debug, Clone)]
pub(crate) enum Seen {
    Effect(Box<Effect>),
    Answer(ProgramKey, StartOutcome),
    /// It arrived; it looked `poll_takes` before.
    Poll(Result<(), Fault>),
    Restarted,
}

enum Pending {
    Call {
        key: ProgramKey,
        state: ProcessState,
        start: i64,
    },
    /// With how far the main log went at that moment.
    Poll(Result<(), Fault>, Input, usize),
    Input(Input),
    /// The look itself, whose answer comes later.
    Look(Vec<ProgramName>),
    /// With how far the main log went at that moment.
    Looked(Input, usize),
}

pub(crate) struct Rig {
    pub(crate) sim: Supervisord,
    pub(crate) settings: Settings,
    pub(crate) saved: Saved,
    pub(crate) seen: Vec<(u64, Seen)>,
    pub(crate) poll_every: u64,
    /// From a poll's look at supervisord to its arrival.
    pub(crate) poll_takes: u64,
    /// From the decision to start to the call, and from there to its answer.
    pub(crate) start_takes: (u64, u64),
    /// How far supervigil's wall clock is ahead, in milliseconds.
    pub(crate) clock: i64,
    /// The feeds and the looks at single programs; none: polls alone.
    pub(crate) feeds: Option<Feeds>,
    engine: Option<Engine>,
    origin: u64,
    runs: u64,
    next_poll: u64,
    pending: Vec<(u64, Pending)>,
}

pub(crate) fn server() -> ServerName {
    ServerName::new("main")
}

fn moment(monotonic: u64, wall: i64) -> Moment {
    Moment {
        monotonic: Duration::from_millis(monotonic),
        wall: Timestamp::from_millisecond(EPOCH * 1000 + wall).unwrap(),
    }
}

/// A moment so many milliseconds from the start, by both clocks.
pub(crate) fn at(millis: u64) -> Moment {
    moment(millis, i64::try_from(millis).unwrap())
}

/// The defaults of the configuration, without jitter.
pub(crate) fn retry() -> RetrySettings {
    RetrySettings {
        on_fatal: true,
        on_exited: false,
        max_attempts: 5,
        backoff: Duration::from_secs(10),
        backoff_max: Duration::from_secs(300),
        jitter: 0.0,
        reset_after: Duration::from_secs(600),
        probe_interval: Some(Duration::from_secs(1800)),
        max_concurrent: 2,
        max_per_minute: 10,
    }
}

/// The defaults of the configuration.
pub(crate) fn settings() -> Settings {
    Settings {
        servers: vec![ServerSettings {
            name: server(),
            must_answer: true,
            poll_interval: Duration::from_secs(5),
            itself: None,
        }],
        retry: None,
        alert: AlertSettings {
            resolve_after: Duration::from_secs(60),
            reminders: Vec::new(),
            crash_loop_restarts: 3,
            crash_loop_within: Duration::from_secs(300),
            flapping_cycles: 3,
            flapping_within: Duration::from_secs(900),
            unreachable_after: Duration::from_secs(15),
        },
        programs: Vec::new(),
        maintenance: Vec::new(),
        heartbeat: None,
    }
}

impl Rig {
    pub(crate) fn new(sim: Supervisord, settings: Settings) -> Self {
        Self {
            sim,
            settings,
            saved: Saved::default(),
            seen: Vec::new(),
            poll_every: 5000,
            poll_takes: 0,
            start_takes: (5, 10),
            clock: 0,
            feeds: None,
            engine: None,
            origin: 0,
            runs: 0,
            next_poll: 0,
            pending: Vec::new(),
        }
    }

    fn moment(&self, at: u64) -> Moment {
        moment(at - self.origin, i64::try_from(at).unwrap() + self.clock)
    }

    /// When a look begins that is at supervisord at this very millisecond: before it, so that it is
    /// older than everything that arrives within the millisecond.
    fn begun(&self) -> Moment {
        let now = self.moment(self.sim.now);
        let monotonic = now.monotonic.saturating_sub(Duration::from_micros(500));
        Moment { monotonic, ..now }
    }

    /// Starts supervigil from what was written down; what was on its way is lost, but for every other
    /// time a start that reaches supervisord all the same.
    pub(crate) fn start(&mut self) {
        self.origin = self.sim.now;
        self.runs += 1;
        for (_, pending) in mem::take(&mut self.pending) {
            if let Pending::Call { key, state, start } = pending
                && self.runs.is_multiple_of(2)
            {
                // The call had left already; only its answer is lost.
                let _unheard = self.call(&key, state, start);
            }
        }
        self.next_poll = self.sim.now;
        let now = self.moment(self.sim.now);
        let engine = Engine::new(self.settings.clone(), &self.saved, self.runs, now);
        self.engine = Some(engine);
        self.seen.push((self.sim.now, Seen::Restarted));
        self.open_feeds();
    }

    pub(crate) fn stop(&mut self) {
        self.engine = None;
    }

    pub(crate) fn reconfigure(&mut self, settings: Settings) {
        self.settings = settings.clone();
        let now = self.moment(self.sim.now);
        if let Some(engine) = &mut self.engine {
            let effects = engine.reconfigure(settings, now);
            self.perform(effects);
        }
    }

    /// Somebody gives an order.
    pub(crate) fn order(&mut self, order: Order) -> Result<Ordered, OrderError> {
        let now = self.moment(self.sim.now);
        let engine = self.engine.as_mut().unwrap();
        let (outcome, effects) = engine.order(order, "li", now);
        self.perform(effects);
        outcome
    }

    pub(crate) fn advance(&mut self, to: u64) {
        while self.engine.is_some() {
            let wake = self.wake_at();
            let due = self.pending.iter().map(|(at, _)| *at).min();
            let polling = self.next_poll;
            let next = [Some(polling), wake, due]
                .into_iter()
                .flatten()
                .min()
                .unwrap();
            if next > to {
                break;
            }
            let next = next.max(self.sim.now);
            // What the feeds have to say on the way is fetched when it is said.
            let step = self.sim.next_event().clamp(self.sim.now, next);
            self.sim.advance(step);
            self.listen();
            if step < next {
                continue;
            }
            // A stream that broke meanwhile has taken along what was due.
            let arrived = self.pending.iter().position(|(at, _)| *at <= next);
            if let Some(i) = arrived {
                let (_, pending) = self.pending.remove(i);
                self.deliver(pending);
            } else if polling <= next {
                self.poll();
            } else {
                self.handle(Input::Woken);
                let again = self.engine.as_ref().unwrap().next_wake();
                let now = self.moment(next);
                assert!(
                    again.is_none_or(|again| again.monotonic > now.monotonic),
                    "woken at {now:?} and wants to be woken at {again:?}"
                );
            }
        }
        self.sim.advance(to);
        self.listen();
    }

    fn wake_at(&self) -> Option<u64> {
        let wake = self.engine.as_ref()?.next_wake()?.monotonic;
        let millis = u64::try_from(wake.as_nanos().div_ceil(1_000_000)).unwrap();
        Some(self.origin + millis)
    }

    fn poll(&mut self) {
        self.listen();
        let written = self.written();
        let polled = self.sim.poll();
        let seen = polled.as_ref().map(|_| ()).map_err(|fault| *fault);
        let outcome = polled.map_err(|fault| PollFailure {
            message: format!("{fault:?}"),
            shutting_down: fault == Fault::ShuttingDown,
        });
        let input = Input::Polled {
            server: server(),
            begun: self.begun(),
            outcome,
            log: LogReading::None,
        };
        self.next_poll = self.sim.now + self.poll_takes + self.poll_every;
        if self.poll_takes == 0 {
            self.deliver(Pending::Poll(seen, input, written));
        } else {
            let poll = Pending::Poll(seen, input, written);
            self.pending.push((self.sim.now + self.poll_takes, poll));
        }
    }

    fn deliver(&mut self, pending: Pending) {
        match pending {
            Pending::Poll(seen, mut input, written) => {
                self.seen.push((self.sim.now, Seen::Poll(seen)));
                if let Input::Polled {
                    outcome: Ok(_),
                    log,
                    ..
                } = &mut input
                {
                    *log = self.read_log(written);
                }
                self.handle(input);
            }
            Pending::Looked(mut input, written) => {
                if let Input::Looked {
                    outcome: Some(looked),
                    ..
                } = &mut input
                {
                    looked.log = self.read_log(written);
                }
                self.handle(input);
            }
            Pending::Look(programs) => self.look(&programs),
            Pending::Input(input) => {
                if let Input::Started { key, outcome } = &input {
                    self.seen
                        .push((self.sim.now, Seen::Answer(key.clone(), outcome.clone())));
                }
                self.handle(input);
            }
            Pending::Call { key, state, start } => {
                let outcome = self.call(&key, state, start);
                let answer = Input::Started { key, outcome };
                let at = self.sim.now + self.start_takes.1;
                self.pending.push((at, Pending::Input(answer)));
            }
        }
    }

    fn call(&mut self, key: &ProgramKey, state: ProcessState, start: i64) -> StartOutcome {
        let called = self.sim.process(&key.program).and_then(|process| {
            if process.state == state && process.start == start {
                self.sim
                    .start(&key.program, Who::Supervigil)
                    .map(|()| self.observe())
            } else {
                Ok(StartOutcome::Changed)
            }
        });
        called.unwrap_or_else(|fault| match fault {
            Fault::AlreadyStarted | Fault::SpawnError | Fault::AbnormalTermination => {
                self.observe()
            }
            Fault::NoFile => StartOutcome::NeedsHuman("NO_FILE".to_owned()),
            Fault::ShuttingDown => StartOutcome::ShuttingDown,
            Fault::BadName => StartOutcome::Gone,
            Fault::Unreachable | Fault::Failed | Fault::NotRunning => {
                StartOutcome::Failed(format!("{fault:?}"))
            }
        })
    }

    /// The start is over at once, and a second later by a clock that has whole seconds.
    fn observe(&self) -> StartOutcome {
        let over_by = Some(self.sim.wall() + 1);
        StartOutcome::Observe { over_by }
    }

    fn handle(&mut self, input: Input) {
        let now = self.moment(self.sim.now);
        let effects = self.engine.as_mut().unwrap().handle(input, now);
        self.perform(effects);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        let now = self.sim.now;
        let is_record = |effect: &Effect| matches!(effect, Effect::Record(_));
        assert!(
            effects.is_sorted_by_key(|effect| !is_record(effect)),
            "records come first"
        );
        for effect in effects {
            match &effect {
                Effect::Record(record) => keep(&mut self.saved, record),
                Effect::Start {
                    key,
                    state,
                    start,
                    number: _,
                } => {
                    let call = Pending::Call {
                        key: key.clone(),
                        state: *state,
                        start: *start,
                    };
                    self.pending.push((now + self.start_takes.0, call));
                }
                Effect::ReadLog { key, incident } => {
                    let input = Input::LogRead {
                        key: key.clone(),
                        incident: incident.clone(),
                        lines: vec!["the end".to_owned()],
                    };
                    self.pending.push((now + LOG_TAKES, Pending::Input(input)));
                }
                Effect::Look { programs, .. } => self.ask(programs.clone()),
                Effect::PollNow { .. }
                | Effect::FeedJudged { .. }
                | Effect::Detected { .. }
                | Effect::Notice(_)
                | Effect::AttemptEnded { .. }
                | Effect::StartWaits { .. }
                | Effect::Suppressed { .. } => {}
            }
            self.seen.push((now, Seen::Effect(Box::new(effect))));
        }
        self.watch_pids();
    }
}

/// What the store makes of a record.
pub(crate) fn keep(saved: &mut Saved, record: &Record) {
    match record.clone() {
        Record::Transition(transition) => saved.transitions.push(transition),
        Record::Incident(incident) => {
            let found = saved
                .incidents
                .iter_mut()
                .find(|known| known.id == incident.id);
            match found {
                Some(known) => drop(mem::replace(known, incident)),
                None => saved.incidents.push(incident),
            }
        }
        Record::Server(server) => {
            saved.servers.retain(|known| known.server != server.server);
            saved.servers.push(server);
        }
        Record::Program(program) => {
            saved.programs.retain(|known| known.key != program.key);
            saved.programs.push(program);
        }
        Record::ProgramRemoved(key) => saved.programs.retain(|known| known.key != key),
        Record::Silence(silence) => saved.silences.push(silence),
        Record::SilenceEnded(id) => saved.silences.retain(|known| known.id != id),
        Record::Hold(hold) => {
            saved.holds.retain(|known| known.key != hold.key);
            saved.holds.push(hold);
        }
        Record::HoldEnded(key) => saved.holds.retain(|known| known.key != key),
        Record::Audit(entry) => saved.audit.push(entry),
        Record::NoticeQueued { .. } | Record::NoticeDone { .. } | Record::Channel(_) => {}
    }
}
