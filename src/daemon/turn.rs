//! One turn of the loop: what came in goes to the engine and the outbox, and what they ask for to
//! `carry`.
//!
//! Owns the engine, the outbox and what is shown of them, and when the loop turns by itself.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    DaemonError, STORE_TENDED_EVERY,
    carry::Todo,
    event::Event,
    feeds::{Heard, Hint},
    history::History,
    notices::Notices,
    poller::Poll,
    say,
    watching::{LookDone, Watching},
};
use crate::{
    clock::Clock,
    config::Config,
    engine::{self, Engine},
    http::Asked,
    logging::Log,
    metrics,
    model::{ConfigView, Moment, Published, Saved, ServerName, Told},
    notify::{self, Channels, Outbox, Place},
    store::Store,
};

/// Events that one turn takes in at most, so that a storm is one commit and one picture and still
/// nobody waits long for it.
const BATCH_MAX: usize = 64;

/// What the loop works with.
pub(super) struct Parts {
    pub clock: Clock,
    pub store: Store,
    pub metrics: metrics::Events,
    pub publish: watch::Sender<Arc<Published>>,
    pub beat: watch::Sender<Moment>,
    pub events: mpsc::Sender<Event>,
    pub tasks: TaskTracker,
}

/// The loop's state.
pub(super) struct Turn {
    pub(super) parts: Parts,
    pub(super) config: Config,
    pub(super) log: Log,
    pub(super) config_view: ConfigView,
    pub(super) started_at: Moment,
    pub(super) engine: Engine,
    pub(super) outbox: Outbox,
    pub(super) channels: Channels,
    pub(super) servers: BTreeMap<ServerName, Watched>,
    /// The supervisords whose listeners were heard.
    pub(super) heard: Heard,
    pub(super) history: History,
    pub(super) notices: Notices,
    pub(super) polling: CancellationToken,
    /// The number of the configuration in force; a reload makes it one more.
    pub(super) epoch: u64,
    pub(super) store_tended: Moment,
    pub(super) store_error: Option<String>,
    /// Errands that are out: starts, log reads, messages.
    pub(super) under_way: usize,
}

/// A supervisord that is watched.
pub(super) struct Watched {
    pub(super) watching: Watching,
    pub(super) interval: Duration,
    /// Why the last poll failed.
    pub(super) failure: Option<String>,
}

impl Turn {
    pub(super) fn new(
        config: Config,
        log: Log,
        saved: Saved,
        parts: Parts,
    ) -> Result<Self, DaemonError> {
        let now = parts.clock.now();
        let history = History::restored(&saved);
        let notices = Notices::restored(&saved);
        let engine = Engine::new(config.engine.clone(), &saved, fastrand::u64(..), now);
        let channels = Channels::new(&config.notify)?;
        let outbox = Outbox::new(&config.notify, Place::here(), saved, fastrand::u64(..), now);
        Ok(Self {
            parts,
            config,
            log,
            config_view: ConfigView {
                last_reload_ok: true,
                loaded_at: now.wall,
            },
            started_at: now,
            engine,
            outbox,
            channels,
            servers: BTreeMap::new(),
            heard: Heard::default(),
            history,
            notices,
            polling: CancellationToken::new(),
            epoch: 0,
            store_tended: now,
            store_error: None,
            under_way: 0,
        })
    }

    /// Begins to poll.
    pub(super) fn start(&mut self) {
        self.watch_all();
        self.publish();
    }

    /// No more polls, and no more starts: whoever stops supervigil may be stopping the host.
    pub(super) fn begin_to_stop(&mut self) {
        self.polling.cancel();
        self.engine.stop_starting();
        self.outbox.end_rounds();
    }

    /// When the loop has to turn even though nothing comes in.
    pub(super) fn wake_at(&self, heartbeat: Duration) -> Instant {
        let beat = self.parts.clock.now().after(heartbeat);
        let tend = self.store_tended.after(STORE_TENDED_EVERY);
        let wakes = [
            self.engine.next_wake(),
            self.outbox.next_wake(),
            Some(tend),
            Some(beat),
        ];
        let next = wakes
            .into_iter()
            .flatten()
            .min_by_key(|moment| moment.monotonic);
        self.parts.clock.instant(next.unwrap_or(beat))
    }

    /// A moment from here.
    pub(super) fn deadline(&self, after: Duration) -> Instant {
        self.parts
            .clock
            .instant(self.parts.clock.now().after(after))
    }

    /// Whether a stop before `deadline` should wait: for an errand that is out, or for a message that
    /// is due before it.
    pub(super) fn is_busy(&self, deadline: Instant) -> bool {
        let now = self.parts.clock.instant(self.parts.clock.now());
        let due = self
            .outbox
            .next_wake()
            .map(|moment| self.parts.clock.instant(moment));
        now < deadline && (self.under_way > 0 || due.is_some_and(|due| due < deadline))
    }

