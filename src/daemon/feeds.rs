//! What the kernel and supervisord's listeners tell, brought to the loop.
//!
//! Owns the task that watches the pids of one supervisord, and says it once where that is of no use. What
//! is told means nothing here: that is the engine's business.

use std::collections::BTreeMap;

use tokio::sync::{mpsc, watch};
use tracing::{debug, info, warn};

use super::{event::Event, watching::Surroundings};
use crate::{
    engine,
    kernel::{self, Limits, Report, Targets, WhyNot},
    model::{Batch, Feed, PidNews, ProgramKey, ServerName, Told},
    supervisord::Settings,
};

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

/// The listeners that have been heard, and their last batches. One says nothing of its coming and going:
/// it is there from the first that it tells.
#[derive(Debug, Default)]
pub(super) struct Heard(BTreeMap<ServerName, Option<Batch>>);

impl Heard {
    /// What a listener hands on, as the engine takes it.
    pub(super) fn inputs(&mut self, told: Told) -> Vec<engine::Input> {
        let Told {
            server,
            batch,
            lost,
            events,
        } = told;
        let feed = Feed::Listener;
        let mut inputs = Vec::new();
        let last = self.0.insert(server.clone(), batch.clone());
        let was_heard = last.is_some();
        if batch.is_some() && last == Some(batch) {
            // The answer to it was lost.
            return inputs;
        }
        if !was_heard {
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
pub(super) fn start(settings: &Settings, around: &Surroundings, targets: watch::Receiver<Targets>) {
    let voice = Voice {
        server: settings.name.clone(),
        epoch: around.epoch,
        events: around.events.clone(),
    };
    let stop = around.stop.clone();
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
            Report::Refused {
                why: WhyNot::TooManyFiles,
                ..
            } => {
                warn!(%server, "not all of its programs' processes can be watched, as too many files are open: raise the limit of open files (LimitNOFILE= under systemd, ulimit -n) above the number of programs");
                voice.changed(Feed::Pidfd, false).await;
            }
            // It died before it could be watched, and nothing more will be known of that.
            Report::Refused {
                pid,
                program,
                why: WhyNot::Gone,
            } => {
                let key = ProgramKey::new(server, &program);
                let news = PidNews::Ended(None);
                voice.say(engine::Input::PidNews { key, pid, news }).await;
            }
            Report::Refused { pid, program, why } => {
                let program = ProgramKey::new(server, &program);
                debug!(%program, pid, "its process is not watched: {why}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Telling;

    fn batch(number: u64) -> Told {
        Told {
            server: ServerName::new("main"),
            batch: Some(Batch {
                listener: "01K".to_owned(),
                number,
            }),
            lost: 0,
            events: vec![Telling::GroupsChanged],
        }
    }

    #[test]
    fn a_batch_whose_answer_was_lost_is_taken_once() {
        let mut heard = Heard::default();
        let taken = [1, 1, 2, 2, 3].map(|number| heard.inputs(batch(number)).len());
        // The first one says that the listener is there, too.
        assert_eq!(taken, [2, 0, 1, 0, 1]);
    }

    #[test]
    fn batches_without_a_name_are_all_taken() {
        let mut heard = Heard::default();
        let unnamed = Told {
            batch: None,
            ..batch(1)
        };
        let taken = [(); 3].map(|()| heard.inputs(unnamed.clone()).len());
        assert_eq!(taken, [2, 1, 1]);
    }
}
