//! Which channels there are: over a reload, and over a restart with another configuration.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Effect, Outbox, channel::Channel};
use crate::{
    model::{ChannelRecord, Moment, Notice},
    notify::settings::ChannelSettings,
};

impl Outbox {
    /// Brings the channels into line with `wanted`. Where one goes and one comes, it is the same one by
    /// another name, or takes its place: what waits is told there.
    pub(super) fn arrange(
        &mut self,
        wanted: Vec<ChannelSettings>,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let (stay, mut gone): (Vec<_>, Vec<_>) = std::mem::take(&mut self.channels)
            .into_iter()
            .partition(|channel| wanted.iter().any(|it| it.name == channel.name()));
        let come = wanted.len().saturating_sub(stay.len());
        let mut renamed = if gone.len() == 1 && come == 1 {
            gone.pop()
        } else {
            None
        };
        let mut stay: BTreeMap<_, _> = stay
            .into_iter()
            .map(|channel| (channel.name().to_owned(), channel))
            .collect();
        for settings in wanted {
            let channel = if let Some(mut channel) = stay.remove(&settings.name) {
                channel.reconfigure(settings, now, effects);
                channel
            } else if let Some(channel) = renamed.take() {
                channel.renamed(settings, now, effects)
            } else {
                let mut channel = Channel::new(settings);
                channel.begin_round(&self.surroundings, now);
                channel
            };
            self.channels.push(channel);
        }
        for channel in gone {
            channel.close(effects);
        }
    }
}

/// The channels that are `wanted`, but for a single new one that stands in place of a single one that
/// is gone and has something waiting: that bears the old name, under which it is written down.
pub(super) fn under_known_names(
    wanted: &[ChannelSettings],
    queued: &[(String, Arc<Notice>)],
    records: &[ChannelRecord],
) -> Vec<ChannelSettings> {
    let is_wanted = |name: &str| wanted.iter().any(|channel| channel.name == name);
    let waiting = queued.iter().map(|(name, _)| name);
    let on_its_way = records.iter().filter(|record| record.delivery.is_some());
    let gone: BTreeSet<&String> = waiting
        .chain(on_its_way.map(|record| &record.channel))
        .filter(|name| !is_wanted(name))
        .collect();
    let is_new = |name: &str| {
        let unused = ChannelRecord {
            channel: name.to_owned(),
            ..ChannelRecord::default()
        };
        queued.iter().all(|(known, _)| known != name)
            && records
                .iter()
                .all(|known| known.channel != name || *known == unused)
    };
    let mut known = wanted.to_vec();
    let mut new: Vec<_> = known
        .iter_mut()
        .filter(|channel| is_new(&channel.name))
        .collect();
    let gone: Vec<_> = gone.into_iter().collect();
    if let ([new], [gone]) = (new.as_mut_slice(), gone.as_slice()) {
        new.name.clone_from(gone);
    }
    known
}
