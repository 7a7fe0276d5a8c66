//! Polls one supervisord at its interval and hands what it shows to the loop.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, mpsc, watch},
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::error;

use super::{event::Event, with_causes};
use crate::{
    clock::Clock,
    engine::PollFailure,
    model::{Moment, ServerName, Snapshot},
    supervisord::{CallError, Client, LogEnd, Settings},
};

/// The longest interval that `max_load` may stretch polling to (design: 60 s).
const STRETCHED_MAX: Duration = Duration::from_secs(60);
/// The rest after a failed poll, unless the interval is shorter still: a supervisord that restarts is
/// back within seconds, and one that is too busy to answer in time is left alone for a moment.
const FAILED_AGAIN: Duration = Duration::from_secs(1);
/// What a poll costs supervisord, by the time that it takes: it clears up after its answer.
const CLEARING_UP: f64 = 1.2;
/// Polls whose middle one tells what a poll costs: one or two slow ones say more about a busy host.
const RECENT_POLLS: usize = 5;
/// The rest before a poll that was asked for out of turn, in times of what the last one took: rare as
/// that is, it may cost supervisord a tenth of a core.
const NUDGED_REST: u32 = 10;
/// The least rest between two polls, however long the last one took.
const REST_MIN: Duration = Duration::from_millis(50);

/// What one poll came to.
#[derive(Debug)]
pub struct Poll {
    /// The supervisord.
    pub server: ServerName,
    /// The configuration that the poller was sent out under, by number.
    pub epoch: u64,
    /// When it began.
    pub begun: Moment,
    /// What it showed, or why it did not.
    pub outcome: Result<Snapshot, PollFailure>,
    /// The end of the main log at the same moment, where it was asked for.
    pub log: Option<LogEnd>,
    /// What came of it, of the closed set of [`CallError::kind`] and `success`.
    pub result: &'static str,
    /// How long it took.
    pub took: Duration,
    /// From the beginning of this poll to that of the next one that follows a success.
    pub interval: Duration,
}

/// One supervisord's poller.
#[derive(Debug, Clone)]
pub struct Poller {
    /// Asks.
    pub client: Client,
    /// How often, and how much that may cost.
    pub settings: Settings,
    /// The number of the configuration in force.
    pub epoch: u64,
    /// Measures.
    pub clock: Clock,
    /// How much of the main log's end is asked for; none: nothing.
    pub log_bytes: watch::Receiver<Option<u32>>,
    /// Asks for a poll before its time.
    pub nudge: Arc<Notify>,
    /// Takes the polls.
    pub events: mpsc::Sender<Event>,
}

impl Poller {
    /// As [`Self::run`], in a task that is begun anew where it panicked, which it is not meant to: a
    /// supervisord that nobody polls would look well for ever.
    pub async fn keep_running(self, tasks: TaskTracker, stop: CancellationToken) {
        while let Err(error) = tasks.spawn(self.clone().run(stop.clone())).await {
            let server = &self.settings.name;
            error!(%server, %error, "a poll broke off by a mistake in supervigil: please report it");
            sleep(FAILED_AGAIN).await;
        }
    }

    /// Polls until it is told to stop, or nobody listens any more.
    pub async fn run(self, stop: CancellationToken) {
        let mut recent = Recent::default();
        loop {
            let begun = self.clock.now();
            // Dropping a poll half-way closes its connection, which supervisord takes in its stride.
            let log_bytes = *self.log_bytes.borrow();
            let outcome = tokio::select! {
                outcome = self.client.poll(log_bytes) => outcome,
                () = stop.cancelled() => return,
            };
            let took = self.clock.now().since(begun);
            let stretched = outcome.as_ref().ok();
            let stretched = stretched.map(|_| interval(&self.settings, recent.cost_with(took)));
            let rest = rest(&self.settings, stretched, took);
            let (outcome, log) = match outcome {
                Ok((snapshot, log)) => (Ok(snapshot), log),
                Err(error) => (Err(error), None),
            };
            let poll = Poll {
                server: self.settings.name.clone(),
                epoch: self.epoch,
                begun,
                result: outcome.as_ref().map_or_else(CallError::kind, |_| "success"),
                outcome: outcome.map_err(|error| failure(&error)),
                log,
                took,
                interval: stretched.unwrap_or(self.settings.poll_interval),
            };
            if self.events.send(Event::Polled(poll)).await.is_err() {
                return;
            }
            tokio::select! {
                () = sleep(rest) => {}
                // A nudge that is cancelled half-way is as good as none: the poll comes at its time.
                () = self.nudged(took) => {}
                () = stop.cancelled() => return,
            }
        }
    }
}

