//! What supervisord and the kernel tell, brought to the loop.
//!
//! Owns the tasks that follow the main log and watch the pids of one supervisord, and says it once where
//! one of them is of no use. What is told means nothing here: that is the engine's business.

use std::{collections::BTreeSet, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};
use tracing::{debug, info, warn};

use super::{event::Event, watching::Surroundings, with_causes};
use crate::{
    engine,
    kernel::{self, Limits, Report, Targets},
    model::{Feed, ProgramKey, ServerName, Told},
    supervisord::{Client, LogFeed, LogFeedError, Settings},
};

/// The waits before a main log is followed again: a reload takes supervisord some 60 ms, and a log that
/// cannot be had is asked for twice a minute.
const AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));
/// Reports of the kernel's that may wait for the loop.
const REPORTS_MAX: usize = 256;

/// Something that a feed says.
#[derive(Debug)]
pub struct Hint {
    /// The configuration that the feed was sent out under, by number.
    pub epoch: u64,
    /// What it says.
    pub input: engine::Input,
}

/// The listeners that have been heard. One says nothing of its coming and going: it is there from the
/// first that it tells.
#[derive(Debug, Default)]
pub(super) struct Heard(BTreeSet<ServerName>);

impl Heard {
    /// What a listener hands on, as the engine takes it.
    pub(super) fn inputs(&mut self, told: Told) -> Vec<engine::Input> {
        let Told {
            server,
            lost,
            events,
        } = told;
        let feed = Feed::Listener;
        let mut inputs = Vec::new();
        if self.0.insert(server.clone()) {
            inputs.push(engine::Input::FeedChanged {
                server: server.clone(),
                feed,
                is_up: true,
            });
        } else if lost > 0 {
            inputs.push(engine::Input::FeedLost {
                server: server.clone(),
                feed,
            });
        }
        inputs.extend(events.into_iter().map(|telling| engine::Input::Told {
            server: server.clone(),
            feed,
            telling,
        }));
        inputs
    }
}

/// Sends the feeds of a supervisord out.
pub(super) fn start(
    client: &Client,
    settings: &Settings,
    around: &Surroundings,
    targets: watch::Receiver<Targets>,
) {
    let voice = Voice {
        server: settings.name.clone(),
        epoch: around.epoch,
        events: around.events.clone(),
    };
    let stop = around.stop.clone();
    if settings.follow_log {
        let following = follow(client.clone(), voice.clone());
        around
            .tasks
            .spawn(stop.clone().run_until_cancelled_owned(following));
    }
    if settings.watch_pids {
        let (reports, inbox) = mpsc::channel(REPORTS_MAX);
        let watching = kernel::watch(targets, reports, Limits::default());
        around
            .tasks
            .spawn(stop.clone().run_until_cancelled_owned(watching));
        around
            .tasks
            .spawn(stop.run_until_cancelled_owned(pass_on(inbox, voice)));
    }
}

/// Speaks to the loop for the feeds of one supervisord.
#[derive(Clone)]
struct Voice {
    server: ServerName,
    epoch: u64,
    events: mpsc::Sender<Event>,
}

impl Voice {
    async fn say(&self, input: engine::Input) {
        let hint = Hint {
            epoch: self.epoch,
            input,
        };
        // The loop has ended when nobody listens.
        let _unheard = self.events.send(Event::Hint(hint)).await;
    }

    async fn changed(&self, feed: Feed, is_up: bool) {
        let server = self.server.clone();
        self.say(engine::Input::FeedChanged {
            server,
            feed,
            is_up,
        })
        .await;
    }
}

/// Follows the main log, again and again.
async fn follow(client: Client, voice: Voice) {
    let (first, most) = AGAIN;
    let (mut wait, mut said) = (first, None);
    loop {
        let error = match client.follow_log().await {
            Ok(feed) => {
                (wait, said) = (first, None);
                voice.changed(Feed::Log, true).await;
                let error = listen(feed, &voice).await;
                voice.changed(Feed::Log, false).await;
                error
            }
            Err(error) => error,
        };
        complain(&voice.server, &error, &mut said);
        sleep(wait).await;
        wait = wait.saturating_mul(2).min(most);
    }
}

/// Passes on what a log tells until it ends.
async fn listen(mut feed: LogFeed, voice: &Voice) -> LogFeedError {
    loop {
        let tellings = match feed.next().await {
            Ok(tellings) => tellings,
            Err(error) => return error,
        };
        for telling in tellings {
            let server = voice.server.clone();
            let feed = Feed::Log;
            voice
                .say(engine::Input::Told {
                    server,
                    feed,
                    telling,
                })
                .await;
        }
    }
}

/// Says once why there is no log to follow. That supervisord is away the polls say already.
fn complain(server: &ServerName, error: &LogFeedError, said: &mut Option<&'static str>) {
    if said.replace(error.kind()) == Some(error.kind()) {
        return;
    }
    let sentence = with_causes(error);
    if error.is_transient() {
        debug!(%server, "its main log is not followed: {sentence}");
    } else {
        warn!(%server, "deaths are seen later without its main log: {sentence}");
    }
}

/// Passes on what the kernel reports.
async fn pass_on(mut reports: mpsc::Receiver<Report>, voice: Voice) {
    let server = &voice.server;
    while let Some(report) = reports.recv().await {
        match report {
            Report::Up => voice.changed(Feed::Pidfd, true).await,
            Report::Down(why) => {
                info!(%server, "its programs' processes are not watched: {why}");
                voice.changed(Feed::Pidfd, false).await;
            }
            Report::Pid { pid, program, news } => {
                let key = ProgramKey::new(server, &program);
                voice.say(engine::Input::PidNews { key, pid, news }).await;
            }
            Report::Refused { pid, program, why } => {
                let program = ProgramKey::new(server, &program);
                debug!(%program, pid, "its process is not watched: {why}");
            }
        }
    }
}
