//! The laws that every run must keep, checked against the model's truth.

use std::collections::BTreeMap;

use supervigil::{
    engine::{AttemptOutcome, Effect, StartOutcome, Wait},
    model::{
        Cause, Incident, IncidentId, Kind, NoticeReason, ProcessState, ProgramKey, ProgramName,
        Record, Transition,
    },
};

use super::{
    rig::{Rig, Seen},
    supervisord::{Autorestart, Truth, Who},
};

#[derive(Clone, Copy)]
pub(crate) struct Laws {
    /// Whether wall clocks jumped, so that what goes by them over a restart cannot be held to it.
    pub(crate) clocks_jump: bool,
}

impl Laws {
    /// What must have held all along.
    pub(crate) fn held(self, rig: &Rig) {
        incidents_have_one_life(rig);
        incidents_have_a_reason(rig);
        incidents_are_told_once(rig);
        transitions_are_a_chain(rig);
        starts_keep_to_the_budget(rig, self.clocks_jump);
        starts_keep_to_the_limits(rig, self.clocks_jump);
        starts_are_for_what_is_left_down(rig);
        orders_are_kept(rig);
        if !self.clocks_jump {
            no_death_is_made_up(rig);
            no_operator_is_made_up(rig);
        }
    }
}

fn effects(rig: &Rig) -> impl Iterator<Item = (u64, &Effect)> {
    rig.seen.iter().filter_map(|(at, seen)| match seen {
        Seen::Effect(effect) => Some((*at, &**effect)),
        Seen::Answer(..) | Seen::Poll(_) | Seen::Restarted => None,
    })
}

fn transitions(rig: &Rig) -> impl Iterator<Item = (u64, &Transition)> {
    effects(rig).filter_map(|(at, effect)| match effect {
        Effect::Record(Record::Transition(transition)) => Some((at, transition)),
        _ => None,
    })
}

fn incidents(rig: &Rig) -> impl Iterator<Item = (u64, &Incident)> {
    effects(rig).filter_map(|(at, effect)| match effect {
        Effect::Record(Record::Incident(incident)) => Some((at, incident)),
        _ => None,
    })
}

/// What really happened to a program up to a time.
fn truth<'a>(
    rig: &'a Rig,
    name: &'a ProgramName,
    until: u64,
) -> impl DoubleEndedIterator<Item = (u64, Truth)> + 'a {
    let events = rig.sim.truth.iter();
    events
        .filter(move |(at, program, _)| program == name && *at <= until)
        .map(|(at, _, truth)| (*at, *truth))
}

/// What must hold at any time: a program that is FATAL for two looks has an open incident.
pub(crate) fn fatal_is_an_open_incident(rig: &Rig) {
    for program in &rig.sim.programs {
        let name = &program.spec.name;
        if program.state != ProcessState::Fatal {
            continue;
        }
        let since = truth(rig, name, u64::MAX).last().unwrap().0;
        let looks = rig.seen.iter().filter(|(at, seen)| {
            matches!(seen, Seen::Poll(Ok(()))) && *at > since + rig.poll_takes
        });
        let mut open = rig
            .saved
            .incidents
            .iter()
            .filter(|incident| incident.is_open());
        assert!(
            looks.count() < 2
                || open.any(|open| open.program.as_ref() == Some(name) && open.kind >= Kind::Fatal),
            "{name} is FATAL since {since} without an open incident at {}",
            rig.sim.now
        );
    }
}

fn incidents_have_one_life(rig: &Rig) {
    let mut known: BTreeMap<&IncidentId, &Incident> = BTreeMap::new();
    for (at, incident) in incidents(rig) {
        if let Some(before) = known.insert(&incident.id, incident) {
            assert!(
                before.is_open(),
                "{} changed after its end, at {at}",
                incident.id
            );
            assert!(
                before.kind <= incident.kind,
                "{} became milder",
                incident.id
            );
            assert_eq!(before.program, incident.program);
        } else {
            assert!(incident.is_open(), "{} began closed, at {at}", incident.id);
            let mut others = known.values().filter(|other| other.is_open());
            let twin =
                others.find(|other| other.program == incident.program && other.id != incident.id);
            assert!(
                twin.is_none(),
                "two open incidents of {:?} at {at}",
                incident.program
            );
        }
    }
}

