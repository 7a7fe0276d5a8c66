//! The outbox and the store, joined as the daemon joins them, which die now and then.

use std::{collections::BTreeMap, fs, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use supervigil::{
    model::{Delivery, Moment, NoticeId, Record, Saved, Severity},
    notify::{
        Answer, ChannelKind, ChannelSettings, DingTalkSettings, Effect, Input, Language,
        MessageType, Outbox, Place, Settings,
    },
    store::{self, Store},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{News, robot::Robot};
use crate::supervisord::EPOCH;

/// How long an answer takes, in milliseconds.
const ANSWER_TAKES: u64 = 200;
/// One step in so many is the last one before supervigil dies.
const DIES_ONCE_IN: u32 = 400;
/// The same as the daemon's.
const TENDED_EVERY: u64 = 3_600_000;

/// What people were told in the end, and what it took.
pub(super) struct Told {
    pub(super) messages: BTreeMap<String, Vec<NoticeId>>,
    pub(super) attempts: usize,
    pub(super) deaths: usize,
    pub(super) most_in_a_minute: usize,
    pub(super) most_waiting: usize,
    pub(super) database: u64,
}

pub(super) struct Teller {
    runtime: Runtime,
    folder: TempDir,
    store: Option<Store>,
    outbox: Outbox,
    robot: Robot,
    rng: fastrand::Rng,
    now: u64,
    origin: u64,
    tended: u64,
    /// The answer that is on its way, and when it comes.
    answer: Option<(u64, Input)>,
    deaths: usize,
    most_waiting: usize,
}

fn settings() -> Settings {
    Settings {
        language: Language::Zh,
        group_wait: Duration::from_secs(1),
        group_interval: Duration::from_secs(60),
        log_tail_lines: 10,
        redact: Vec::new(),
        channels: vec![ChannelSettings {
            name: "ops".to_owned(),
            severities: vec![Severity::Critical, Severity::Warning],
            max_per_minute: 16,
            kind: ChannelKind::DingTalk(DingTalkSettings {
                webhook: "https://robot.invalid".to_owned().into(),
                secret: None,
                keyword: String::new(),
                message_type: MessageType::Markdown,
                at_mobiles: Vec::new(),
                at_user_ids: Vec::new(),
                at_all: false,
            }),
        }],
    }
}

fn place() -> Place {
    Place {
        host: "host".to_owned(),
        ip: None,
        zone: TimeZone::UTC,
    }
}

impl Teller {
    pub(super) fn new(seed: u64) -> Self {
        // In memory where there is such a place: thousands of commits are not what this is about.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_none| tempfile::tempdir());
        let folder = folder.unwrap();
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let mut teller = Self {
            runtime: runtime.enable_all().build().unwrap(),
            folder,
            store: None,
            outbox: Outbox::new(&settings(), place(), Saved::default(), 0, at(0, 0)),
            robot: Robot::new(seed),
            rng: fastrand::Rng::with_seed(seed),
            now: 0,
            origin: 0,
            tended: 0,
            answer: None,
            deaths: 0,
            most_waiting: 0,
        };
        teller.start();
        teller
    }

    /// Begins from what is on the disk; an answer that was awaited is never heard.
    fn start(&mut self) {
        self.answer = None;
        self.origin = self.now;
        if let Some(store) = self.store.take() {
            self.runtime.block_on(store.close()).unwrap();
        }
        let settings_of_store = store::Settings {
            path: self.folder.path().join("supervigil.db"),
            retention: Duration::from_secs(30 * 86_400),
        };
        let now = self.moment();
        let (store, saved, notices) = Store::open(&settings_of_store, now).unwrap();
        assert_eq!(notices, []);
        self.store = Some(store);
        let seed = self.rng.u64(..);
        self.outbox = Outbox::new(&settings(), place(), saved, seed, now);
    }

    fn moment(&self) -> Moment {
        at(self.now, self.origin)
    }

    /// Lets time pass until `to`.
    pub(super) fn pass(&mut self, to: u64) {
        loop {
            let wake = self.outbox.next_wake().map(|wake| {
                let millis = wake.monotonic.as_nanos().div_ceil(1_000_000);
                self.origin + u64::try_from(millis).unwrap()
            });
            let answer = self.answer.as_ref().map(|(at, _)| *at);
            let Some(next) = wake.into_iter().chain(answer).min() else {
                break;
            };
            if next > to {
                break;
            }
            self.now = next.max(self.now);
            let input = match self.answer.take_if(|(at, _)| *at <= self.now) {
                Some((_, answer)) => answer,
                None => Input::Wake,
            };
            let effects = self.outbox.handle(input, self.moment());
            self.carry_out(Vec::new(), effects);
        }
        self.now = to.max(self.now);
        if self.now - self.tended > TENDED_EVERY {
            self.tended = self.now;
            let tended = self.store.as_ref().unwrap().tend(self.moment());
            self.runtime.block_on(tended).unwrap();
        }
    }

    pub(super) fn take(&mut self, news: News) {
        match news {
            News::Record(record) => {
                let input = match &record {
                    Record::Incident(incident) => Input::Incident(incident.clone()),
                    _ => Input::Wake,
                };
                let effects = self.outbox.handle(input, self.moment());
                self.carry_out(vec![record], effects);
            }
            // What the engine says is written down with what made it say so: it is told again after a
            // death before that, and so no death comes here.
            News::Notice(notice) => {
                let effects = self.outbox.handle(Input::Notice(notice), self.moment());
                self.perform(Vec::new(), effects, false);
            }
        }
        let waiting = self.outbox.views().iter().map(|view| view.length).sum();
        self.most_waiting = self.most_waiting.max(waiting);
    }

    fn carry_out(&mut self, records: Vec<Record>, effects: Vec<Effect>) {
        let dies = self.rng.u32(..DIES_ONCE_IN) == 0;
        self.perform(records, effects, dies);
    }

    /// Commits, sends; where it dies, then before the commit, before the sending or before the answer.
    fn perform(&mut self, mut records: Vec<Record>, effects: Vec<Effect>, dies: bool) {
        let moment = if dies { self.rng.u32(0..2) + 1 } else { 0 };
        let mut sends = Vec::new();
        for effect in effects {
            match effect {
                Effect::Record(record) => records.push(record),
                Effect::Send { delivery, .. } => sends.push(delivery),
                Effect::Dropped { reason, count, .. } => panic!("{count} dropped: {reason}"),
                Effect::Taken { .. } | Effect::Failed { .. } | Effect::Members { .. } => {}
            }
        }
        if !records.is_empty() {
            let committed = self.store.as_ref().unwrap().commit(records);
            self.runtime.block_on(committed).unwrap();
        }
        for delivery in sends.into_iter().filter(|_| moment != 1) {
            self.send(&delivery);
        }
        if moment > 0 {
            self.deaths += 1;
            self.start();
        }
    }

    fn send(&mut self, delivery: &Delivery) {
        let verdict = self.robot.take(delivery, self.now);
        let input = Input::Answered {
            channel: "ops".to_owned(),
            uuid: delivery.uuid.clone(),
            answer: Answer::new(verdict, "words"),
        };
        assert!(self.answer.is_none(), "two on their way");
        self.answer = Some((self.now + ANSWER_TAKES, input));
    }

    /// Waits until nothing waits any more.
    pub(super) fn settle(mut self) -> Told {
        while self.outbox.views().iter().any(|view| view.length > 0) || self.answer.is_some() {
            self.pass(self.now + 60_000);
        }
        let store = self.store.take().unwrap();
        self.runtime.block_on(store.close()).unwrap();
        let database = fs::metadata(self.folder.path().join("supervigil.db"));
        Told {
            messages: self.robot.shown,
            attempts: self.robot.attempts,
            deaths: self.deaths,
            most_in_a_minute: self.robot.most_in_a_minute,
            most_waiting: self.most_waiting,
            database: database.unwrap().len(),
        }
    }
}

fn at(now: u64, origin: u64) -> Moment {
    let wall = i64::try_from(now).unwrap() + EPOCH * 1000;
    Moment {
        monotonic: Duration::from_millis(now - origin),
        wall: Timestamp::from_millisecond(wall).unwrap(),
    }
}
