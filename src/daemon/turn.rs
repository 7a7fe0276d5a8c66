//! One turn of the loop: what came in goes to the engine and the outbox, what they ask for is written
//! down, carried out and shown.
//!
//! Owns the engine, the outbox and what is shown of them. Its invariant: nothing leaves the program
//! (a start, a message) before the records of the same turn were given to the disk. When the disk
//! refuses, that is said and shown, the store keeps the records, and the turn goes on.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    time::{Instant, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, info};

use super::{
    DISK_PATIENCE, DaemonError, STORE_TENDED_EVERY, errand, event::Event, history::History,
    poller::Poll, say, with_causes,
};
use crate::{
    clock::Clock,
    config::Config,
    engine::{self, Effect, Engine},
    logging::Log,
    metrics,
    model::{ConfigView, Moment, Published, Record, Saved, ServerName},
    notify::{self, Channels, Outbox, Place},
    store::{CommitError, Store},
    supervisord::Client,
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
    pub(super) history: History,
    pub(super) polling: CancellationToken,
    /// The number of the configuration in force; a reload makes it one more.
    pub(super) epoch: u64,
    pub(super) store_tended: Moment,
    pub(super) store_error: Option<String>,
    /// Errands that are out: starts, log reads, messages.
    pub(super) under_way: usize,
}

