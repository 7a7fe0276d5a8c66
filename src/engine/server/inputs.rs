//! Which input is whose business.

use super::Server;
use crate::engine::{Context, Input};

impl Server {
    /// Takes in what is about this supervisord.
    pub(in crate::engine) fn take(&mut self, input: Input, context: &mut Context<'_>) {
        match input {
            Input::Polled {
                begun,
                outcome,
                log,
                ..
            } => match outcome {
                Ok(snapshot) => self.polled(snapshot, log, begun, context),
                Err(failure) => self.poll_failed(failure, context),
            },
            Input::Looked { begun, outcome, .. } => match outcome {
                Some(looked) => self.looked(looked, begun, context),
                None => self.look_failed(),
            },
            Input::Told { feed, telling, .. } => {
                self.told(feed, &telling, (context.now, None), context);
            }
            Input::PidNews { key, pid, news } => self.pid_news(&key.program, pid, news, context),
            Input::FeedChanged { feed, is_up, .. } => self.feed_changed(feed, is_up, context),
            Input::FeedLost { feed, .. } => self.feed_lost(feed),
            Input::Started { key, outcome } => self.started(&key, &outcome, context),
            Input::LogRead {
                key,
                incident,
                lines,
            } => self.log_read(&key, &incident, lines, context),
            Input::Woken => self.woken(context),
        }
    }
}
