//! Several supervisords, and those that are not configured any more.

use std::time::Duration;

use supervigil::{
    engine::{Effect, Engine, Input, LogReading, PollFailure, ServerSettings, Settings},
    model::{Incident, NoticeReason, Outcome, ProgramKey, Record, Saved, ServerName},
};

use super::{
    rig,
    supervisord::{End, Fate, Spec, Supervisord},
};

fn two() -> Settings {
    let server = |name| ServerSettings {
        name: ServerName::new(name),
        must_answer: true,
        poll_interval: Duration::from_secs(5),
        itself: None,
    };
    Settings {
        servers: vec![server("one"), server("two")],
        retry: Some(rig::retry()),
        ..rig::settings()
    }
}

fn fatal() -> Supervisord {
    let mut sim = Supervisord::new(vec![Spec {
        startretries: 0,
        fate: Fate::Ends {
            after: 100,
            end: End::Code(1),
        },
        ..Spec::new("web")
    }]);
    sim.advance(5000);
    sim
}

fn polled(name: &str, sim: &mut Supervisord) -> Input {
    Input::Polled {
        server: ServerName::new(name),
        begun: rig::at(500),
        outcome: Ok(sim.poll().unwrap()),
        log: LogReading::None,
    }
}

fn incidents(effects: &[Effect]) -> Vec<&Incident> {
    let incidents = effects.iter().filter_map(|effect| match effect {
        Effect::Record(Record::Incident(incident)) => Some(incident),
        _ => None,
    });
    incidents.collect()
}

fn saved(effects: &[Effect]) -> Saved {
    let mut saved = Saved::default();
    for effect in effects {
        if let Effect::Record(record) = effect {
            rig::keep(&mut saved, record);
        }
    }
    saved
}

#[test]
fn one_supervisord_is_no_concern_of_the_other() {
    let mut engine = Engine::new(two(), &Saved::default(), 1, rig::at(0));
    let mut sim = fatal();
    let first = engine.handle(polled("one", &mut sim), rig::at(1000));
    let second = engine.handle(polled("two", &mut sim), rig::at(2000));
    let (first, second) = (incidents(&first), incidents(&second));
    assert_eq!(first.len(), 1);
    assert_eq!(second.len(), 1);
    assert_eq!(first[0].server, ServerName::new("one"));
    assert_eq!(second[0].server, ServerName::new("two"));
    assert_ne!(first[0].id, second[0].id);
    // The plan of the one comes due while the other does not answer.
    let failure = PollFailure {
        message: "down".to_owned(),
        shutting_down: false,
    };
    let silent = Input::Polled {
        server: ServerName::new("two"),
        begun: rig::at(2500),
        outcome: Err(failure),
        log: LogReading::None,
    };
    engine.handle(silent, rig::at(3000));
    assert_eq!(engine.next_wake(), Some(rig::at(11_000)));
    let effects = engine.handle(Input::Woken, rig::at(12_000));
    let starts = effects.iter().filter_map(|effect| match effect {
        Effect::Start { key, .. } => Some(key.clone()),
        _ => None,
    });
    let key = |server| ProgramKey::new(&ServerName::new(server), &"web".parse().unwrap());
    assert_eq!(starts.collect::<Vec<_>>(), [key("one")]);
    assert_eq!(engine.next_wake(), None);
}

#[test]
fn a_supervisord_that_is_not_configured_any_more_is_forgotten() {
    let mut engine = Engine::new(two(), &Saved::default(), 1, rig::at(0));
    let mut effects = engine.handle(polled("one", &mut fatal()), rig::at(1000));
    effects.extend(engine.handle(polled("two", &mut fatal()), rig::at(1000)));
    let without = Settings {
        servers: two().servers.split_off(1),
        ..two()
    };

    let reloaded = engine.reconfigure(without.clone(), rig::at(2000));
    assert_is_forgotten(&reloaded);
    assert_eq!(engine.open_incidents().count(), 1);

    // The same where the configuration changed between two runs.
    let mut engine = Engine::new(without, &saved(&effects), 2, rig::at(3000));
    let first = engine.handle(polled("two", &mut fatal()), rig::at(3000));
    assert_is_forgotten(&first);
    assert_eq!(engine.open_incidents().count(), 1);
}

fn assert_is_forgotten(effects: &[Effect]) {
    let closed: Vec<_> = incidents(effects)
        .into_iter()
        .filter(|incident| !incident.is_open())
        .collect();
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0].server, ServerName::new("one"));
    assert_eq!(closed[0].outcome, Some(Outcome::Removed));
    let told = effects.iter().filter(
        |effect| matches!(effect, Effect::Notice(notice) if notice.reason == NoticeReason::Closed),
    );
    assert_eq!(told.count(), 1);
    let removed = effects
        .iter()
        .any(|effect| matches!(effect, Effect::Record(Record::ProgramRemoved(_))));
    assert!(removed);
}
