//! Plays a text scenario: each line waits, letting the outbox wake as it wishes, and then something
//! happens. What the outbox does is written down with its time.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc, time::Duration};

use jiff::Timestamp;
use supervigil::{
    model::{ChannelRecord, Incident, IncidentId, Notice, NoticeId, NoticeReason, Record, Saved},
    notify::{Answer, Effect, Input, Outbox, Settings, Verdict},
};

use crate::subjects::{
    START, alertmanager, moment, notice, place, robot, settings, verdict, webhook,
};

/// Plays the scenario and returns what happened.
pub(crate) fn play(script: &str) -> String {
    let mut player = Player::new();
    for line in script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let mut words = line.split_whitespace();
        player.pass(duration(words.next().unwrap()));
        writeln!(
            player.log,
            "{}",
            words.clone().collect::<Vec<_>>().join(" ")
        )
        .unwrap();
        let mut word = || words.next().unwrap_or_default();
        player.event(word(), word(), word());
    }
    player.log
}

fn duration(text: &str) -> Duration {
    let text = text.strip_prefix('+').unwrap();
    match text.strip_suffix("ms") {
        Some(millis) => Duration::from_millis(millis.parse().unwrap()),
        None => Duration::from_secs(text.strip_suffix('s').unwrap().parse().unwrap()),
    }
}

struct Player {
    outbox: Outbox,
    now: Timestamp,
    origin: Timestamp,
    serial: usize,
    queued: BTreeMap<(String, NoticeId), Notice>,
    records: BTreeMap<String, ChannelRecord>,
    incidents: BTreeMap<IncidentId, Incident>,
    /// The uuid of the message on its way, by channel.
    in_flight: BTreeMap<String, String>,
    channels: Vec<String>,
    uuids: Vec<String>,
    log: String,
}

impl Player {
    fn new() -> Self {
        let now: Timestamp = START.parse().unwrap();
        let outbox = Outbox::new(
            &settings(vec![robot("ops", 16)]),
            place(),
            Saved::default(),
            7,
            moment(now, now),
        );
        Self {
            outbox,
            now,
            origin: now,
            serial: 0,
            queued: BTreeMap::new(),
            records: BTreeMap::new(),
            incidents: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            channels: vec!["ops".to_owned()],
            uuids: Vec::new(),
            log: String::new(),
        }
    }

    /// Lets time pass, waking the outbox whenever it asked for it.
    fn pass(&mut self, by: Duration) {
        let until = self.now.checked_add(by).unwrap();
        while let Some(wake) = self.outbox.next_wake() {
            let now = moment(self.now, self.origin);
            let ahead = wake.monotonic.saturating_sub(now.monotonic);
            let at = self.now.checked_add(ahead).unwrap();
            if at > until {
                break;
            }
            self.now = at;
            self.tell(Input::Wake);
        }
        self.now = until;
    }

    /// `of` names a channel, where messages to several are on their way. An answer may ask for a wait,
    /// as in `busy/+120s`.
    fn event(&mut self, event: &str, name: &str, of: &str) {
        let reason = match event {
            "opened" => NoticeReason::Opened,
            "escalated" => NoticeReason::Escalated,
            "closed" => NoticeReason::Closed,
            "reminder" => NoticeReason::Reminder,
            "log" => {
                let notice = notice(name, NoticeReason::Opened, 0, self.now);
                let mut incident = notice.incidents.into_iter().next().unwrap();
                incident.log_tail = vec!["last words".to_owned()];
                return self.tell(Input::Incident(incident));
            }
            "answer" => {
                let (channel, uuid) = self.take_from_flight(of);
                let (name, wait) = name.split_once('/').unwrap_or((name, "+0s"));
                let verdict = verdict(name);
                let detail = if verdict == Verdict::Taken {
                    ""
                } else {
                    "words"
                };
                let answer = Answer::new(verdict, detail).after(duration(wait));
                return self.tell(Input::Answered {
                    channel,
                    uuid,
                    answer,
                });
            }
            "restart" => return self.restart(name),
            "channels" => {
                self.channels = name.split(',').map(str::to_owned).collect();
                self.in_flight
                    .retain(|channel, _| self.channels.contains(channel));
                let now = moment(self.now, self.origin);
                let effects = self.outbox.reconfigure(&self.settings(), now);
                return self.perform(effects);
            }
            other => panic!("no event {other}"),
        };
        self.serial += 1;
        let mut notice = notice(name, reason, self.serial, self.now);
        for incident in &mut notice.incidents {
            incident.tell(reason, self.now);
            self.incidents.insert(incident.id.clone(), incident.clone());
        }
        self.tell(Input::Notice(notice));
    }

    fn settings(&self) -> Settings {
        let channel = |name: &String| {
            if name.starts_with("hook") {
                webhook(name, 16)
            } else if name.starts_with("am") {
                alertmanager(name, 16)
            } else {
                robot(name, 16)
            }
        };
        settings(self.channels.iter().map(channel).collect())
    }

