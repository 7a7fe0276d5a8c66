//! The daemon: everything below, put to work.
//!
//! | module | is |
//! |---|---|
//! | `mod` | the start and the stop, in order |
//! | `turn` | the loop's one owner of engine and outbox: events in, effects out |
//! | `carry` | effects are written down, then carried out |
//! | `reload` | the configuration comes into force |
//! | `picture` | what HTTP and the metrics show |
//! | `event` | what comes back to the loop |
//! | `watching` | the tasks that watch one supervisord |
//! | `poller` | polls it at its interval |
//! | `feeds` | passes on what the kernel and listeners tell |
//! | `log` | how far its main log has been read |
//! | `budget` | what looks at single programs may cost it |
//! | `errand` | short tasks: a start, the end of a log, a message |
//! | `history` | the latest transitions and incidents |
//! | `notices` | the latest notices, and what became of them |
//! | `say` | what the log and the metrics are told |
//! | `signals` | what the operating system asks for |
//!
//! One task owns the engine and the outbox. Polls, starts, reads and messages are tasks of their own,
//! and all that they bring returns through one bounded queue. Every batch of records is committed
//! before the starts and messages that follow from it.

mod budget;
mod carry;
mod errand;
mod event;
mod feeds;
mod history;
mod log;
mod notices;
mod picture;
mod poller;
mod reload;
mod say;
mod signals;
mod tail;
mod turn;
mod watching;

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, info, warn};

use crate::{
    clock::Clock,
    config::Config,
    http, kernel,
    logging::Log,
    metrics,
    model::{ConfigView, Moment, Published, Saved, StoreView, Told},
    notify,
    store::{self, Store, StoreError},
};
pub use event::Event;
pub use feeds::Hint;
pub use poller::{Poll, Poller};
pub use signals::{Signal, Signals};
use turn::{Parts, Turn};
pub use watching::{LookDone, Surroundings, Watching};

/// Events that may wait for the loop. Pollers and errands wait when it is full, so nothing is lost.
const QUEUE_MAX: usize = 256;
/// Batches of hints from listeners that may wait for the loop. When it is full, listeners keep theirs
/// and try again.
const TOLD_MAX: usize = 64;
/// Orders that may wait for the loop; people give one at a time.
const ORDERS_MAX: usize = 16;
/// How long the loop may go without a turn before it says itself that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How often the store is asked to try again what it could not save.
const STORE_TENDED_EVERY: Duration = Duration::from_secs(5);
/// How long a turn waits for the disk. A busy disk takes a second or two now and then; one that takes
/// longer hangs, and people must hear of a dead program all the same.
const DISK_PATIENCE: Duration = Duration::from_secs(3);
/// How long a stop waits for starts and messages under way. With a turn that waits for the disk and
/// with what follows it stays within the 10 s that container runtimes give before they kill.
const GRACE: Duration = Duration::from_secs(4);
/// How long a stop waits for the database.
const DATABASE_CLOSING: Duration = Duration::from_millis(1500);
/// How long a stop waits for HTTP.
const HTTP_CLOSING: Duration = Duration::from_secs(1);

