//! Everything that watches one supervisord: its poller, the looks at single programs, its feeds.
//!
//! Owns the tasks and what they may cost; what they bring goes to the loop as events, with the number
//! of the configuration that sent them out. The feeds' own matters are in `feeds.rs`.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, mpsc, watch},
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    budget::Budget,
    errand,
    event::Event,
    feeds,
    log::Log,
    poller::{Poll, Poller},
};
use crate::{
    clock::Clock,
    engine::{Input, Looked, PidTargets},
    kernel::{BootTime, Target, Targets},
    model::{Moment, ProgramName, ServerName},
    supervisord::{Client, Look, Settings},
};

/// What a look may count for: one that takes longer has waited for something else.
const LOOK_COST_MAX: Duration = Duration::from_millis(250);

/// What watching works with.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Measures.
    pub clock: Clock,
    /// Takes what the watching brings.
    pub events: mpsc::Sender<Event>,
    /// Waits for its tasks.
    pub tasks: TaskTracker,
    /// Ends it.
    pub stop: CancellationToken,
    /// The number of the configuration in force.
    pub epoch: u64,
}

/// A look at some programs that is over.
#[derive(Debug)]
pub struct LookDone {
    /// Their supervisord.
    pub server: ServerName,
    /// The configuration that it was sent out under, by number.
    pub epoch: u64,
    /// When it began.
    pub begun: Moment,
    /// How long it took.
    pub took: Duration,
    /// What it showed; none where it failed.
    pub outcome: Option<Look>,
}

/// One supervisord that is watched.
#[derive(Debug)]
pub struct Watching {
    /// Asks it.
    pub client: Client,
    settings: Settings,
    around: Surroundings,
    nudge: Arc<Notify>,
    budget: Budget,
    targets: watch::Sender<Targets>,
    log: Log,
}

impl Watching {
    /// Begins.
    pub fn start(settings: &Settings, around: Surroundings) -> Self {
        let client = Client::new(settings);
        let nudge = Arc::new(Notify::new());
        let (log, log_bytes) = Log::new(settings);
        let poller = Poller {
            client: client.clone(),
            settings: settings.clone(),
            epoch: around.epoch,
            clock: around.clock,
            log_bytes,
            nudge: Arc::clone(&nudge),
            events: around.events.clone(),
        };
        let tasks = &around.tasks;
        tasks.spawn(poller.keep_running(tasks.clone(), around.stop.clone()));
        let (targets, watched) = watch::channel(Targets::default());
        feeds::start(settings, &around, watched);
        Self {
            client,
            settings: settings.clone(),
            around,
            nudge,
            budget: Budget::new(settings.max_load),
            targets,
            log,
        }
    }

    /// Looks at some programs, as soon as the budget allows; it comes back as an event.
    pub fn look(&mut self, programs: Vec<ProgramName>) {
        let clock = self.around.clock;
        let wait = self.budget.wait(clock.now());
        let (client, asked) = (self.client.clone(), clock.now());
        let log_bytes = self.log.bytes();
        let work = self.around.tasks.spawn(async move {
            // Even a sleep of no time takes a millisecond.
            if !wait.is_zero() {
                sleep(wait).await;
            }
            let begun = clock.now();
            let outcome = client.look(&programs, log_bytes).await.ok();
            (begun, clock.now().since(begun), outcome)
        });
        let (events, epoch) = (self.around.events.clone(), self.around.epoch);
        let server = self.settings.name.clone();
        self.around.tasks.spawn(async move {
            let broken = (asked, Duration::ZERO, None);
            let (begun, took, outcome) = errand::outcome_of(work, broken).await;
            let done = LookDone {
                server,
                epoch,
                begun,
                took,
                outcome,
            };
            // The loop has ended when nobody listens.
            let _unheard = events.send(Event::Looked(done)).await;
        });
    }

    /// A look is over: what it means to the engine.
    pub fn looked(&mut self, look: LookDone) -> Input {
        // One that failed says nothing of what it cost.
        if look.outcome.is_some() {
            let cost = look.took.min(LOOK_COST_MAX);
            self.budget.spend(cost, self.around.clock.now());
        }
        let outcome = look.outcome.map(|look| Looked {
            supervisord: look.supervisord,
            programs: look.programs,
            log: self.log.read(look.log),
        });
        Input::Looked {
            server: look.server,
            begun: look.begun,
            outcome,
        }
    }

    /// A poll is over: what it means to the engine.
    pub fn polled(&mut self, poll: Poll) -> Input {
        Input::Polled {
            server: poll.server,
            begun: poll.begun,
            outcome: poll.outcome,
            log: self.log.read(poll.log),
        }
    }

    /// Polls without waiting for the interval.
    pub fn poll_now(&self) {
        self.nudge.notify_one();
    }

    /// Watches the pids of these programs, and no others.
    pub fn watch_pids(&self, targets: PidTargets) {
        let now = (self.around.clock.now(), BootTime::now());
        let targets = Targets {
            supervisord: targets.supervisord,
            socket: self.client.socket(),
            pids: targets
                .pids
                .into_iter()
                .map(|(pid, target)| {
                    let looked_at = now.1.before(now.0.since(target.looked_at));
                    let program = target.program;
                    (pid, Target { program, looked_at })
                })
                .collect(),
        };
        self.targets.send_if_modified(|watched| {
            let is_new = *watched != targets;
            if is_new {
                *watched = targets;
            }
            is_new
        });
    }
}