/// A supervisord that is polled.
pub(super) struct Watched {
    pub(super) client: Client,
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
        let engine = Engine::new(config.engine.clone(), &saved, fastrand::u64(..), now);
        let channels = Channels::new(&config.notify)?;
        let outbox = Outbox::new(
            &config.notify,
            Place::here(),
            saved.queued,
            saved.channels,
            fastrand::u64(..),
            now,
        );
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
            history,
            polling: CancellationToken::new(),
            epoch: 0,
            store_tended: now,
            store_error: None,
            under_way: 0,
        })
    }

    /// Begins to poll.
    pub(super) fn start(&mut self) {
        self.poll_all();
        self.publish();
    }

    /// No more polls, and no more starts: whoever stops supervigil may be stopping the host.
    pub(super) fn begin_to_stop(&mut self) {
        self.polling.cancel();
        self.engine.stop_starting();
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
            Event::Engine(input) => {
                self.under_way = self.under_way.saturating_sub(1);
                say::input(&input);
                self.engine
                    .handle(input, now)
                    .into_iter()
                    .map(Todo::Engine)
                    .collect()
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
        let Poll {
            server,
            epoch,
            outcome,
            result,
            took,
            interval,
        } = poll;
        // One that began before a reload may have asked another supervisord under the same name.
        let current = self.servers.get_mut(&server);
        let Some(watched) = current.filter(|_| epoch == self.epoch) else {
            return Vec::new();
        };
        watched.interval = interval;
        self.parts.metrics.polled(&server, result);
        self.parts.metrics.called(&server, "system.multicall", took);
        let failure = outcome.as_ref().err();
        let failure = failure.map(|failure| failure.message.clone());
        say::poll(&server, failure.as_deref(), watched.failure.as_deref());
        watched.failure = failure;
        let effects = self
            .engine
            .handle(engine::Input::Polled { server, outcome }, now);
        effects.into_iter().map(Todo::Engine).collect()
    }

    /// Writes down, carries out and shows what a turn came to.
    pub(super) async fn carry_out(&mut self, todos: Vec<Todo>, now: Moment) {
        let mut records = Vec::new();
        let (mut actions, mut deliveries) = (Vec::new(), Vec::new());
        let mut todos: std::collections::VecDeque<_> = todos.into();
        while let Some(todo) = todos.pop_front() {
            match todo {
                Todo::Engine(Effect::Record(record)) => {
                    if let Record::Incident(incident) = &record {
                        let input = notify::Input::Incident(incident.clone());
                        todos.extend(self.outbox.handle(input, now).into_iter().map(Todo::Outbox));
                    }
                    records.push(record);
                }
                Todo::Engine(Effect::Notice(notice)) => {
                    say::notice(&notice);
                    let effects = self.outbox.handle(notify::Input::Notice(notice), now);
                    todos.extend(effects.into_iter().map(Todo::Outbox));
                }
                Todo::Outbox(notify::Effect::Record(record)) => records.push(record),
                Todo::Engine(effect) => actions.push(effect),
                Todo::Outbox(effect) => deliveries.push(effect),
            }
        }
        self.write_down(records).await;
        for effect in actions {
            self.act(effect);
        }
        for effect in deliveries {
            self.deliver(effect);
        }
        self.publish();
    }

    async fn write_down(&mut self, records: Vec<Record>) {
        if records.is_empty() {
            return;
        }
        for record in &records {
            say::record(record, &self.history, &self.parts.metrics);
            self.history.take(record);
        }
        let committed = self.parts.store.commit(records);
        self.wait_for_disk(committed).await;
    }

    /// Waits until the database answers, but not for ever: what has its place in the queue of the
    /// database is written as soon as the disk takes it, and is not taken back.
    async fn wait_for_disk(&mut self, answer: impl Future<Output = Result<(), CommitError>>) {
        let outcome = if self.parts.store.has_room() {
            timeout(DISK_PATIENCE, answer).await
        } else {
            Ok(answer.await)
        };
        let problem = match outcome {
            Ok(answer) => answer.err().map(|error| with_causes(&error)),
            Err(_elapsed) => Some(format!(
                "the database has not answered for {} s, so the disk hangs: check it; supervigil goes on",
                DISK_PATIENCE.as_secs()
            )),
        };
        self.note_store(problem);
    }

    /// Says it once when the disk begins to refuse, and once when it takes everything again.
    fn note_store(&mut self, problem: Option<String>) {
        match (&problem, &self.store_error) {
            (Some(sentence), None) => error!("{sentence}"),
            (None, Some(_)) => info!("the database takes changes again; nothing was lost"),
            (Some(_), Some(_)) | (None, None) => {}
        }
        self.store_error = problem;
    }

    fn act(&mut self, effect: Effect) {
        say::effect(&effect, &self.parts.metrics);
        match effect {
            Effect::Start {
                key,
                state,
                start,
                number: _,
            } => {
                let Some(watched) = self.servers.get(&key.server) else {
                    return;
                };
                let client = watched.client.clone();
                self.send_out(async move {
                    let outcome = errand::start(&client, &key.program, state, start).await;
                    Event::Engine(engine::Input::Started { key, outcome })
                });
            }
            Effect::ReadLog { key, incident } => {
                let lines = self.config.notify.log_tail_lines;
                let Some(watched) = self.servers.get(&key.server).filter(|_| lines > 0) else {
                    return;
                };
                let client = watched.client.clone();
                let redact = self.config.notify.redact.clone();
                self.send_out(async move {
                    let lines = errand::read_log(&client, &key.program, lines, &redact).await;
                    Event::Engine(engine::Input::LogRead {
                        key,
                        incident,
                        lines,
                    })
                });
            }
            Effect::AttemptEnded { .. }
            | Effect::StartWaits { .. }
            | Effect::Record(_)
            | Effect::Notice(_) => {}
        }
    }

    fn deliver(&mut self, effect: notify::Effect) {
        say::delivery(&effect, &self.parts.metrics);
        if let notify::Effect::Send { channel, delivery } = effect {
            let channels = self.channels.clone();
            let clock = self.parts.clock;
            self.send_out(async move {
                let answer = channels.send(&channel, &delivery, clock.now()).await;
                let uuid = delivery.uuid;
                Event::Outbox(notify::Input::Answered {
                    channel,
                    uuid,
                    answer,
                })
            });
        }
    }

    fn send_out(&mut self, errand: impl Future<Output = Event> + Send + 'static) {
        self.under_way = self.under_way.saturating_add(1);
        let events = self.parts.events.clone();
        self.parts.tasks.spawn(async move {
            let event = errand.await;
            // The loop has ended when nobody listens, and what it left undone is on the disk.
            let _unheard = events.send(event).await;
        });
    }
}

/// Something that the engine or the outbox asks for.
pub(super) enum Todo {
    Engine(Effect),
    Outbox(notify::Effect),
}
