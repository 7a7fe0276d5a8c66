//! Days of failures and recoveries, and a robot that fails three times in ten: what people see is what
//! happened, and each thing once.
//!
//! The engine knows nothing of the outbox, so that the days are first lived through by it alone, and
//! then told by the outbox and the real store, which die now and then between any two steps.

mod robot;
mod teller;

use std::collections::BTreeMap;

use supervigil::{
    engine::Effect,
    model::{IncidentId, Notice, NoticeReason, Record},
};

use super::{
    rig::{self, Rig, Seen},
    supervisord::{End, Fate, Spec, Supervisord, Truth, Who},
};
use teller::{Teller, Told};

/// Failures and recoveries together.
const EVENTS: u64 = 10_000;
const PROGRAMS: usize = 100;
/// On average, in milliseconds: two days and a half for all of them.
const GAP: u64 = 21_000;
const POLL_EVERY: u64 = 60_000;
/// What the database may take: every transition and incident of these days is in it.
const DATABASE_BYTES_MAX: u64 = 24 * 1024 * 1024;

/// Something for the outbox.
#[expect(clippy::large_enum_variant, reason = "there are some ten thousand")]
#[derive(Debug, Clone)]
pub(super) enum News {
    Record(Record),
    Notice(Notice),
}

/// What happened, as the engine saw it, and whether each failure was real.
fn days(seed: u64) -> (Rig, Vec<(u64, News)>) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let specs = (0..PROGRAMS).map(|i| Spec {
        startretries: 0,
        ..Spec::new(&format!("p{i:03}"))
    });
    let mut settings = rig::settings();
    settings.alert.reminders = [30, 60, 120, 240]
        .map(|minutes| std::time::Duration::from_secs(minutes * 60))
        .to_vec();
    let mut rig = Rig::new(Supervisord::new(specs.collect()), settings);
    rig.poll_every = POLL_EVERY;
    rig.start();
    rig.advance(POLL_EVERY * 2);
    let mut is_down = [false; PROGRAMS];
    for _ in 0..EVENTS {
        rig.advance(rig.sim.now + rng.u64(0..=GAP * 2));
        let which = rng.usize(..PROGRAMS);
        let name = rig.sim.programs[which].spec.name.clone();
        if is_down[which] {
            rig.sim.fate(&name, Fate::Lives);
            if rig.sim.start(&name, Who::Operator).is_err() {
                // supervisord is starting it again itself, in vain.
                continue;
            }
        } else {
            let end = End::Code(3);
            rig.sim.fate(&name, Fate::Ends { after: 200, end });
            rig.sim.dies(&name, end);
        }
        is_down[which] = !is_down[which];
    }
    rig.advance(rig.sim.now + POLL_EVERY);
    for (which, _) in is_down.iter().enumerate().filter(|(_, down)| **down) {
        let name = rig.sim.programs[which].spec.name.clone();
        rig.sim.fate(&name, Fate::Lives);
        rig.sim.start(&name, Who::Operator).unwrap();
    }
    rig.advance(rig.sim.now + 3_600_000);
    let news = rig.seen.iter().filter_map(|(at, seen)| {
        let Seen::Effect(effect) = seen else {
            return None;
        };
        match &**effect {
            Effect::Record(record) => Some((*at, News::Record(record.clone()))),
            Effect::Notice(notice) => Some((*at, News::Notice(notice.clone()))),
            _ => None,
        }
    });
    let news = news.collect();
    (rig, news)
}

#[test]
fn days_of_failures_are_told_as_they_were() {
    let (rig, news) = days(7);
    let failures = incidents_are_the_failures(&rig);
    let mut teller = Teller::new(11);
    for (at, news) in news.clone() {
        teller.pass(at);
        teller.take(news);
    }
    let told = teller.settle();
    everybody_heard_everything_once(&news, &told);
    assert!(told.database < DATABASE_BYTES_MAX, "{}", told.database);
    println!(
        "{EVENTS} failures and recoveries, {failures} incidents in {:.1} days: {} messages of {} attempts, \
         {} deaths of supervigil, at most {} in a minute and {} notices waiting, database {} KiB",
        f64::from(u32::try_from(rig.sim.now / 1000).unwrap()) / 86_400.0,
        told.messages.len(),
        told.attempts,
        told.deaths,
        told.most_in_a_minute,
        told.most_waiting,
        told.database / 1024,
    );
}

/// Each time that a program became FATAL lies within an incident of its own, and no incident is without
/// one; returns how many there are.
fn incidents_are_the_failures(rig: &Rig) -> usize {
    let mut fatal: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (at, name, truth) in &rig.sim.truth {
        if *truth == Truth::Fatal {
            fatal.entry(&name.name).or_default().push(*at);
        }
    }
    let millis = |time: jiff::Timestamp| {
        let since = time.as_millisecond() - super::supervisord::EPOCH * 1000;
        u64::try_from(since).unwrap()
    };
    let mut spans: BTreeMap<&str, Vec<(u64, u64)>> = BTreeMap::new();
    for incident in &rig.saved.incidents {
        let name = &*incident.program.as_ref().unwrap().name;
        let closed = incident.closed_at.expect("everything recovered in the end");
        let span = (millis(incident.opened_at), millis(closed));
        spans.entry(name).or_default().push(span);
    }
    for (name, fatal) in &fatal {
        for at in fatal {
            let is_told =
                |(opened, closed): &(u64, u64)| *opened <= at + POLL_EVERY * 2 && at <= closed;
            // One that was mended before the next poll was never seen to be FATAL.
            let mut later = rig
                .sim
                .truth
                .iter()
                .filter(|(t, of, _)| *t > *at && &*of.name == *name);
            let is_short = later
                .next()
                .is_some_and(|(next, ..)| *next < at + POLL_EVERY);
            let spans = spans.get(name).map_or(&[][..], Vec::as_slice);
            assert!(is_short || spans.iter().any(is_told), "{name} at {at}");
        }
    }
    for (name, spans) in &spans {
        for (opened, closed) in spans {
            let mut causes = fatal[name].iter();
            let is_real = causes.any(|at| at <= opened && opened - at <= POLL_EVERY * 2);
            assert!(is_real, "{name}: {opened} to {closed}");
        }
    }
    rig.saved.incidents.len()
}

/// Each notice was shown once, and what was never said was never shown.
fn everybody_heard_everything_once(news: &[(u64, News)], told: &Told) {
    let mut shown: BTreeMap<&str, usize> = BTreeMap::new();
    for notice in told.messages.values().flatten() {
        *shown.entry(&notice.0).or_default() += 1;
    }
    let mut said: BTreeMap<&IncidentId, Vec<NoticeReason>> = BTreeMap::new();
    let mut notices = 0;
    for (_, news) in news {
        if let News::Notice(notice) = news {
            notices += 1;
            assert_eq!(shown.get(&*notice.id.0), Some(&1), "{notice:?}");
            for incident in &notice.incidents {
                said.entry(&incident.id).or_default().push(notice.reason);
            }
        }
    }
    assert_eq!(shown.len(), notices, "nothing is made up");
    for (incident, reasons) in said {
        let count = |reason| reasons.iter().filter(|other| **other == reason).count();
        let opened = count(NoticeReason::Opened) + count(NoticeReason::Digest);
        assert_eq!((opened, count(NoticeReason::Closed)), (1, 1), "{incident}");
    }
}
