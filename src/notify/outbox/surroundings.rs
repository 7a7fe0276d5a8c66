//! What is common to all channels.

use std::time::Duration;

use fastrand::Rng;
use ulid::Ulid;

use super::roster::Roster;
use crate::{
    model::Moment,
    notify::{place::Place, settings::Settings, text::Voice},
};

/// The voice, the grouping, the chance, and what receivers that hold alerts are to hold.
#[derive(Debug)]
pub(super) struct Surroundings {
    pub(super) voice: Voice,
    /// From the first notice after a quiet time to the first message.
    pub(super) group_wait: Duration,
    /// Between messages after that.
    pub(super) group_interval: Duration,
    /// For identities and for the jitter of retries.
    pub(super) rng: Rng,
    pub(super) roster: Roster,
    /// Whether the program is about to end, so that nothing is posted but news.
    pub(super) is_stopping: bool,
}

impl Surroundings {
    pub(super) fn new(settings: &Settings, place: Place, rng: Rng, roster: Roster) -> Self {
        let voice = Voice {
            language: settings.language,
            place,
        };
        Self {
            voice,
            group_wait: settings.group_wait,
            group_interval: settings.group_interval,
            rng,
            roster,
            is_stopping: false,
        }
    }

    /// An identity that sorts by the time of its making.
    pub(super) fn ulid(&mut self, now: Moment) -> String {
        let millis = u64::try_from(now.wall.as_millisecond()).unwrap_or_default();
        Ulid::from_parts(millis, self.rng.u128(..)).to_string()
    }

    pub(super) fn reconfigure(&mut self, settings: &Settings) {
        self.voice.language = settings.language;
        self.group_wait = settings.group_wait;
        self.group_interval = settings.group_interval;
    }
}
