//! A world in which receivers answer anything, and the program dies at any time: before a batch is
//! committed, or after it and before the answer.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use proptest::prelude::*;
use supervigil::{
    model::{ChannelRecord, Delivery, Notice, NoticeId, NoticeReason, Record, Saved},
    notify::{Answer, Effect, Input, Outbox, Settings, Verdict},
};

use crate::subjects::{START, alertmanager, moment, notice, place, robot, settings, webhook};

/// The channels with their limits a minute.
const LIMITS: [(&str, u32); 3] = [("ops", 3), ("hook", 5), (ALERTS, 8)];

/// The one whose receiver holds alerts: what it is posted is made anew each time.
const ALERTS: &str = "alerts";

#[derive(Debug, Clone, Copy)]
enum Step {
    /// A notice about one of a few programs.
    Notice(u8, NoticeReason),
    /// Time passes, and the outbox wakes as it wishes.
    Pass(Duration),
    /// What is on its way to a channel is answered, if anything is.
    Answer(usize, Verdict),
    /// The program dies and starts again.
    Restart,
    /// The program dies after it took an answer and before that was committed.
    DieBeforeCommit(usize, Verdict),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let reason = prop_oneof![
        Just(NoticeReason::Opened),
        Just(NoticeReason::Escalated),
        Just(NoticeReason::Reminder),
        Just(NoticeReason::Closed),
    ];
    let verdict = || (0..Verdict::ALL.len()).prop_map(|index| Verdict::ALL[index]);
    let step = prop_oneof![
        4 => (0_u8..6, reason).prop_map(|(name, reason)| Step::Notice(name, reason)),
        4 => (0_u64..5_000).prop_map(|millis| Step::Pass(Duration::from_millis(millis))),
        2 => (0_u64..4_000).prop_map(|seconds| Step::Pass(Duration::from_secs(seconds))),
        1 => (0_u64..40).prop_map(|hours| Step::Pass(Duration::from_secs(3600 * hours))),
        8 => (0..LIMITS.len(), verdict()).prop_map(|(to, verdict)| Step::Answer(to, verdict)),
        1 => Just(Step::Restart),
        1 => (0..LIMITS.len(), verdict())
            .prop_map(|(to, verdict)| Step::DieBeforeCommit(to, verdict)),
    ];
    proptest::collection::vec(step, 0..120)
}

struct World {
    outbox: Outbox,
    settings: Settings,
    now: Timestamp,
    origin: Timestamp,
    starts: u64,
    serial: usize,
    /// The store.
    queued: BTreeMap<(String, NoticeId), Notice>,
    records: BTreeMap<String, ChannelRecord>,
    /// What was sent and is not answered yet, of this run.
    in_flight: BTreeMap<String, Delivery>,
    /// Everything that was ever sent: the bytes by uuid, the times by channel.
    bodies: BTreeMap<(String, String), String>,
    sent_at: BTreeMap<String, Vec<Timestamp>>,
    /// How many were ever queued, and what became of them.
    ever_queued: usize,
    taken: usize,
    dropped: usize,
}

impl World {
    fn new() -> Self {
        let now: Timestamp = START.parse().unwrap();
        let settings = settings(vec![
            robot(LIMITS[0].0, LIMITS[0].1),
            webhook(LIMITS[1].0, LIMITS[1].1),
            alertmanager(LIMITS[2].0, LIMITS[2].1),
        ]);
        let saved = Saved::default();
        let outbox = Outbox::new(&settings, place(), saved, 0, moment(now, now));
        Self {
            outbox,
            settings,
            now,
            origin: now,
            starts: 0,
            serial: 0,
            queued: BTreeMap::new(),
            records: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            bodies: BTreeMap::new(),
            sent_at: BTreeMap::new(),
            ever_queued: 0,
            taken: 0,
            dropped: 0,
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Notice(name, reason) => {
                self.serial += 1;
                let notice = notice(&format!("p{name}"), reason, self.serial, self.now);
                self.tell(Input::Notice(notice));
            }
            Step::Pass(by) => self.pass(by),
            Step::Answer(to, verdict) => self.answer(LIMITS[to].0, verdict),
            Step::Restart => self.restart(),
            Step::DieBeforeCommit(to, verdict) => {
                let channel = LIMITS[to].0.to_owned();
                if let Some(delivery) = self.in_flight.remove(&channel) {
                    let uuid = delivery.uuid;
                    let answer = Answer::new(verdict, "words");
                    let input = Input::Answered {
                        channel,
                        uuid,
                        answer,
                    };
                    drop(self.outbox.handle(input, moment(self.now, self.origin)));
                }
                self.restart();
            }
        }
    }

    fn answer(&mut self, channel: &str, verdict: Verdict) {
        if let Some(delivery) = self.in_flight.remove(channel) {
            self.tell(Input::Answered {
                channel: channel.to_owned(),
                uuid: delivery.uuid,
                answer: Answer::new(verdict, "words"),
            });
        }
    }

