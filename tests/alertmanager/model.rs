//! Members that come, go and forget, and incidents at random: in the end each member holds exactly what
//! is open.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::Value;
use supervigil::{
    model::{Delivery, Incident, Kind, Moment, Severity},
    notify::{Answer, Verdict},
};

use crate::{
    driver::{Driver, Wire},
    subjects::{START, alertmanager, settings},
};

/// How long an alert is in force at most without being heard of: what supervigil cannot know after a
/// restart has ended by then.
const IN_FORCE: Duration = Duration::from_secs(240);

/// By when news and rounds have found their way: the longest delay between two attempts, and a round.
const SOON: Duration = Duration::from_secs(150);

/// What a channel may be told.
const BOTH: [Severity; 2] = [Severity::Critical, Severity::Warning];

#[derive(Debug, Clone, Copy)]
enum Step {
    /// Something is wrong with one of a few programs, or something worse.
    Fails(u8, Kind, Severity),
    Recovers(u8),
    Pass(u64),
    /// A member is out of reach from here on, or within reach again.
    Reach(usize, bool),
    /// A member starts with an empty memory.
    Forgets(usize),
    /// supervigil starts again.
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kind = prop_oneof![
        Just(Kind::Backoff),
        Just(Kind::UnexpectedExit),
        Just(Kind::CrashLoop),
        Just(Kind::Fatal),
    ];
    let severity = prop_oneof![
        4 => Just(Severity::Critical),
        2 => Just(Severity::Warning),
    ];
    let step = prop_oneof![
        6 => (0_u8..4, kind, severity).prop_map(|(name, kind, severity)| Step::Fails(name, kind, severity)),
        4 => (0_u8..4).prop_map(Step::Recovers),
        4 => (0_u64..3).prop_map(Step::Pass),
        3 => (0_u64..200).prop_map(Step::Pass),
        1 => (0_u64..4000).prop_map(Step::Pass),
        2 => (0_usize..2, any::<bool>()).prop_map(|(member, reach)| Step::Reach(member, reach)),
        1 => (0_usize..2).prop_map(Step::Forgets),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 0..60)
}

/// An Alertmanager, as far as alerts go.
#[derive(Debug, Default)]
struct Member {
    is_away: bool,
    /// By their labels: until when they are in force.
    alerts: BTreeMap<String, Timestamp>,
}

impl Member {
    fn take(&mut self, body: &str) {
        let alerts: Vec<Value> = serde_json::from_str(body).unwrap();
        let mut posted = BTreeSet::new();
        for alert in alerts {
            let time = |name: &str| alert[name].as_str().unwrap().parse::<Timestamp>().unwrap();
            assert!(
                time("startsAt") <= time("endsAt"),
                "it would be refused: {alert}"
            );
            let labels = alert["labels"].to_string();
            assert!(
                posted.insert(labels.clone()),
                "posted twice at once: {labels}"
            );
            self.alerts.insert(labels, time("endsAt"));
        }
    }

    /// What is firing: name, kind and severity.
    fn firing(&self, now: Timestamp) -> BTreeSet<[String; 3]> {
        let firing = self.alerts.iter().filter(|(_, ends_at)| **ends_at > now);
        let named = firing.map(|(labels, _)| {
            let labels: Value = serde_json::from_str(labels).unwrap();
            ["name", "kind", "severity"].map(|label| labels[label].as_str().unwrap().to_owned())
        });
        named.collect()
    }
}

#[derive(Debug, Default)]
struct Cluster {
    members: [Member; 2],
    /// How many requests each member was made.
    posts: usize,
}

impl Wire for Cluster {
    fn post(&mut self, _channel: &str, delivery: &Delivery, _now: Moment) -> Answer {
        self.posts += 1;
        let mut taken = 0;
        for member in self.members.iter_mut().filter(|member| !member.is_away) {
            member.take(&delivery.body);
            taken += 1;
        }
        match taken {
            0 => Answer::new(Verdict::Unreachable, "both are away"),
            1 => Answer::new(Verdict::Taken, "one is away"),
            _ => Answer::taken(),
        }
    }

    fn wall(&self, passed: Duration) -> Timestamp {
        let start: Timestamp = START.parse().unwrap();
        start.checked_add(passed).unwrap()
    }
}

fn drive(severities: &[Severity]) -> Driver<Cluster> {
    let mut channel = alertmanager("am", 60);
    channel.severities = severities.to_vec();
    Driver::new(settings(vec![channel]), Cluster::default())
}

fn play(steps: Vec<Step>, severities: &[Severity]) {
    let mut driver = drive(severities);
    let mut passed = Duration::ZERO;
    let mut pass = |driver: &mut Driver<Cluster>, by: Duration| {
        driver.pass(by);
        passed += by;
        passed
    };
    let mut has_restarted = false;
    for step in steps {
        match step {
            Step::Fails(name, kind, severity) => driver.fails(&format!("p{name}"), kind, severity),
            Step::Recovers(name) => driver.recovers(&format!("p{name}")),
            Step::Pass(seconds) => {
                pass(&mut driver, Duration::from_secs(seconds));
            }
            Step::Reach(member, reach) => driver.wire.members[member].is_away = !reach,
            Step::Forgets(member) => driver.wire.members[member].alerts.clear(),
            Step::Restart => {
                driver.restart();
                has_restarted = true;
            }
        }
    }
    for member in &mut driver.wire.members {
        member.is_away = false;
    }
    let settling = if has_restarted { SOON + IN_FORCE } else { SOON };
    let passed = pass(&mut driver, settling);
    let wanted = |it: &Incident| it.is_open() && severities.contains(&it.severity);
    let open = driver.incidents().filter(|(_, it)| wanted(it));
    let open: BTreeSet<_> = open
        .map(|(name, it)| [name, it.kind.name(), it.severity.name()].map(str::to_owned))
        .collect();
    for member in &driver.wire.members {
        assert_eq!(member.firing(driver.wire.wall(passed)), open);
    }
    assert_eq!(driver.dropped, 0);
    assert_eq!(driver.view().length, 0);
}

/// More than one request has room for.
#[test]
fn many_alerts_are_posted_again_in_parts() {
    let mut driver = drive(&BOTH);
    for number in 0..150 {
        driver.fails(&format!("p{number:03}"), Kind::Fatal, Severity::Critical);
    }
    driver.pass(Duration::from_secs(59));
    for member in &mut driver.wire.members {
        member.alerts.clear();
    }
    let before = driver.wire.posts;
    driver.pass(Duration::from_secs(2));
    let now = driver.wire.wall(Duration::from_secs(61));
    for member in &driver.wire.members {
        assert_eq!(member.firing(now).len(), 150);
    }
    assert_eq!(driver.wire.posts - before, 3);
}

#[test]
fn a_stop_waits_for_news_and_for_no_round() {
    let mut driver = drive(&BOTH);
    driver.fails("app", Kind::Fatal, Severity::Critical);
    assert!(driver.waits_at_its_end());
    driver.pass(Duration::from_secs(2));
    assert!(!driver.waits_at_its_end());
    let now = driver.wire.wall(Duration::from_secs(2));
    assert_eq!(driver.wire.members[0].firing(now).len(), 1);
}

proptest! {
    #[test]
    fn each_member_ends_up_with_what_is_open(steps in steps(), count in 1..=2_usize) {
        play(steps, &BOTH[..count]);
    }
}