fn incidents_have_a_reason(rig: &Rig) {
    let mut known = Vec::new();
    for (at, incident) in incidents(rig) {
        let Some(name) = &incident.program else {
            continue;
        };
        if known.contains(&&incident.id) {
            continue;
        }
        known.push(&incident.id);
        let counts_many = matches!(incident.kind, Kind::CrashLoop | Kind::Flapping);
        if counts_many {
            let failures = truth(rig, name, at).filter(|(_, truth)| *truth == Truth::Failed);
            assert!(
                failures.count() >= 1,
                "{} at {at} out of nothing",
                incident.kind.name()
            );
            continue;
        }
        if rig.feeds.is_some() {
            // Looks of all ages and words of all delays: a failure within the longest of them.
            let mut failures = truth(rig, name, at).filter(|(_, truth)| *truth == Truth::Failed);
            let is_recent = failures.any(|(failed, _)| failed + 25_000 >= at);
            assert!(
                is_recent,
                "{} of {name} at {at} without a failure",
                incident.kind.name()
            );
            continue;
        }
        let told = truth(rig, name, at - rig.poll_takes)
            .rev()
            .find(|(_, truth)| {
                matches!(truth, Truth::Running | Truth::Failed | Truth::ExpectedExit)
            });
        assert!(
            told.is_some_and(|(_, truth)| truth == Truth::Failed),
            "{} of {name} at {at} without a failure: {told:?}",
            incident.kind.name()
        );
    }
}

fn incidents_are_told_once(rig: &Rig) {
    let mut told: BTreeMap<&IncidentId, (u32, u32)> = BTreeMap::new();
    for (_, effect) in effects(rig) {
        let Effect::Notice(notice) = effect else {
            continue;
        };
        for incident in &notice.incidents {
            let (begun, ended) = told.entry(&incident.id).or_default();
            match notice.reason {
                NoticeReason::Opened | NoticeReason::Digest => *begun += 1,
                NoticeReason::Closed => *ended += 1,
                NoticeReason::Escalated | NoticeReason::Reminder => {}
            }
        }
    }
    for incident in &rig.saved.incidents {
        let counts = told.get(&incident.id).copied().unwrap_or_default();
        let ended = u32::from(!incident.is_open());
        // What was silenced from its beginning to its end is told to nobody.
        let is_silent = (incident.baseline || incident.is_unknown()) && counts == (0, 0);
        assert!(
            counts == (1, ended) || is_silent,
            "{incident:?} was told {counts:?} times"
        );
    }
}

fn transitions_are_a_chain(rig: &Rig) {
    let mut state: BTreeMap<&str, ProcessState> = BTreeMap::new();
    for (at, transition) in transitions(rig) {
        assert_ne!(transition.from, transition.to, "at {at}");
        if let Some(before) = state.insert(&transition.name, transition.to) {
            assert_eq!(before, transition.from, "{} at {at}", transition.name);
        }
    }
    for program in &rig.saved.programs {
        let seen = state.get(&*program.key.program.name);
        assert!(seen.is_none_or(|seen| *seen == program.process.state));
    }
}

/// `expected: false` is said of no more deaths than there were, and the like.
fn no_death_is_made_up(rig: &Rig) {
    for program in &rig.sim.programs {
        let name = &program.spec.name;
        let said = |what: &dyn Fn(&Transition) -> bool| {
            transitions(rig)
                .filter(|(_, t)| t.name == *name.name && what(t))
                .count()
        };
        let was = |what: Truth| {
            truth(rig, name, u64::MAX)
                .filter(|(_, t)| *t == what)
                .count()
        };
        assert!(
            said(&|t| t.expected == Some(false)) <= was(Truth::Failed),
            "{name}: crashes"
        );
        let done = |t: &Transition| t.cause == Cause::ExpectedExit;
        assert!(
            said(&done) <= was(Truth::ExpectedExit),
            "{name}: expected exits"
        );
    }
}

/// A start from FATAL is said to be an operator's only where it was not supervigil's.
fn no_operator_is_made_up(rig: &Rig) {
    for (at, transition) in transitions(rig) {
        if transition.from != ProcessState::Fatal || transition.cause != Cause::Operator {
            continue;
        }
        let name = transition.name.parse().unwrap();
        let looks = rig
            .seen
            .iter()
            .filter(|(time, seen)| matches!(seen, Seen::Poll(Ok(()))) && *time < at);
        let before = looks
            .map(|(time, _)| time - rig.poll_takes)
            .max()
            .unwrap_or(0);
        let mut spawns = truth(rig, &name, at).filter_map(|(time, truth)| match truth {
            Truth::Spawned(who) if time >= before => Some(who),
            _ => None,
        });
        let others = spawns.next().is_some_and(|who| who != Who::Supervigil);
        assert!(others, "{name} at {at}: no operator started it");
    }
}

