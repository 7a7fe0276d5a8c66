//! The notices that wait for one channel.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use crate::model::{Incident, IncidentId, Moment, Notice, NoticeId, NoticeReason};

/// The most notices that wait for one channel: a host has some hundreds of programs at most, and each
/// has one open incident; beyond that lies a receiver that has been gone for hours.
pub const QUEUE_MAX: usize = 1000;

/// How long a notice is worth telling: what is older than a day is on the page.
const TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// A bounded queue, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Waiting>,
}

#[derive(Debug, Clone)]
struct Waiting {
    notice: Arc<Notice>,
    queued_at: Moment,
    expires_at: Moment,
}

impl Queue {
    /// Adds a notice that came about now.
    pub(super) fn push(&mut self, notice: Arc<Notice>, now: Moment) {
        self.waiting.push_back(Waiting {
            notice,
            queued_at: now,
            expires_at: now.after(TTL),
        });
    }

    /// Adds a notice of an earlier run. Its age is taken from the wall clock once, and from there on
    /// counts on the clock that does not jump.
    pub(super) fn restore(&mut self, notice: Arc<Notice>, now: Moment) {
        let age = now.wall_since(notice.time);
        let waiting = Waiting {
            queued_at: now.of_wall(notice.time.min(now.wall)),
            expires_at: now.after(TTL.saturating_sub(age)),
            notice,
        };
        self.waiting.push_back(waiting);
    }

    /// Brings the notices about an open incident up to what is known of it at present, but for those
    /// that `carried` says are on their way; returns the changed ones. `alike` is what other queues have
    /// of them by now.
    ///
    /// What happened stays as it was told.
    pub(super) fn update(
        &mut self,
        incident: &Incident,
        carried: &[NoticeId],
        alike: &mut Vec<Arc<Notice>>,
    ) -> Vec<Arc<Notice>> {
        let mut changed = Vec::new();
        let waiting = self.waiting.iter_mut().map(|waiting| &mut waiting.notice);
        for notice in waiting.filter(|notice| !carried.contains(&notice.id)) {
            let mut known = notice.incidents.iter();
            let known = known.position(|known| known.id == incident.id && known.is_open());
            let Some(place) = known else {
                continue;
            };
            let mut better = Notice::clone(notice);
            if let Some(known) = better.incidents.get_mut(place) {
                refine(known, incident);
            }
            if better != **notice {
                *notice = shared(better, alike);
                changed.push(Arc::clone(notice));
            }
        }
        changed
    }

    /// Takes the notice out that can best be spared, where there are too many: a reminder, else the
    /// end of an incident, else the oldest. One that is on its way stays.
    pub(super) fn overflow(&mut self, carried: &[NoticeId]) -> Option<NoticeId> {
        if self.waiting.len() <= QUEUE_MAX {
            return None;
        }
        let spared = |wanted: Option<NoticeReason>| {
            self.waiting.iter().position(|waiting| {
                wanted.is_none_or(|wanted| wanted == waiting.notice.reason)
                    && !carried.contains(&waiting.notice.id)
            })
        };
        let place = spared(Some(NoticeReason::Reminder))
            .or_else(|| spared(Some(NoticeReason::Closed)))
            .or_else(|| spared(None))?;
        let waiting = self.waiting.remove(place)?;
        Some(waiting.notice.id.clone())
    }

    /// Takes out what has become too old.
    pub(super) fn expire(&mut self, now: Moment) -> Vec<NoticeId> {
        let mut expired = Vec::new();
        self.waiting.retain(|waiting| {
            let is_fresh = waiting.expires_at.monotonic > now.monotonic;
            if !is_fresh {
                expired.push(waiting.notice.id.clone());
            }
            is_fresh
        });
        expired
    }

    /// Takes a notice out.
    pub(super) fn remove(&mut self, id: &NoticeId) -> Option<Arc<Notice>> {
        let place = self.waiting.iter().position(|it| it.notice.id == *id)?;
        self.waiting.remove(place).map(|waiting| waiting.notice)
    }

