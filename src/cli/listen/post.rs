//! Batches to the daemon, over its HTTP server.

use std::time::Duration;

use hyper::StatusCode;
use tokio::time::{sleep, timeout};

use super::super::{
    console,
    running::{Running, sentence},
};
use crate::{
    http::{EVENTS_PATH, Settings},
    model::Told,
};

/// One post's deadline. The daemon answers in milliseconds; one that takes longer hangs.
const DEADLINE: Duration = Duration::from_secs(5);

/// The wait before the second attempt; it doubles.
const DELAY_MIN: Duration = Duration::from_millis(100);

/// The longest wait between attempts: what happened is told that long after the daemon is back.
const DELAY_MAX: Duration = Duration::from_secs(2);

/// The way to the daemon.
pub(super) struct Sender {
    daemon: Running,
    /// What went wrong last, and was said.
    said: Option<String>,
}

/// What came of an attempt.
enum Attempt {
    Taken,
    /// The same batch will never be taken.
    Refused(String),
    Failed(String),
}

impl Sender {
    /// The way to the daemon that goes by these settings.
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            daemon: Running::by(settings),
            said: None,
        }
    }

    /// Tries until the batch is taken or refused; returns how many of its events are lost.
    pub(super) async fn deliver(mut self, told: Told) -> (Self, u64) {
        let events = u64::try_from(told.events.len()).unwrap_or(u64::MAX);
        let mut delay = DELAY_MIN;
        loop {
            match self.attempt(&told).await {
                Attempt::Taken => {
                    if self.said.take().is_some() {
                        console::complain("supervigil listen: the daemon takes events again");
                    }
                    return (self, 0);
                }
                Attempt::Refused(why) => {
                    self.say(format!("the daemon refuses events: {why}; they are lost"));
                    // It may refuse the next batch, too, and one that only tells of the loss.
                    sleep(DELAY_MAX).await;
                    return (self, events.saturating_add(told.lost));
                }
                Attempt::Failed(why) => {
                    let url = self.daemon.url();
                    self.say(format!(
                        "cannot hand events to the daemon at {url}: {why}; trying on, and keeping them meanwhile"
                    ));
                }
            }
            sleep(delay).await;
            delay = (delay * 2).min(DELAY_MAX);
        }
    }

    fn say(&mut self, sentence: String) {
        if self.said.as_ref() != Some(&sentence) {
            console::complain(&format!("supervigil listen: {sentence}"));
            self.said = Some(sentence);
        }
    }

    async fn attempt(&self, told: &Told) -> Attempt {
        let Ok(body) = serde_json::to_vec(told) else {
            return Attempt::Refused("they cannot be written as JSON".to_owned());
        };
        match timeout(DEADLINE, self.daemon.post(EVENTS_PATH, body.into())).await {
            Ok(Ok((status, answer))) => judge(status, &sentence(&answer)),
            Ok(Err(failure)) => Attempt::Failed(crate::daemon::with_causes(&*failure)),
            Err(_elapsed) => Attempt::Failed(format!("no answer within {} s", DEADLINE.as_secs())),
        }
    }
}

fn judge(status: StatusCode, answer: &str) -> Attempt {
    match status {
        status if status.is_success() => Attempt::Taken,
        // What it cannot read it will not be able to read later.
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => Attempt::Refused(answer.into()),
        // The rest is mended by a restart, or by somebody who reads this.
        status => Attempt::Failed(format!("it answers {}: {answer}", status.as_u16())),
    }
}
