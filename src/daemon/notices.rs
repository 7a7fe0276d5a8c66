//! The latest notices and how far each got, for the API.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use crate::model::{DeliveryState, Notice, NoticeId, NoticeView, Record, Saved};

/// Notices that are kept in memory.
const NOTICES_MAX: usize = 500;

/// What was told lately, and what is to be told; newest first.
#[derive(Debug, Default)]
pub(super) struct Notices {
    notices: VecDeque<Arc<NoticeView>>,
    shown: Option<Arc<[Arc<NoticeView>]>>,
}

impl Notices {
    /// What waited when an earlier run ended.
    pub(super) fn restored(saved: &Saved) -> Self {
        let mut notices = Self::default();
        for (channel, notice) in &saved.queued {
            notices.queued(channel, notice);
        }
        notices
    }

    /// A notice came about, whether or not a channel is told such.
    pub(super) fn came_about(&mut self, notice: &Notice) {
        self.put(notice, |_| {});
    }

    /// Takes in what is being written down. A notice that a channel is done with counts as dropped
    /// until [`Self::taken`] says otherwise.
    pub(super) fn take(&mut self, record: &Record) {
        match record {
            Record::NoticeQueued { channel, notice } => self.queued(channel, notice),
            Record::NoticeDone { channel, id } => self.set(channel, id, DeliveryState::Dropped),
            Record::Transition(_)
            | Record::Incident(_)
            | Record::Server(_)
            | Record::Program(_)
            | Record::ProgramRemoved(_)
            | Record::Channel(_)
            | Record::Silence(_)
            | Record::SilenceEnded(_)
            | Record::Hold(_)
            | Record::HoldEnded(_)
            | Record::Audit(_) => {}
        }
    }

    /// A channel's receiver took notices.
    pub(super) fn taken(&mut self, channel: &str, notices: &[NoticeId]) {
        for id in notices {
            self.set(channel, id, DeliveryState::Taken);
        }
    }

    pub(super) fn shown(&mut self) -> Arc<[Arc<NoticeView>]> {
        let notices = &self.notices;
        let shown = self
            .shown
            .get_or_insert_with(|| notices.iter().cloned().collect());
        Arc::clone(shown)
    }

    fn queued(&mut self, channel: &str, notice: &Notice) {
        self.put(notice, |deliveries| {
            deliveries.insert(channel.to_owned(), DeliveryState::Waiting);
        });
    }

    fn set(&mut self, channel: &str, id: &NoticeId, state: DeliveryState) {
        let Some(place) = self.place(id) else {
            return;
        };
        self.change(place, |view| {
            view.deliveries.insert(channel.to_owned(), state);
        });
    }

    /// Puts a notice in its place, or in place of what was known of it.
    fn put(&mut self, notice: &Notice, deliver: impl FnOnce(&mut BTreeMap<String, DeliveryState>)) {
        let place = self.place(&notice.id).unwrap_or_else(|| {
            self.notices.push_front(Arc::new(NoticeView {
                notice: notice.clone(),
                deliveries: BTreeMap::new(),
            }));
            self.notices.truncate(NOTICES_MAX);
            0
        });
        self.change(place, |view| {
            view.notice.clone_from(notice);
            deliver(&mut view.deliveries);
        });
    }

    fn change(&mut self, place: usize, change: impl FnOnce(&mut NoticeView)) {
        if let Some(view) = self.notices.get_mut(place) {
            change(Arc::make_mut(view));
        }
        self.shown = None;
    }

    fn place(&self, id: &NoticeId) -> Option<usize> {
        self.notices.iter().position(|view| view.notice.id == *id)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{model::Moment, notify::samples};

    fn notice(number: usize) -> Notice {
        let now = Moment {
            monotonic: Duration::ZERO,
            wall: "2026-11-23T05:41:18Z".parse().unwrap(),
        };
        Notice {
            id: NoticeId(format!("{number:06}")),
            ..samples(now).remove(0)
        }
    }

    fn queued(channel: &str, number: usize) -> Record {
        Record::NoticeQueued {
            channel: channel.to_owned(),
            notice: notice(number),
        }
    }

    #[test]
    fn each_channel_has_a_fate_of_its_own() {
        let mut notices = Notices::default();
        notices.came_about(&notice(1));
        assert_eq!(notices.shown()[0].deliveries, BTreeMap::new());
        for channel in ["day", "night", "ops"] {
            notices.take(&queued(channel, 1));
        }
        for channel in ["day", "ops"] {
            notices.take(&Record::NoticeDone {
                channel: channel.to_owned(),
                id: notice(1).id,
            });
        }
        notices.taken("ops", &[notice(1).id]);
        let shown = notices.shown();
        assert_eq!(shown.len(), 1);
        let fates: Vec<_> = shown[0].deliveries.values().copied().collect();
        assert_eq!(
            fates,
            [
                DeliveryState::Dropped,
                DeliveryState::Waiting,
                DeliveryState::Taken
            ]
        );
    }

    #[test]
    fn the_latest_are_kept() {
        let mut notices = Notices::default();
        for number in 0..NOTICES_MAX + 10 {
            notices.take(&queued("ops", number));
        }
        let shown = notices.shown();
        assert_eq!(shown.len(), NOTICES_MAX);
        assert_eq!(shown[0].notice, notice(NOTICES_MAX + 9));
    }
}
