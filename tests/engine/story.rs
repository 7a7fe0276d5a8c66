//! What happened, in lines that a person can judge.

use std::{collections::BTreeMap, fmt::Write as _};

use supervigil::{
    engine::Effect,
    model::{Exit, Incident, IncidentId, Next, Notice, Record, Transition},
};

use super::{rig::Seen, supervisord::EPOCH};

/// Turns what was seen into lines, giving incidents short names.
#[derive(Default)]
pub(crate) struct Story {
    names: BTreeMap<IncidentId, usize>,
    incidents: BTreeMap<IncidentId, Incident>,
    unreachable: bool,
}

impl Story {
    pub(crate) fn tell(&mut self, at: u64, seen: &Seen) -> Option<String> {
        let line = match seen {
            Seen::Effect(effect) => self.effect(effect)?,
            Seen::Answer(key, outcome) => format!("{key}: supervisord answered {outcome:?}"),
            Seen::Restarted => "supervigil starts".to_owned(),
            Seen::Poll(outcome) => {
                let changed = self.unreachable != outcome.is_err();
                self.unreachable = outcome.is_err();
                match outcome {
                    _ if !changed => return None,
                    Ok(()) => "polls succeed".to_owned(),
                    Err(fault) => format!("polls fail: {fault:?}"),
                }
            }
        };
        Some(format!("{}  {line}", time(at)))
    }

    fn effect(&mut self, effect: &Effect) -> Option<String> {
        Some(match effect {
            Effect::Record(Record::Transition(transition)) => told(transition),
            Effect::Record(Record::Incident(incident)) => self.incident(incident)?,
            Effect::Record(Record::Server(server)) => {
                let pid = server.identity.pid;
                format!(
                    "supervisord is known: pid {pid}, {} restarts",
                    server.restarts
                )
            }
            Effect::Record(Record::ProgramRemoved(key)) => format!("{key}: removed"),
            Effect::Record(Record::Audit(entry)) => format!(
                "AUDIT {} {} {}: {}",
                entry.author,
                entry.action.name(),
                entry.subject,
                entry.reason
            ),
            Effect::Suppressed { why } => format!("not told: {why}"),
            Effect::Notice(notice) => self.notice(notice),
            Effect::Start {
                key, state, number, ..
            } => {
                format!("{key}: START, attempt {number}, from {state}")
            }
            Effect::AttemptEnded { key, outcome, .. } => {
                format!("{key}: attempt ended: {}", outcome.name())
            }
            Effect::StartWaits { key, why } => format!("{key}: start waits: {}", why.name()),
            Effect::FeedJudged { feed, is_mute, .. } => {
                let what = if *is_mute { "is mute" } else { "tells again" };
                format!("the feed {} {what}", feed.name())
            }
            Effect::ReadLog { .. }
            | Effect::Look { .. }
            | Effect::PollNow { .. }
            | Effect::Detected { .. }
            | Effect::Record(_) => return None,
        })
    }

    fn incident(&mut self, incident: &Incident) -> Option<String> {
        let number = self.number(incident);
        let before = self.incidents.insert(incident.id.clone(), incident.clone());
        if let Some(before) = before
            && (before.kind, before.closed_at, before.attempts, &before.next)
                == (
                    incident.kind,
                    incident.closed_at,
                    incident.attempts,
                    &incident.next,
                )
        {
            return None;
        }
        Some(format!("incident {number} {}", state(incident)))
    }

    fn notice(&mut self, notice: &Notice) -> String {
        if let Some(beat) = &notice.heartbeat {
            return format!(
                "HEARTBEAT {} of {} programs fail, {} deaths, {} incidents, {} starts",
                beat.failing, beat.programs, beat.deaths, beat.opened, beat.starts
            );
        }
        let mut line = format!("NOTICE {}", notice.reason.name());
        for incident in &notice.incidents {
            let number = self.number(incident);
            write!(line, ", {number} {}", about(incident)).unwrap();
        }
        line
    }

    fn number(&mut self, incident: &Incident) -> String {
        let next = self.names.len() + 1;
        format!("#{}", self.names.entry(incident.id.clone()).or_insert(next))
    }
}

fn about(incident: &Incident) -> String {
    let program = incident
        .program
        .as_ref()
        .map_or_else(|| "supervisord".into(), ToString::to_string);
    let mut line = format!(
        "{program} {} {}",
        incident.severity.name(),
        incident.kind.name()
    );
    if let (Some(from), Some(to)) = (incident.from, incident.to) {
        write!(line, ", {from} -> {to}").unwrap();
    }
    if let Some(uptime) = incident.uptime_seconds {
        write!(line, " after {uptime} s").unwrap();
    }
    let kill = incident.oom_kill.map_or("", |_| ", killed for memory");
    line + &exit(incident.exit) + kill
}

fn state(incident: &Incident) -> String {
    if let Some(outcome) = incident.outcome {
        return format!("closed: {}, attempts {}", outcome.name(), incident.attempts);
    }
    let next = match &incident.next {
        Next::Nothing => String::new(),
        Next::Attempt { number, of, at } => {
            format!(", next: attempt {number} of {of} at {}", wall(*at))
        }
        Next::Starting { number, of } => format!(", next: attempt {number} of {of} is under way"),
        Next::Probe { at: Some(at), .. } => format!(", next: probe at {}", wall(*at)),
        Next::Probe { at: None, .. } => ", next: no more".to_owned(),
        Next::NeedsHuman { why, at } => {
            format!(
                ", next: needs a human ({why}), tried at {}",
                at.map_or("-".into(), wall)
            )
        }
        Next::HostGuard {
            fatal,
            programs,
            until,
        } => {
            format!(
                ", next: host guard ({fatal} of {programs}) until {}",
                wall(*until)
            )
        }
        Next::Held { by, until } => format!(
            ", next: held by {}{}",
            by.as_deref().unwrap_or("a window"),
            until.map_or_else(String::new, |until| format!(" until {}", wall(until)))
        ),
        Next::Suspended => ", next: suspended".to_owned(),
        Next::Runs => ", next: runs".to_owned(),
    };
    format!("{}, attempts {}{next}", about(incident), incident.attempts)
}

fn told(transition: &Transition) -> String {
    let Transition {
        group,
        name,
        from,
        to,
        cause,
        ..
    } = transition;
    let program = if group == name {
        name.clone()
    } else {
        format!("{group}:{name}")
    };
    let mut line = format!("{program}: {from} -> {to}, {}", cause.name());
    if transition.pid != 0 {
        write!(line, ", pid {}", transition.pid).unwrap();
    }
    if let Some(uptime) = transition.uptime_seconds {
        write!(line, ", up {uptime} s").unwrap();
    }
    line += &exit(transition.exit);
    if let Some(expected) = transition.expected {
        line += if expected {
            ", expected"
        } else {
            ", not expected"
        };
    }
    line
}

fn exit(exit: Option<Exit>) -> String {
    match exit {
        Some(Exit::Code(code)) => format!(", exit {code}"),
        Some(Exit::Signal { number, .. }) => format!(", signal {number}"),
        Some(Exit::UnknownSignal) => ", some signal".to_owned(),
        None => String::new(),
    }
}

pub(crate) fn time(at: u64) -> String {
    format!("{:>8}.{:03}", at / 1000, at % 1000)
}

fn wall(at: jiff::Timestamp) -> String {
    let millis = at.as_millisecond() - EPOCH * 1000;
    format!("{}.{:03}", millis.div_euclid(1000), millis.rem_euclid(1000))
}