    /// Takes in an event and those that wait behind it.
    pub(super) async fn take(&mut self, event: Event, inbox: &mut mpsc::Receiver<Event>) {
        let now = self.parts.clock.now();
        let mut effects = self.handle(event, now);
        for _ in 1..BATCH_MAX {
            let Ok(event) = inbox.try_recv() else { break };
            effects.extend(self.handle(event, now));
        }
        self.carry_out(effects, now).await;
    }

    /// A listener hands on what supervisord told it.
    pub(super) async fn told(&mut self, told: Told) {
        let now = self.parts.clock.now();
        say::told(&told);
        let inputs = self.heard.inputs(told);
        let mut todos = Vec::new();
        for input in inputs {
            todos.extend(self.tell_engine(input, now));
        }
        self.carry_out(todos, now).await;
    }

    /// Somebody gives an order. What it came to is said when it is on the disk.
    pub(super) async fn ordered(&mut self, asked: Asked) {
        let now = self.parts.clock.now();
        let (outcome, effects) = self.engine.order(asked.order, &asked.author, now);
        let todos = effects.into_iter().map(Todo::Engine).collect();
        self.carry_out(todos, now).await;
        // Whoever asked may have gone.
        let _unheard = asked.answer.send(outcome);
    }

    /// The time that was waited for has come.
    pub(super) async fn woken(&mut self) {
        let now = self.parts.clock.now();
        if now.since(self.store_tended) >= STORE_TENDED_EVERY {
            self.store_tended = now;
            let tended = self.parts.store.tend(now);
            self.wait_for_disk(tended).await;
        }
        let effects = self.engine.handle(engine::Input::Woken, now);
        let mut effects: Vec<_> = effects.into_iter().map(Todo::Engine).collect();
        effects.extend(
            self.outbox
                .handle(notify::Input::Wake, now)
                .into_iter()
                .map(Todo::Outbox),
        );
        self.carry_out(effects, now).await;
    }

    fn handle(&mut self, event: Event, now: Moment) -> Vec<Todo> {
        match event {
            Event::Polled(poll) => self.polled(poll, now),
            Event::Looked(look) => self.looked(look, now),
            Event::Hint(hint) => self.hinted(hint, now),
            Event::Engine(input) => {
                self.under_way = self.under_way.saturating_sub(1);
                say::input(&input);
                self.tell_engine(input, now)
            }
            Event::Outbox(input) => {
                self.under_way = self.under_way.saturating_sub(1);
                self.outbox
                    .handle(input, now)
                    .into_iter()
                    .map(Todo::Outbox)
                    .collect()
            }
        }
    }

    fn polled(&mut self, poll: Poll, now: Moment) -> Vec<Todo> {
        // One that began before a reload may have asked another supervisord under the same name.
        let current = self.servers.get_mut(&poll.server);
        let Some(watched) = current.filter(|_| poll.epoch == self.epoch) else {
            return Vec::new();
        };
        watched.interval = poll.interval;
        let metrics = &self.parts.metrics;
        metrics.polled(&poll.server, poll.result);
        metrics.called(&poll.server, "system.multicall", poll.took);
        let failure = poll.outcome.as_ref().err();
        let failure = failure.map(|failure| failure.message.clone());
        say::poll(&poll.server, failure.as_deref(), watched.failure.as_deref());
        watched.failure = failure;
        let input = watched.watching.polled(poll);
        self.tell_engine(input, now)
    }

    fn looked(&mut self, look: LookDone, now: Moment) -> Vec<Todo> {
        let current = self.servers.get_mut(&look.server);
        let Some(watched) = current.filter(|_| look.epoch == self.epoch) else {
            return Vec::new();
        };
        let metrics = &self.parts.metrics;
        metrics.called(&look.server, "supervisor.getProcessInfo", look.took);
        let input = watched.watching.looked(look);
        self.tell_engine(input, now)
    }

    fn hinted(&mut self, hint: Hint, now: Moment) -> Vec<Todo> {
        if hint.epoch != self.epoch {
            return Vec::new();
        }
        self.tell_engine(hint.input, now)
    }

    fn tell_engine(&mut self, input: engine::Input, now: Moment) -> Vec<Todo> {
        let effects = self.engine.handle(input, now);
        effects.into_iter().map(Todo::Engine).collect()
    }

    /// Has the pids watched that are alive.
    pub(super) fn watch_pids(&self) {
        for (server, watched) in &self.servers {
            watched.watching.watch_pids(self.engine.pid_targets(server));
        }
    }
}