    fn take_from_flight(&mut self, channel: &str) -> (String, String) {
        let known = self.in_flight.remove_entry(channel);
        known.unwrap_or_else(|| {
            let only = self.in_flight.pop_first();
            assert!(self.in_flight.is_empty(), "several are on their way");
            only.expect("nothing is on its way")
        })
    }

    /// Begins anew from what was written down; `name` is what the channel is called from here on.
    fn restart(&mut self, name: &str) {
        self.in_flight.clear();
        self.origin = self.now;
        if !name.is_empty() {
            self.channels = vec![name.to_owned()];
        }
        let queued = self.queued.iter();
        let queued =
            queued.map(|((channel, _), notice)| (channel.clone(), Arc::new(notice.clone())));
        self.outbox = Outbox::new(
            &self.settings(),
            place(),
            Saved {
                queued: queued.collect(),
                channels: self.records.values().cloned().collect(),
                incidents: self.incidents.values().cloned().collect(),
                ..Saved::default()
            },
            8,
            moment(self.now, self.origin),
        );
        self.tell(Input::Wake);
    }

    fn tell(&mut self, input: Input) {
        let effects = self.outbox.handle(input, moment(self.now, self.origin));
        self.perform(effects);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let line = self.describe(effect);
            let start: Timestamp = START.parse().unwrap();
            let seconds = self.now.duration_since(start).as_secs_f64();
            writeln!(self.log, "    {seconds:>8.2} {line}").unwrap();
        }
    }

    fn describe(&mut self, effect: Effect) -> String {
        match effect {
            Effect::Record(Record::NoticeQueued { channel, notice }) => {
                let line = format!("queued {channel} {}", notice.id);
                self.queued.insert((channel, notice.id.clone()), notice);
                line
            }
            Effect::Record(Record::NoticeDone { channel, id }) => {
                let line = format!("done {channel} {id}");
                self.queued.remove(&(channel, id));
                line
            }
            Effect::Record(Record::Channel(record)) => {
                let delivery = record.delivery.as_ref().map(|delivery| {
                    let due = if delivery.retry_at.is_some() {
                        " waits"
                    } else {
                        ""
                    };
                    format!(
                        "#{} attempt {}{due}",
                        self.number(&delivery.uuid),
                        delivery.attempts
                    )
                });
                let line = format!(
                    "record {}: {}, frozen {}, {:?}",
                    record.channel,
                    delivery.unwrap_or_else(|| "nothing on its way".to_owned()),
                    record.frozen_until.is_some(),
                    record.trouble
                );
                self.records.insert(record.channel.clone(), record);
                line
            }
            Effect::Record(other) => panic!("{other:?}"),
            Effect::Send { channel, delivery } => {
                self.in_flight
                    .insert(channel.clone(), delivery.uuid.clone());
                let ids: Vec<String> = delivery.notices.iter().map(ToString::to_string).collect();
                let number = self.number(&delivery.uuid);
                let lines = body_lines(&delivery.body);
                format!(
                    "SEND {channel} #{number} attempt {} brevity {} {ids:?}\n{lines}",
                    delivery.attempts, delivery.brevity
                )
            }
            Effect::Taken {
                channel,
                notices,
                latencies,
            } => format!("TAKEN {channel} {} after {latencies:?}", notices.len()),
            Effect::Failed {
                channel,
                reason,
                again_at,
                detail: _,
            } => {
                let now = moment(self.now, self.origin).monotonic;
                let again = again_at.map(|at| at.monotonic.saturating_sub(now));
                format!("FAILED {channel} {reason}, again in {again:.1?}")
            }
            Effect::Members { channel, trouble } => format!("MEMBERS {channel} {trouble:?}"),
            Effect::Dropped {
                channel,
                count,
                reason,
            } => format!("DROPPED {channel} {count} {reason}"),
        }
    }

    /// A small number in place of a random identity.
    fn number(&mut self, uuid: &str) -> usize {
        let known = self.uuids.iter().position(|known| known == uuid);
        known.unwrap_or_else(|| {
            self.uuids.push(uuid.to_owned());
            self.uuids.len() - 1
        })
    }
}

/// The text of a message, or the alerts, indented.
fn body_lines(body: &str) -> String {
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    if let Some(alerts) = body.as_array() {
        let lines = alerts.iter().map(|alert| {
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            let (name, ends_at) = (text(&alert["labels"]["name"]), text(&alert["endsAt"]));
            format!("               | {name} until {ends_at}")
        });
        return lines.collect::<Vec<_>>().join("\n");
    }
    // A webhook's body has no text.
    let content = body["text"]["content"].as_str().unwrap_or_default();
    content
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| format!("               | {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}
