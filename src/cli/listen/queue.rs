//! What waits for the daemon: a bounded queue whose oldest events give way, and the count of those
//! that never get there.

use std::collections::{BTreeSet, VecDeque};

use ulid::Ulid;

use super::console;
use crate::{
    http::EVENTS_MAX,
    model::{Batch, ServerName, Telling, Told},
    supervisord::listener::Event,
};

/// Events that wait for a daemon that is away: an hour of a program that crashes every second is
/// 11,000 events and 2 MB.
const QUEUE_MAX: usize = 16 * 1024;

/// Serials that are remembered to tell an event that comes again: supervisord keeps as many as its
/// `buffer_size` says for us, by our own advice 1000.
const RECENT_MAX: usize = 4096;

/// Events on their way to the daemon.
pub(super) struct Queue {
    server: ServerName,
    /// Names this run of the listener.
    run: String,
    /// How many batches there have been.
    batches: u64,
    events: VecDeque<Telling>,
    /// Events of the batch that is being posted.
    under_way: usize,
    /// Lost events that no batch has told of.
    lost: u64,
    next_pool_serial: Option<u64>,
    recent: BTreeSet<u64>,
    discarded: Count,
    dropped: Count,
    skipped: Count,
}

impl Queue {
    pub(super) fn new(server: ServerName) -> Self {
        Self {
            server,
            run: Ulid::generate().to_string(),
            batches: 0,
            events: VecDeque::new(),
            under_way: 0,
            lost: 0,
            next_pool_serial: None,
            recent: BTreeSet::new(),
            discarded: Count::default(),
            dropped: Count::default(),
            skipped: Count::default(),
        }
    }

    /// Takes an event in, unless it was there before.
    pub(super) fn take(&mut self, event: Event) {
        if !self.recent.insert(event.serial) {
            return;
        }
        if self.recent.len() > RECENT_MAX {
            self.recent.pop_first();
        }
        self.look_for_a_gap(event.pool_serial);
        let Some(telling) = event.telling else {
            return;
        };
        if self.events.len() >= QUEUE_MAX {
            self.events.pop_front();
            self.lost += 1;
            self.dropped.add(1, |dropped| {
                format!(
                    "supervigil listen: {dropped} events dropped, the oldest ones, as more than \
                     {QUEUE_MAX} wait for the daemon"
                )
            });
        }
        self.events.push_back(telling);
    }

    /// An event that supervisord puts before older ones leaves a gap that is closed by these. One that
    /// was told of is not taken back: the daemon looks once too often.
    fn look_for_a_gap(&mut self, pool_serial: u64) {
        match self.next_pool_serial {
            Some(next) if pool_serial < next => self.lost = self.lost.saturating_sub(1),
            Some(next) if pool_serial > next => {
                let gap = pool_serial - next;
                self.lost = self.lost.saturating_add(gap);
                self.discarded.add(gap, |discarded| {
                    format!(
                        "supervigil listen: supervisord discarded {discarded} events before they \
                         came here; raise buffer_size in its [eventlistener] section"
                    )
                });
            }
            Some(_) | None => {}
        }
        let next = pool_serial.saturating_add(1);
        self.next_pool_serial = self.next_pool_serial.max(Some(next));
    }

    /// Takes note of all bytes so far that were no part of an event.
    pub(super) fn note_skipped(&mut self, total: u64) {
        self.skipped
            .add(total.saturating_sub(self.skipped.total), |skipped| {
                format!(
                    "supervigil listen: {skipped} bytes from supervisord belonged to no event and \
                     were passed over"
                )
            });
    }

    /// Takes the next batch out, where there is something to tell.
    pub(super) fn next_batch(&mut self) -> Option<Told> {
        let count = self.events.len().min(EVENTS_MAX);
        if count == 0 && self.lost == 0 {
            return None;
        }
        self.under_way = count;
        self.batches += 1;
        let batch = Batch {
            listener: self.run.clone(),
            number: self.batches,
        };
        Some(Told {
            server: self.server.clone(),
            batch: Some(batch),
            lost: std::mem::take(&mut self.lost),
            events: self.events.drain(..count).collect(),
        })
    }

    /// The batch is done with; `refused` of its events will never be taken.
    pub(super) fn delivered(&mut self, refused: u64) {
        self.under_way = 0;
        self.lost = self.lost.saturating_add(refused);
    }

    /// Events that the daemon has not taken.
    pub(super) fn unsent(&self) -> usize {
        self.events.len() + self.under_way
    }
}

/// A count that is said when it has doubled since it was said last.
#[derive(Default)]
struct Count {
    total: u64,
    said: u64,
}

impl Count {
    fn add(&mut self, more: u64, sentence: impl Fn(u64) -> String) {
        self.total = self.total.saturating_add(more);
        if self.total > 0 && self.total >= self.said.saturating_mul(2) {
            self.said = self.total;
            console::complain(&sentence(self.total));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> Queue {
        Queue::new(ServerName::new("main"))
    }

    fn event(serial: u64, pool_serial: u64) -> Event {
        Event {
            serial,
            pool_serial,
            name: "PROCESS_GROUP_ADDED".to_owned(),
            telling: Some(Telling::GroupsChanged),
        }
    }

    #[test]
    fn nothing_to_tell_is_no_batch() {
        let mut queue = queue();
        assert_eq!(queue.next_batch(), None);
        queue.take(Event {
            telling: None,
            ..event(1, 1)
        });
        assert_eq!(queue.next_batch(), None);
    }

    #[test]
    fn an_event_that_comes_again_is_left_out() {
        let mut queue = queue();
        for serial in [4, 5, 4, 6] {
            queue.take(event(serial, serial));
        }
        let batch = queue.next_batch().unwrap();
        assert_eq!((batch.events.len(), batch.lost), (3, 0));
    }

    #[test]
    fn a_gap_is_told_with_the_next_batch_and_once() {
        let mut queue = queue();
        queue.take(event(10, 7));
        queue.take(event(19, 10));
        let batch = queue.next_batch().unwrap();
        assert_eq!((batch.events.len(), batch.lost), (2, 2));
        queue.delivered(0);
        assert_eq!(queue.next_batch(), None);
    }

    #[test]
    fn a_gap_that_is_closed_in_time_is_none() {
        let mut queue = queue();
        for pool_serial in [1, 4, 2, 3, 5] {
            queue.take(event(pool_serial, pool_serial));
        }
        assert_eq!(queue.next_batch().unwrap().lost, 0);
    }

    #[test]
    fn the_oldest_give_way_and_are_counted() {
        let mut queue = queue();
        for serial in 0..u64::try_from(QUEUE_MAX).unwrap() + 3 {
            queue.take(event(serial, serial));
        }
        let batch = queue.next_batch().unwrap();
        assert_eq!((batch.events.len(), batch.lost), (EVENTS_MAX, 3));
        assert_eq!(queue.unsent(), QUEUE_MAX);
    }

    #[test]
    fn refused_events_are_told_as_lost() {
        let mut queue = queue();
        queue.take(event(1, 1));
        assert!(queue.next_batch().is_some());
        queue.delivered(1);
        let batch = queue.next_batch().unwrap();
        assert_eq!((batch.events.len(), batch.lost), (0, 1));
    }
}
