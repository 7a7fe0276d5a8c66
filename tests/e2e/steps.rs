//! supervigil killed at each step from a transition to the mark that it was told.

use std::os::unix::process::ExitStatusExt as _;

use tempfile::TempDir;

use super::stage::{SECRET, alert, on_demand, watched};
use crate::support::{
    dingtalk::DingTalk,
    supervigil::Supervigil,
    supervisord::{Release, Supervisord},
    wait::{PATIENCE, wait_until},
};

/// The steps, how many times each is come to at the least, and more times than it is come to: the last
/// one of its supervigils outlives all.
const STEPS: [(&str, usize, usize); 5] = [
    ("before_commit", 7, 14),
    ("in_transaction", 7, 14),
    ("after_commit", 7, 14),
    ("before_send", 2, 3),
    ("after_answer", 2, 3),
];

/// A supervigil that dies once, by its own name for the supervisord that all of them watch.
struct Doomed {
    name: String,
    died: bool,
    supervigil: Supervigil,
}

impl Doomed {
    fn start(step: &str, time: usize, supervisord: &Supervisord, dingtalk: &DingTalk) -> Self {
        let name = format!("{step}-{time}.");
        let robot = dingtalk.table("ops", &format!("secret = \"{SECRET}\""));
        let config = format!("{}{}\n{robot}", watched(supervisord, &name), alert(""));
        Self {
            supervigil: Supervigil::start_to_die_at(&format!("{step}:{time}"), &config),
            name,
            died: false,
        }
    }

    /// Starts it again after its death, which comes by no other way than kill -9, and once.
    fn tend(&mut self) {
        if let Some(ended) = self.supervigil.revive() {
            assert_eq!(ended.signal(), Some(9), "{}: {ended}", self.name);
            assert!(!self.died, "{} died twice", self.name);
            self.died = true;
        }
    }

    fn is_ready(&self) -> bool {
        let answer = self.supervigil.request("GET", "/-/ready", &[]);
        answer.is_ok_and(|answer| answer.status == 200)
    }
}

#[test]
fn killed_at_any_step_it_tells_each_thing_once() {
    let folder = TempDir::new().expect("a folder");
    let behaviour = format!("from-start 2 {}", folder.path().join("starts").display());
    let sections = on_demand("web", &behaviour, &[]);
    let supervisord = Supervisord::start(Release::V430, &sections);
    let dingtalk = DingTalk::start(&["--secret", SECRET, "--limit", "0"]);
    let mut all: Vec<_> = STEPS
        .iter()
        .flat_map(|(step, _, times)| (1..=*times).map(move |time| (step, time)))
        .map(|(step, time)| Doomed::start(step, time, &supervisord, &dingtalk))
        .collect();
    wait_until(PATIENCE, "all to watch", || {
        all.iter_mut().for_each(Doomed::tend);
        all.iter().all(Doomed::is_ready)
    });
    let shown_of = |fact: &str, name: &str| {
        let shown = dingtalk.shown();
        let of_it = |message: &&String| message.contains(fact) && message.contains(name);
        shown.iter().filter(of_it).count()
    };
    supervisord.call("supervisor.startProcess", &["web"]);
    wait_until(PATIENCE, "all to tell of the failure", || {
        all.iter_mut().for_each(Doomed::tend);
        all.iter().all(|one| shown_of("FATAL: web", &one.name) > 0)
    });
    supervisord.call("supervisor.startProcess", &["web"]);
    wait_until(PATIENCE, "all to tell of the recovery", || {
        all.iter_mut().for_each(Doomed::tend);
        all.iter()
            .all(|one| shown_of("Recovered: web", &one.name) > 0)
    });
    wait_until(PATIENCE, "all to have told everything", || {
        all.iter_mut().for_each(Doomed::tend);
        all.iter()
            .all(|one| one.is_ready() && waiting(&one.supervigil) == 0)
    });
    for one in &all {
        assert_eq!(shown_of("FATAL: web", &one.name), 1, "{}", one.name);
        assert_eq!(shown_of("Recovered: web", &one.name), 1, "{}", one.name);
    }
    for (step, least, times) in STEPS {
        let died = |time| {
            all.iter()
                .any(|one| one.name == format!("{step}-{time}.") && one.died)
        };
        for time in 1..=least {
            assert!(died(time), "{step} is come to less than {time} times");
        }
        assert!(!died(times), "{step} is come to more than {times} times");
    }
}

/// How much waits to be told.
fn waiting(supervigil: &Supervigil) -> u64 {
    let channels = supervigil.json("/api/v1/status");
    channels["channels"][0]["length"]
        .as_u64()
        .expect("a number")
}