    /// Lets a notice wait behind all others.
    pub(super) fn postpone(&mut self, id: &NoticeId) {
        if let Some(place) = self.waiting.iter().position(|it| it.notice.id == *id)
            && let Some(waiting) = self.waiting.remove(place)
        {
            self.waiting.push_back(waiting);
        }
    }

    /// What waits, oldest first; but before all of it what there is to tell of incidents that got
    /// worse, in its own order.
    pub(super) fn notices(&self) -> Vec<&Notice> {
        let escalated: BTreeSet<_> = self.escalations().flat_map(incidents).collect();
        let waiting = self.waiting.iter().map(|waiting| &*waiting.notice);
        let (mut first, rest): (Vec<_>, Vec<_>) =
            waiting.partition(|notice| incidents(notice).any(|id| escalated.contains(id)));
        first.extend(rest);
        first
    }

    /// Whether the news waits that something got worse.
    pub(super) fn has_escalation(&self) -> bool {
        self.escalations().next().is_some()
    }

    fn escalations(&self) -> impl Iterator<Item = &Notice> {
        let waiting = self.waiting.iter().map(|waiting| &*waiting.notice);
        waiting.filter(|notice| notice.reason == NoticeReason::Escalated)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Since when the first of them waits.
    pub(super) fn waiting_since(&self) -> Option<Moment> {
        self.waiting
            .iter()
            .map(|waiting| waiting.queued_at)
            .min_by_key(|at| at.monotonic)
    }

    /// When the first of them becomes too old.
    pub(super) fn expires_at(&self) -> Option<Moment> {
        self.waiting
            .iter()
            .map(|waiting| waiting.expires_at)
            .min_by_key(|at| at.monotonic)
    }

    /// When the oldest came about.
    pub(super) fn oldest_at(&self) -> Option<Timestamp> {
        self.waiting.iter().map(|waiting| waiting.notice.time).min()
    }

    /// Takes everything out.
    pub(super) fn drain(&mut self) -> Vec<NoticeId> {
        self.waiting
            .drain(..)
            .map(|waiting| waiting.notice.id.clone())
            .collect()
    }
}

/// The one of `alike` that is the same, or else this one, which is among them from here on.
fn shared(notice: Notice, alike: &mut Vec<Arc<Notice>>) -> Arc<Notice> {
    let known = alike.iter().find(|known| ***known == notice).cloned();
    known.unwrap_or_else(|| {
        let notice = Arc::new(notice);
        alike.push(Arc::clone(&notice));
        notice
    })
}

/// Takes over what may come later than a notice: the log's last lines, and what is done next.
fn refine(known: &mut Incident, incident: &Incident) {
    if incident.is_open() {
        known.restarts = incident.restarts;
        known.attempts = incident.attempts;
        known.next.clone_from(&incident.next);
    }
    if !incident.log_tail.is_empty() {
        known.log_tail.clone_from(&incident.log_tail);
    }
}

fn incidents(notice: &Notice) -> impl Iterator<Item = &IncidentId> {
    notice.incidents.iter().map(|incident| &incident.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::{fixtures::moment, samples};

    #[test]
    fn what_is_known_better_still_takes_its_room_once() {
        let notice = Arc::new(samples(moment()).remove(0));
        let better = Incident {
            log_tail: vec!["last words".to_owned()],
            ..notice.incidents[0].clone()
        };
        let (mut queues, mut alike) = ([Queue::default(), Queue::default()], Vec::new());
        let [one, other] = queues.each_mut().map(|queue| {
            queue.push(Arc::clone(&notice), moment());
            queue.update(&better, &[], &mut alike).remove(0)
        });
        assert!(Arc::ptr_eq(&one, &other));
        assert_eq!(one.incidents[0].log_tail, better.log_tail);
        assert_eq!(queues[0].update(&better, &[], &mut alike), []);
    }
}