    fn restart(&mut self) {
        self.starts += 1;
        self.in_flight.clear();
        self.origin = self.now;
        let queued = self
            .queued
            .iter()
            .map(|((channel, _), notice)| (channel.clone(), std::sync::Arc::new(notice.clone())))
            .collect();
        let saved = Saved {
            queued,
            channels: self.records.values().cloned().collect(),
            ..Saved::default()
        };
        let now = moment(self.now, self.origin);
        self.outbox = Outbox::new(&self.settings, place(), saved, self.starts, now);
    }

    fn pass(&mut self, by: Duration) {
        let until = self.now.checked_add(by).unwrap();
        let mut wakes = 0;
        while let Some(wake) = self.outbox.next_wake() {
            let now = moment(self.now, self.origin);
            let ahead = wake.monotonic.saturating_sub(now.monotonic);
            let at = self.now.checked_add(ahead).unwrap();
            if at > until {
                break;
            }
            self.now = at;
            self.tell(Input::Wake);
            wakes += 1;
            assert!(wakes < 10_000, "it wakes without end");
        }
        self.now = until;
    }

    fn tell(&mut self, input: Input) {
        let effects = self.outbox.handle(input, moment(self.now, self.origin));
        for effect in effects {
            match effect {
                Effect::Record(record) => self.commit(record),
                Effect::Send { channel, delivery } => self.send(channel, delivery),
                Effect::Taken { notices, .. } => self.taken += notices.len(),
                Effect::Dropped { count, .. } => self.dropped += count,
                Effect::Members { channel, .. } => assert_eq!(channel, ALERTS),
                Effect::Failed { again_at, .. } => {
                    let now = moment(self.now, self.origin).monotonic;
                    assert!(again_at.is_none_or(|at| at.monotonic >= now));
                }
            }
        }
    }

    fn commit(&mut self, record: Record) {
        match record {
            Record::NoticeQueued { channel, notice } => {
                let key = (channel, notice.id.clone());
                if self.queued.insert(key, notice).is_none() {
                    self.ever_queued += 1;
                }
            }
            Record::NoticeDone { channel, id } => {
                let was_queued = self.queued.remove(&(channel, id));
                assert!(was_queued.is_some(), "done twice");
            }
            Record::Channel(record) => {
                self.records.insert(record.channel.clone(), record);
            }
            other @ (Record::Transition(_)
            | Record::Incident(_)
            | Record::Server(_)
            | Record::Program(_)
            | Record::ProgramRemoved(_)
            | Record::Silence(_)
            | Record::SilenceEnded(_)
            | Record::Hold(_)
            | Record::HoldEnded(_)
            | Record::Audit(_)) => panic!("{other:?}"),
        }
    }

    fn send(&mut self, channel: String, delivery: Delivery) {
        // What is sent is committed: the delivery, and every notice that it carries.
        if channel == ALERTS {
            let kept = self.records.get(&channel);
            assert!(kept.is_none_or(|record| record.delivery.is_none()));
        } else {
            assert_eq!(self.records[&channel].delivery.as_ref(), Some(&delivery));
        }
        for id in &delivery.notices {
            assert!(self.queued.contains_key(&(channel.clone(), id.clone())));
        }
        let key = (channel.clone(), delivery.uuid.clone());
        let bytes = self
            .bodies
            .entry(key)
            .or_insert_with(|| delivery.body.clone());
        assert_eq!(*bytes, delivery.body, "other bytes under the same uuid");
        let limit = LIMITS.iter().find(|(name, _)| *name == channel).unwrap().1;
        let sent_at = self.sent_at.entry(channel.clone()).or_default();
        sent_at.push(self.now);
        let window = sent_at
            .iter()
            .filter(|at| self.now.duration_since(**at).as_secs_f64() < 60.0)
            .count();
        assert!(
            window <= usize::try_from(limit).unwrap(),
            "too many a minute"
        );
        let before = self.in_flight.insert(channel, delivery);
        assert!(before.is_none(), "two on their way");
    }

    /// Everything is taken from here on, until nothing waits.
    fn settle(&mut self) {
        for _ in 0..1_000 {
            for (channel, _) in LIMITS {
                self.answer(channel, Verdict::Taken);
            }
            // Alerts are posted again for as long as there are any.
            let is_done = self.in_flight.keys().all(|channel| channel == ALERTS);
            if self.queued.is_empty() && is_done {
                return;
            }
            self.pass(Duration::from_secs(3600));
        }
        panic!("it never settles: {:?}", self.queued.keys());
    }
}

proptest! {
    #[test]
    fn nothing_is_lost_whatever_happens(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
        }
        world.settle();
        prop_assert_eq!(world.ever_queued, world.taken + world.dropped);
    }
}
