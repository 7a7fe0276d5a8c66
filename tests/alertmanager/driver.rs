//! Drives an outbox with one channel of Alertmanagers as the daemon does: incidents happen, the outbox
//! wakes as it wishes, and what it sends is answered at once. Time passes as the test says.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use supervigil::{
    model::{
        ChannelRecord, ChannelView, Delivery, Incident, IncidentId, Kind, Moment, Notice, NoticeId,
        NoticeReason, Outcome, Record, Saved, Severity,
    },
    notify::{Answer, Effect, Input, Outbox, Settings},
};

use crate::subjects::{notice, place};

/// Where deliveries go, and what time it is there.
pub(crate) trait Wire {
    /// Takes a delivery and answers it.
    fn post(&mut self, channel: &str, delivery: &Delivery, now: Moment) -> Answer;
    /// The wall clock's time when so much has passed since the beginning.
    fn wall(&self, passed: Duration) -> Timestamp;
}

pub(crate) struct Driver<W> {
    pub(crate) wire: W,
    /// What was said of the cluster's members.
    pub(crate) said: Vec<Option<String>>,
    /// Why attempts to tell news failed.
    pub(crate) failed: Vec<String>,
    /// How many notices were given up.
    pub(crate) dropped: usize,
    outbox: Outbox,
    settings: Settings,
    passed: Duration,
    serial: usize,
    /// The store, and the latest incident of each program.
    queued: BTreeMap<NoticeId, (String, Notice)>,
    records: BTreeMap<String, ChannelRecord>,
    incidents: BTreeMap<String, Incident>,
}

impl<W: Wire> Driver<W> {
    pub(crate) fn new(settings: Settings, wire: W) -> Self {
        let now = Moment {
            monotonic: Duration::ZERO,
            wall: wire.wall(Duration::ZERO),
        };
        Self {
            outbox: Outbox::new(&settings, place(), Saved::default(), 0, now),
            wire,
            said: Vec::new(),
            failed: Vec::new(),
            dropped: 0,
            settings,
            passed: Duration::ZERO,
            serial: 0,
            queued: BTreeMap::new(),
            records: BTreeMap::new(),
            incidents: BTreeMap::new(),
        }
    }

    pub(crate) fn view(&self) -> ChannelView {
        self.outbox.views().remove(0)
    }

    /// The latest incident of each program.
    pub(crate) fn incidents(&self) -> impl Iterator<Item = (&String, &Incident)> {
        self.incidents.iter()
    }

    /// Something is wrong with a program: a new incident where none is open, else a worse one.
    pub(crate) fn fails(&mut self, name: &str, kind: Kind, severity: Severity) {
        let now = self.now().wall;
        self.serial += 1;
        let open = self.incidents.get(name).filter(|known| known.is_open());
        let (reason, incident) = if let Some(open) = open {
            (NoticeReason::Escalated, open.clone())
        } else {
            let mut fresh = notice(name, NoticeReason::Opened, self.serial, now);
            let mut incident = fresh.incidents.remove(0);
            incident.id = IncidentId(format!("{:05}", self.serial));
            incident.kind = kind;
            (NoticeReason::Opened, incident)
        };
        let incident = Incident {
            kind: kind.max(incident.kind),
            severity,
            ..incident
        };
        self.tell_of(name, reason, incident);
    }

    /// Nothing is wrong with a program any more.
    pub(crate) fn recovers(&mut self, name: &str) {
        let now = self.now().wall;
        self.serial += 1;
        let open = self.incidents.get(name).filter(|known| known.is_open());
        if let Some(open) = open {
            let ended = Incident {
                closed_at: Some(now),
                outcome: Some(Outcome::Recovered),
                ..open.clone()
            };
            self.tell_of(name, NoticeReason::Closed, ended);
        }
    }

    /// As the engine and the daemon do: the incident is written down, then people are told.
    fn tell_of(&mut self, name: &str, reason: NoticeReason, mut incident: Incident) {
        let now = self.now().wall;
        incident.tell(reason, now);
        self.incidents.insert(name.to_owned(), incident.clone());
        self.tell(Input::Incident(incident.clone()));
        self.tell(Input::Notice(Notice {
            incidents: vec![incident],
            ..notice(name, reason, self.serial, now)
        }));
    }

    /// Lets time pass, waking the outbox whenever it asked for it.
    pub(crate) fn pass(&mut self, by: Duration) {
        let until = self.passed + by;
        let mut wakes = 0;
        while let Some(wake) = self.outbox.next_wake()
            && wake.monotonic <= until
        {
            self.passed = self.passed.max(wake.monotonic);
            self.tell(Input::Wake);
            wakes += 1;
            assert!(wakes < 10_000, "it wakes without end");
        }
        self.passed = until;
    }

    /// supervigil dies and starts again, with what the store has.
    pub(crate) fn restart(&mut self) {
        let queued = self.queued.values().cloned();
        let queued = queued.map(|(channel, notice)| (channel, Arc::new(notice)));
        let saved = Saved {
            queued: queued.collect(),
            channels: self.records.values().cloned().collect(),
            incidents: self.incidents.values().cloned().collect(),
            ..Saved::default()
        };
        self.outbox = Outbox::new(&self.settings, place(), saved, 1, self.now());
    }

    /// supervigil is about to end: whether it would wait for anything to be posted.
    pub(crate) fn waits_at_its_end(&mut self) -> bool {
        self.outbox.end_rounds();
        self.outbox.next_wake().is_some()
    }

    fn now(&self) -> Moment {
        Moment {
            monotonic: self.passed,
            wall: self.wire.wall(self.passed),
        }
    }

    fn tell(&mut self, input: Input) {
        let mut effects: VecDeque<Effect> = self.outbox.handle(input, self.now()).into();
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Record(record) => self.commit(record),
                Effect::Send { channel, delivery } => {
                    let now = self.now();
                    let answer = self.wire.post(&channel, &delivery, now);
                    let answered = Input::Answered {
                        channel,
                        uuid: delivery.uuid,
                        answer,
                    };
                    effects.extend(self.outbox.handle(answered, now));
                }
                Effect::Members { trouble, .. } => self.said.push(trouble),
                Effect::Failed { detail, .. } => self.failed.push(detail),
                Effect::Dropped { count, .. } => self.dropped += count,
                Effect::Taken { .. } => {}
            }
        }
    }

    fn commit(&mut self, record: Record) {
        match record {
            Record::NoticeQueued { channel, notice } => {
                self.queued.insert(notice.id.clone(), (channel, notice));
            }
            Record::NoticeDone { id, .. } => {
                self.queued.remove(&id);
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
}
