//! A message as it would be sent, for people who want to see one first.

use super::{
    compose::{self, Limits, Stamp},
    place::Place,
    settings::{ChannelSettings, Language},
    text::Voice,
};
use crate::model::{Delivery, Moment, Notice};

/// One delivery of one notice, outside any queue; its uuid is the notice's identity.
pub fn preview(
    channel: &ChannelSettings,
    language: Language,
    place: &Place,
    notice: &Notice,
    now: Moment,
) -> Delivery {
    let voice = Voice {
        language,
        place: place.clone(),
    };
    let uuid = notice.id.0.clone();
    let stamp = Stamp { uuid: &uuid, now };
    let composed = compose::compose(channel, &voice, &[notice], 0, Limits::NONE, stamp);
    composed.delivery(uuid, vec![notice.id.clone()], now)
}
