//! `watch`: transitions as they happen.

use std::process::ExitCode;

use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{clients, console};
use crate::{
    clock::Clock,
    config::Config,
    daemon::{Event, Poller, Signal, Signals},
    engine::{Effect, Engine, Input},
    model::{Record, Saved},
};

/// Polls that may wait to be looked at.
const QUEUE_MAX: usize = 16;

pub(super) async fn watch(config: &Config) -> anyhow::Result<ExitCode> {
    let clock = Clock::start();
    let mut signals = Signals::install()?;
    let (events, mut polls) = mpsc::channel(QUEUE_MAX);
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let _stop_on_return = stop.clone().drop_guard();
    for ((_, client), settings) in clients(config).into_iter().zip(&config.supervisords) {
        let settings = settings.clone();
        let poller = Poller {
            client,
            settings,
            epoch: 0,
            clock,
            events: events.clone(),
        };
        tasks.spawn(poller.run(stop.clone()));
    }
    let mut engine = Engine::new(
        config.engine.clone(),
        &Saved::default(),
        fastrand::u64(..),
        clock.now(),
    );
    let mut said = std::collections::BTreeMap::new();
    loop {
        // Cancel-safe: receiving from a queue and from a signal stream lose nothing.
        let event = tokio::select! {
            event = polls.recv() => event,
            signal = signals.next() => match signal {
                Signal::Stop => None,
                Signal::Reload => continue,
            },
        };
        let Some(Event::Polled(poll)) = event else {
            return Ok(ExitCode::SUCCESS);
        };
        let failure = poll.outcome.as_ref().err();
        let failure = failure.map(|failure| failure.message.clone());
        let before = said.insert(poll.server.clone(), failure.clone());
        if let Some(failure) = failure.filter(|failure| before.flatten().as_ref() != Some(failure))
        {
            console::complain(&format!("{}: {failure}", poll.server));
        }
        let input = Input::Polled {
            server: poll.server,
            outcome: poll.outcome,
        };
        for effect in engine.handle(input, clock.now()) {
            if let Effect::Record(Record::Transition(transition)) = effect
                && !console::say(&serde_json::to_string(&transition)?)
            {
                return Ok(ExitCode::SUCCESS);
            }
        }
    }
}
