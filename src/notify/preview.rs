//! A message as it would be sent, for people who want to see one first.

use std::time::Duration;

use super::{
    Effect, Input, Outbox,
    place::Place,
    settings::{ChannelSettings, Settings},
};
use crate::model::{Delivery, Moment, Notice, Saved};

/// What the outbox sends to a channel where it has nothing to tell but this; none where the channel is
/// not told such.
pub fn preview(
    settings: &Settings,
    channel: &ChannelSettings,
    place: &Place,
    notice: Notice,
    now: Moment,
) -> Option<Delivery> {
    let alone = Settings {
        group_wait: Duration::ZERO,
        group_interval: Duration::ZERO,
        channels: vec![channel.clone()],
        ..settings.clone()
    };
    let saved = Saved::default();
    let mut outbox = Outbox::new(&alone, place.clone(), saved, fastrand::u64(..), now);
    let effects = outbox.handle(Input::Notice(notice), now);
    effects.into_iter().find_map(|effect| match effect {
        Effect::Send { delivery, .. } => Some(delivery),
        Effect::Record(_)
        | Effect::Taken { .. }
        | Effect::Failed { .. }
        | Effect::Members { .. }
        | Effect::Dropped { .. } => None,
    })
}
