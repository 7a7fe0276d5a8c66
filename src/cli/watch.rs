//! `watch`: transitions as they happen.

use std::{collections::BTreeMap, process::ExitCode, time::Duration};

use tokio::{sync::mpsc, time::sleep_until};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::console;
use crate::{
    clock::Clock,
    config::Config,
    daemon::{Event, Poll, Signal, Signals, Surroundings, Watching},
    engine::{Effect, Engine, Input},
    model::{Moment, Record, Saved, ServerName},
};

/// Events that may wait to be looked at.
const QUEUE_MAX: usize = 256;

/// How long nothing happens at the most; what comes in wakes it anyway.
const IDLE: Duration = Duration::from_secs(3600);

/// The epoch of a configuration that never changes.
const EPOCH: u64 = 0;

pub(super) async fn watch(config: &Config) -> anyhow::Result<ExitCode> {
    let clock = Clock::start();
    let mut signals = Signals::install()?;
    let (events, mut inbox) = mpsc::channel(QUEUE_MAX);
    let around = Surroundings {
        clock,
        events,
        tasks: TaskTracker::new(),
        stop: CancellationToken::new(),
        epoch: EPOCH,
    };
    let _stop_on_return = around.stop.clone().drop_guard();
    let mut watcher = Watcher::new(config, &around);
    loop {
        let wake = watcher.engine.next_wake();
        let wake = clock.instant(wake.unwrap_or_else(|| clock.now().after(IDLE)));
        // Cancel-safe: receiving from a queue and from a signal stream and sleeping lose nothing.
        let input = tokio::select! {
            event = inbox.recv() => event.and_then(|event| watcher.input(event)),
            () = sleep_until(wake) => Some(Input::Woken),
            signal = signals.next() => match signal {
                Signal::Stop => return Ok(ExitCode::SUCCESS),
                Signal::Reload => None,
            },
        };
        if let Some(input) = input
            && !watcher.take(input, clock.now())?
        {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// The engine, with everything that watches.
struct Watcher {
    engine: Engine,
    servers: BTreeMap<ServerName, Watching>,
    /// Why the last poll of each failed.
    failures: BTreeMap<ServerName, Option<String>>,
}

impl Watcher {
    fn new(config: &Config, around: &Surroundings) -> Self {
        let now = around.clock.now();
        let engine = config.engine.clone();
        let start = |settings: &crate::supervisord::Settings| {
            let watching = Watching::start(settings, around.clone());
            (settings.name.clone(), watching)
        };
        Self {
            engine: Engine::new(engine, &Saved::default(), fastrand::u64(..), now),
            servers: config.supervisords.iter().map(start).collect(),
            failures: BTreeMap::new(),
        }
    }

    /// What an event means to the engine.
    fn input(&mut self, event: Event) -> Option<Input> {
        match event {
            Event::Polled(poll) => {
                self.note_failure(&poll);
                let watching = self.servers.get_mut(&poll.server)?;
                Some(watching.polled(poll))
            }
            Event::Looked(look) => Some(self.servers.get_mut(&look.server)?.looked(look)),
            Event::Hint(hint) => Some(hint.input),
            Event::Engine(input) => Some(input),
            Event::Outbox(_) => None,
        }
    }

    /// Says why a poll failed, when it fails in another way than the one before.
    fn note_failure(&mut self, poll: &Poll) {
        let failure = poll.outcome.as_ref().err();
        let failure = failure.map(|failure| failure.message.clone());
        let before = self.failures.insert(poll.server.clone(), failure.clone());
        if let Some(failure) = failure.filter(|failure| before.flatten().as_ref() != Some(failure))
        {
            console::complain(&format!("{}: {failure}", poll.server));
        }
    }

    /// Takes an input in and prints what it came to; false where nobody reads on.
    fn take(&mut self, input: Input, now: Moment) -> anyhow::Result<bool> {
        for effect in self.engine.handle(input, now) {
            match effect {
                Effect::Record(Record::Transition(transition)) => {
                    if !console::say(&serde_json::to_string(&transition)?) {
                        return Ok(false);
                    }
                }
                Effect::Look { server, programs } => {
                    if let Some(watching) = self.servers.get_mut(&server) {
                        watching.look(programs);
                    }
                }
                Effect::PollNow { server } => {
                    if let Some(watching) = self.servers.get(&server) {
                        watching.poll_now();
                    }
                }
                Effect::Record(_)
                | Effect::Notice(_)
                | Effect::Start { .. }
                | Effect::ReadLog { .. }
                | Effect::FeedJudged { .. }
                | Effect::Detected { .. }
                | Effect::AttemptEnded { .. }
                | Effect::StartWaits { .. }
                | Effect::Suppressed { .. } => {}
            }
        }
        for (server, watching) in &self.servers {
            watching.watch_pids(self.engine.pid_targets(server));
        }
        Ok(true)
    }
}