impl Poller {
    /// Waits for a nudge, and then until a poll does not cost too much.
    async fn nudged(&self, took: Duration) {
        let last = self.clock.now();
        self.nudge.notified().await;
        let rest = took.saturating_mul(NUDGED_REST).max(REST_MIN);
        let rested = self.clock.now().since(last);
        sleep(rest.saturating_sub(rested)).await;
    }
}

/// How long the latest polls took.
#[derive(Debug, Default)]
struct Recent(VecDeque<Duration>);

impl Recent {
    /// What a poll costs, after another one that took so long.
    fn cost_with(&mut self, took: Duration) -> Duration {
        self.0.push_back(took);
        if self.0.len() > RECENT_POLLS {
            self.0.pop_front();
        }
        let mut sorted: Vec<_> = self.0.iter().copied().collect();
        sorted.sort_unstable();
        let middle = sorted.len().saturating_sub(1) / 2;
        sorted.get(middle).copied().unwrap_or(took)
    }
}

/// A failed poll as the engine takes it.
fn failure(error: &CallError) -> PollFailure {
    PollFailure {
        message: with_causes(error),
        shutting_down: matches!(error, CallError::ShuttingDown { .. }),
    }
}

/// From the beginning of a poll to the beginning of the next.
///
/// A poll costs supervisord about as much time as it takes, so that a share `max_load` of a core is
/// kept by waiting `cost / max_load`.
fn interval(settings: &Settings, cost: Duration) -> Duration {
    let cost = cost.mul_f64(CLEARING_UP);
    let stretched = cost.div_f64(settings.max_load.max(f64::MIN_POSITIVE));
    settings.poll_interval.max(stretched.min(STRETCHED_MAX))
}

/// From the end of a poll to the beginning of the next; `interval` is none after a failure.
fn rest(settings: &Settings, interval: Option<Duration>, took: Duration) -> Duration {
    match interval {
        Some(interval) => interval.saturating_sub(took).max(REST_MIN),
        None => settings.poll_interval.min(FAILED_AGAIN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisord::Endpoint;

    fn settings() -> Settings {
        Settings {
            name: ServerName::new("main"),
            endpoint: Endpoint::Unix("/nowhere".into()),
            credentials: None,
            poll_interval: Duration::from_secs(5),
            timeout: Duration::from_secs(5),
            max_load: 0.02,
            follow_log: true,
            watch_pids: true,
        }
    }

    #[test]
    fn the_interval_stretches_to_keep_max_load_and_no_further_than_a_minute() {
        let cases = [
            (10, 5_000),
            (83, 5_000),
            (100, 6_000),
            (500, 30_000),
            (1_200, 60_000),
            (4_000, 60_000),
        ];
        for (took, expected) in cases {
            let interval = interval(&settings(), Duration::from_millis(took));
            assert_eq!(
                interval,
                Duration::from_millis(expected),
                "a poll of {took} ms"
            );
        }
    }

    #[test]
    fn an_interval_above_a_minute_stays_as_it_is_asked_for() {
        let slow = Settings {
            poll_interval: Duration::from_secs(600),
            ..settings()
        };
        assert_eq!(
            interval(&slow, Duration::from_secs(4)),
            Duration::from_secs(600)
        );
    }

    #[test]
    fn a_failed_poll_is_tried_again_soon_and_not_at_once() {
        let timed_out = Duration::from_secs(5);
        assert_eq!(rest(&settings(), None, timed_out), FAILED_AGAIN);
        let fast = Settings {
            poll_interval: Duration::from_millis(200),
            ..settings()
        };
        assert_eq!(rest(&fast, None, timed_out), Duration::from_millis(200));
    }

    #[test]
    fn the_time_that_a_poll_took_is_part_of_the_interval() {
        let second = Duration::from_secs(1);
        assert_eq!(rest(&settings(), Some(second * 5), second), second * 4);
        assert_eq!(rest(&settings(), Some(second * 5), second * 5), REST_MIN);
    }

    #[test]
    fn two_slow_polls_among_quick_ones_stretch_nothing() {
        let mut recent = Recent::default();
        let took = [90, 8, 7, 80, 9, 70, 75, 80].map(Duration::from_millis);
        let costs = took.map(|took| recent.cost_with(took).as_millis());
        assert_eq!(costs, [90, 8, 8, 8, 9, 9, 70, 75]);
    }
}
