//! What a turn came to: written down, then carried out, then shown.
//!
//! Its invariant: nothing leaves the program (a start, a message) before the records of the same turn
//! were given to the disk. When the disk refuses or hangs, that is said and shown, the store keeps the
//! records, and the turn goes on.

use std::collections::VecDeque;

use secrecy::ExposeSecret as _;
use tokio::time::timeout;
use tracing::{error, info};

use super::{DISK_PATIENCE, errand, event::Event, say, tail, turn::Turn, with_causes};
use crate::{
    engine::{self, Effect, StartOutcome},
    fault::Step,
    model::{Moment, Record},
    notify::{self, Answer, Redaction, Verdict},
    store::CommitError,
};

/// Something that the engine or the outbox asks for.
pub(super) enum Todo {
    Engine(Effect),
    Outbox(notify::Effect),
}

impl Turn {
    /// Writes down, carries out and shows what a turn came to.
    pub(super) async fn carry_out(&mut self, todos: Vec<Todo>, now: Moment) {
        let mut records = Vec::new();
        let (mut actions, mut deliveries) = (Vec::new(), Vec::new());
        let mut todos: VecDeque<_> = todos.into();
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
                    self.notices.came_about(&notice);
                    let effects = self.outbox.handle(notify::Input::Notice(notice), now);
                    todos.extend(effects.into_iter().map(Todo::Outbox));
                }
                Todo::Outbox(notify::Effect::Record(record)) => records.push(record),
                Todo::Engine(effect) => actions.push(effect),
                Todo::Outbox(effect) => deliveries.push(effect),
            }
        }
        self.watch_pids();
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
            self.notices.take(record);
        }
        Step::BeforeCommit.pass();
        let committed = self.parts.store.commit(records);
        self.wait_for_disk(committed).await;
    }

    /// Waits until the database answers, but not for ever: what has its place in the queue of the
    /// database is written as soon as the disk takes it, and is not taken back.
    pub(super) async fn wait_for_disk(
        &mut self,
        answer: impl Future<Output = Result<(), CommitError>>,
    ) {
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
        say::effect(&effect, &self.parts.metrics, self.parts.clock.now());
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
                let (client, clock) = (watched.watching.client.clone(), self.parts.clock);
                let program = key.program.clone();
                self.send_out(
                    async move { errand::start(&client, clock, &program, state, start).await },
                    StartOutcome::Observe { over_by: None },
                    |outcome| Event::Engine(engine::Input::Started { key, outcome }),
                );
            }
            Effect::ReadLog { key, incident } => {
                let lines = self.config.notify.log_tail_lines;
                let Some(watched) = self.servers.get(&key.server).filter(|_| lines > 0) else {
                    return;
                };
                let client = watched.watching.client.clone();
                let redaction = self.redaction();
                let program = key.program.clone();
                self.send_out(
                    async move { tail::read_log(&client, &program, lines, &redaction).await },
                    Vec::new(),
                    |lines| {
                        Event::Engine(engine::Input::LogRead {
                            key,
                            incident,
                            lines,
                        })
                    },
                );
            }
            Effect::Look { server, programs } => {
                if let Some(watched) = self.servers.get_mut(&server) {
                    watched.watching.look(programs);
                }
            }
            Effect::PollNow { server } => {
                if let Some(watched) = self.servers.get(&server) {
                    watched.watching.poll_now();
                }
            }
            Effect::AttemptEnded { .. }
            | Effect::Detected { .. }
            | Effect::FeedJudged { .. }
            | Effect::StartWaits { .. }
            | Effect::Suppressed { .. }
            | Effect::Record(_)
            | Effect::Notice(_) => {}
        }
    }

    /// What log lines hide: supervisord's own passwords, too.
    fn redaction(&self) -> Redaction {
        let supervisords = self.config.supervisords.iter();
        let credentials = supervisords.filter_map(|server| server.credentials.as_ref());
        credentials.fold(self.config.notify.redaction(), |redaction, credentials| {
            redaction.knowing(credentials.password.expose_secret())
        })
    }

    fn deliver(&mut self, effect: notify::Effect) {
        say::delivery(&effect, &self.parts.metrics);
        if let notify::Effect::Taken {
            channel, notices, ..
        } = &effect
        {
            self.notices.taken(channel, notices);
        }
        if let notify::Effect::Send { channel, delivery } = effect {
            let channels = self.channels.clone();
            let clock = self.parts.clock;
            let (receiver, uuid) = (channel.clone(), delivery.uuid.clone());
            self.send_out(
                async move {
                    Step::BeforeSend.pass();
                    let answer = channels.send(&receiver, &delivery, clock.now()).await;
                    Step::AfterAnswer.pass();
                    answer
                },
                Answer::new(
                    Verdict::ConnectionLost,
                    "sending broke off by a mistake in supervigil: please report it",
                ),
                |answer| {
                    Event::Outbox(notify::Input::Answered {
                        channel,
                        uuid,
                        answer,
                    })
                },
            );
        }
    }

    /// Sends an errand out; it comes back as an event in any case, as `broken` where it broke off.
    fn send_out<T: Send + 'static>(
        &mut self,
        errand: impl Future<Output = T> + Send + 'static,
        broken: T,
        event: impl FnOnce(T) -> Event + Send + 'static,
    ) {
        self.under_way = self.under_way.saturating_add(1);
        let events = self.parts.events.clone();
        let work = self.parts.tasks.spawn(errand);
        self.parts.tasks.spawn(async move {
            let outcome = errand::outcome_of(work, broken).await;
            // The loop has ended when nobody listens, and what it left undone is on the disk.
            let _unheard = events.send(event(outcome)).await;
        });
    }
}