/// Why the daemon could not start, or stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The page's address cannot be had.
    #[error("the HTTP server cannot start")]
    Http(#[from] http::HttpError),
    /// The metrics are declared wrongly.
    #[error("the metrics cannot be set up")]
    Metrics(#[from] metrics::MetricsError),
    /// The channels cannot be set up.
    #[error("the channels cannot be set up")]
    Channels(#[from] notify::ChannelError),
    /// Another supervigil has the database.
    #[error("the database cannot be used")]
    Store(#[source] StoreError),
    /// The operating system refuses to hand signals over.
    #[error("signals cannot be received")]
    Signals(#[source] std::io::Error),
}

/// Reads the configuration anew, for a reload.
pub type Reload = Box<dyn Fn() -> Result<Config, crate::config::ConfigError> + Send>;

/// Runs until SIGTERM or SIGINT.
pub async fn run(config: Config, log: Log, reload: Reload) -> Result<(), DaemonError> {
    let clock = Clock::start();
    let mut signals = Signals::install().map_err(DaemonError::Signals)?;
    // A pidfd for each program: many hosts allow 1024 files unless a process asks for more.
    if let Err(error) = kernel::raise_fd_limit() {
        warn!(%error, "the limit of open files stays as it is, so that fewer processes can be watched");
    }
    let bound = http::bind(&config.http.listen).await?;
    say::configuration(&config);

    let now = clock.now();
    let (store, saved) = open_store(&config.store, now)?;
    let (publish, published) = watch::channel(Arc::new(nothing_yet(now)));
    let (beat, heartbeat) = watch::channel(now);
    let tell_time: metrics::Now = Arc::new(move || clock.now());
    let metrics = metrics::Metrics::new(
        metrics::Settings {
            compact_state: config.http.compact_state,
            max_processes: config.http.max_processes,
        },
        published.clone(),
        Arc::clone(&tell_time),
    )?;
    let (events, inbox) = mpsc::channel(QUEUE_MAX);
    let (told, told_inbox) = mpsc::channel(TOLD_MAX);
    let (orders, orders_inbox) = mpsc::channel(ORDERS_MAX);
    let (tasks, closing) = (TaskTracker::new(), CancellationToken::new());
    let parts = Parts {
        clock,
        store: store.clone(),
        metrics: metrics.events(),
        publish,
        beat,
        events,
        tasks: tasks.clone(),
    };
    let mut turn = Turn::new(config.clone(), log, saved, parts)?;

    let (counted, shown) = (metrics.events(), metrics.clone());
    let sources = http::Sources {
        published,
        heartbeat,
        now: tell_time,
        exposition: Arc::new(move |format| shown.exposition(format)),
        served: Arc::new(move |path, code| counted.http_served(path, code)),
        told,
        orders: config.http.control.then_some(orders),
        token: config.http.token.clone(),
        language: match config.notify.language {
            notify::Language::Zh => http::Language::Zh,
            notify::Language::En => http::Language::En,
        },
        zone: jiff::tz::TimeZone::system(),
    };
    let server = tasks.spawn(http::serve(bound, sources, closing.clone()));
    info!("supervigil is up");

    turn.start();
    let inboxes = Inboxes {
        events: inbox,
        told: told_inbox,
        orders: orders_inbox,
    };
    work(&mut turn, inboxes, &mut signals, &reload).await;

    tasks.close();
    if timeout(DATABASE_CLOSING, store.close()).await.is_err() {
        warn!("the database did not close in time; what it has committed is safe");
    }
    closing.cancel();
    let _ended = timeout(HTTP_CLOSING, server).await;
    info!("supervigil has stopped");
    Ok(())
}

/// What comes to the loop from outside of it.
struct Inboxes {
    events: mpsc::Receiver<Event>,
    told: mpsc::Receiver<Told>,
    orders: mpsc::Receiver<http::Asked>,
}

/// The loop, and then the orderly end of it.
async fn work(turn: &mut Turn, inboxes: Inboxes, signals: &mut Signals, reload: &Reload) {
    let Inboxes {
        mut events,
        mut told,
        mut orders,
    } = inboxes;
    loop {
        let wake = turn.wake_at(HEARTBEAT);
        // Each arm is cancel-safe: receiving from a queue, from a signal stream and sleeping lose
        // nothing when another arm wins.
        tokio::select! {
            Some(event) = events.recv() => turn.take(event, &mut events).await,
            Some(told) = told.recv() => turn.told(told).await,
            Some(asked) = orders.recv() => turn.ordered(asked).await,
            () = tokio::time::sleep_until(wake) => turn.woken().await,
            signal = signals.next() => match signal {
                Signal::Reload => turn.reload(reload()).await,
                Signal::Stop => break,
            },
        }
    }
    info!("stopping: finishing the starts and messages under way");
    turn.begin_to_stop();
    // A turn that is cut off waits for the disk: its records are in the database's queue, and the next
    // run sends what it would have sent.
    if timeout(GRACE, finish(turn, events, signals)).await.is_err() {
        warn!("stopping with the work unfinished; the next start goes on with it");
    }
}

/// Takes in what comes back until nothing more is to be waited for.
async fn finish(turn: &mut Turn, mut inbox: mpsc::Receiver<Event>, signals: &mut Signals) {
    let deadline = turn.deadline(GRACE);
    while turn.is_busy(deadline) {
        let wake = turn.wake_at(HEARTBEAT).min(deadline);
        // Cancel-safe for the same reasons.
        tokio::select! {
            Some(event) = inbox.recv() => turn.take(event, &mut inbox).await,
            () = tokio::time::sleep_until(wake) => turn.woken().await,
            signal = signals.next() => match signal {
                Signal::Reload => {}
                Signal::Stop => {
                    warn!("stopping at once; what was not delivered is kept for the next start");
                    return;
                }
            },
        }
    }
}

/// Opens the database; where that cannot be, everything goes on without one, but for a second
/// supervigil, which would tell everything twice.
fn open_store(settings: &store::Settings, now: Moment) -> Result<(Store, Saved), DaemonError> {
    match Store::open(settings, now) {
        Ok((store, saved, notices)) => {
            for notice in notices {
                error!("{notice}");
            }
            Ok((store, saved))
        }
        Err(problem @ StoreError::InUse { .. }) => Err(DaemonError::Store(problem)),
        Err(problem) => {
            let sentence = with_causes(&problem);
            error!(
                "{sentence}; supervigil goes on without it: a restart will forget what was told and tried"
            );
            Ok((Store::in_memory(Some(sentence)), Saved::default()))
        }
    }
}

/// An error with its causes, in one line.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut sentence = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let source_text = source.to_string();
        if !sentence.contains(&source_text) {
            sentence.push_str(": ");
            sentence.push_str(&source_text);
        }
        cause = source.source();
    }
    sentence
}

fn nothing_yet(now: Moment) -> Published {
    Published {
        started_at: now.wall,
        servers: Vec::new(),
        incidents: Vec::new(),
        transitions: Arc::default(),
        notices: Arc::default(),
        channels: Vec::new(),
        silences: Vec::new(),
        holds: Vec::new(),
        windows: Vec::new(),
        audit: Arc::default(),
        store: StoreView::default(),
        config: ConfigView {
            last_reload_ok: true,
            loaded_at: now.wall,
        },
    }
}