fn starts_keep_to_the_budget(rig: &Rig, clocks_jump: bool) {
    let mut last: BTreeMap<&ProgramKey, u64> = BTreeMap::new();
    for (at, effect) in effects(rig) {
        let Effect::Start { key, number, .. } = effect else {
            continue;
        };
        let retry = rig
            .settings
            .retry
            .as_ref()
            .expect("no start without [retry]");
        let before = last.insert(key, at);
        if *number <= retry.max_attempts {
            continue;
        }
        let probe = retry
            .probe_interval
            .expect("no attempt after the last one without probes");
        let gap = probe.mul_f64(1.0 - retry.jitter).as_millis();
        let waited = before.map_or(u128::MAX, |before| u128::from(at - before));
        assert!(
            clocks_jump || waited + 1 >= gap,
            "{key}: a probe at {at}, {waited} ms after another"
        );
    }
}

fn starts_keep_to_the_limits(rig: &Rig, clocks_jump: bool) {
    let Some(retry) = &rig.settings.retry else {
        return;
    };
    let mut starts: Vec<u64> = Vec::new();
    let mut under_way: Vec<&ProgramKey> = Vec::new();
    for (at, effect) in effects(rig) {
        match effect {
            Effect::Start { key, .. } => {
                starts.push(at);
                under_way.push(key);
                let minute = starts.iter().filter(|start| **start + 60_000 > at).count();
                let most = usize::try_from(retry.max_per_minute).unwrap();
                assert!(
                    clocks_jump || minute <= most,
                    "{minute} starts within a minute at {at}"
                );
                let most = usize::try_from(retry.max_concurrent).unwrap();
                assert!(under_way.len() <= most, "{under_way:?} at once at {at}");
            }
            Effect::AttemptEnded { key, outcome, .. } => {
                let _: AttemptOutcome = *outcome;
                under_way.retain(|other| *other != key);
            }
            Effect::StartWaits {
                key,
                why: Wait::Changed | Wait::Suspended,
            } => {
                under_way.retain(|other| *other != key);
            }
            Effect::Record(Record::Transition(transition))
                if matches!(
                    transition.cause,
                    Cause::Operator | Cause::SupervisordRestart
                ) =>
            {
                under_way.retain(|other| *other.program.name != *transition.name);
            }
            _ => {}
        }
    }
}

/// Within a silence nobody is told that something failed, and nothing is started that is held.
fn orders_are_kept(rig: &Rig) {
    let (mut silences, mut holds) = (Vec::new(), Vec::new());
    for (at, effect) in effects(rig) {
        match effect {
            Effect::Record(Record::Silence(silence)) => silences.push(silence),
            Effect::Record(Record::SilenceEnded(id)) => silences.retain(|known| known.id != *id),
            Effect::Record(Record::Hold(hold)) => holds.push(&hold.key),
            Effect::Record(Record::HoldEnded(key)) => holds.retain(|known| *known != key),
            Effect::Start { key, .. } => assert!(!holds.contains(&key), "{key} started at {at}"),
            Effect::Notice(notice) if notice.reason != NoticeReason::Closed => {
                for incident in &notice.incidents {
                    let name = incident.program.as_ref().map(ProgramName::full);
                    let is_silenced = silences.iter().any(|silence| {
                        silence.pattern == "*" || name.as_ref() == Some(&silence.pattern)
                    });
                    assert!(!is_silenced, "{:?} told at {at}", incident.program);
                }
            }
            _ => {}
        }
    }
}

fn starts_are_for_what_is_left_down(rig: &Rig) {
    for program in &rig.sim.programs {
        let mut before = None;
        for (at, truth) in truth(rig, &program.spec.name, u64::MAX) {
            if truth == Truth::Spawned(Who::Supervigil) {
                let left_down =
                    before == Some(Truth::Failed) && program.spec.autorestart == Autorestart::Never;
                let name = &program.spec.name;
                assert!(
                    before == Some(Truth::Fatal) || left_down,
                    "{name} was started at {at} after {before:?}"
                );
            }
            before = Some(truth);
        }
    }
    for (_, seen) in &rig.seen {
        if let Seen::Answer(key, StartOutcome::Failed(why)) = seen {
            assert!(why == "Unreachable", "{key}: {why}");
        }
    }
}
