//! What a message says, in which order.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Subject,
    items::Item,
    markup::Block,
    words::{Clock, Ending, Label, Words},
};
use crate::{
    model::{ChannelTrouble, Heartbeat, Incident, Kind, NoticeReason, Outcome, Severity},
    notify::place::Place,
};

/// Incidents told in detail in a message about several: a phone's screen shows two or three.
const DETAILED_MAX: usize = 3;

/// What is told beside incidents.
#[derive(Debug, Clone, Copy)]
pub(super) struct Others<'a> {
    /// Channels, those that need mending first.
    pub(super) channels: &'a [&'a ChannelTrouble],
    /// That supervigil watches.
    pub(super) heartbeat: Option<&'a Heartbeat>,
}

/// Writes one message.
pub(super) struct Writer<'a> {
    words: &'static dyn Words,
    place: &'a Place,
    items: &'a [Item<'a>],
    others: Others<'a>,
    /// Whether names need the supervisord's name with them.
    several_servers: bool,
}

impl<'a> Writer<'a> {
    /// For these incidents, the worst first, and what else there is to tell.
    pub(super) fn new(
        words: &'static dyn Words,
        place: &'a Place,
        items: &'a [Item<'a>],
        others: Others<'a>,
    ) -> Self {
        let first = items.first().map(|item| &item.incident.server);
        let several_servers = items
            .iter()
            .any(|item| Some(&item.incident.server) != first);
        Self {
            words,
            place,
            items,
            others,
            several_servers,
        }
    }

    /// The short fact: the worst incident, and how many more there are.
    pub(super) fn title(&self, dropped: usize) -> String {
        let (fact, more) = match (self.items, self.others.channels) {
            ([], [channel, rest @ ..]) => (self.words.channel_title(channel), rest.len()),
            ([], []) if dropped > 0 => (self.words.dropped_title().to_owned(), 0),
            ([], []) => (self.words.heartbeat_title().to_owned(), 0),
            ([worst, rest @ ..], _) => (self.fact(worst), rest.len()),
        };
        let more = if more > 0 {
            self.words.and_more(more)
        } else {
            String::new()
        };
        format!("{fact} @ {}{more}", self.place.host)
    }

    /// The message itself.
    pub(super) fn blocks(&self, subject: &Subject<'_>) -> Vec<Block> {
        let mut blocks = match self.items {
            [] => vec![Block::Heading(self.title(subject.dropped))],
            [item] => self.single(item, subject.brevity),
            items => self.several(items, subject),
        };
        for channel in self.others.channels {
            let until = channel.until.map(|until| self.clock(until).full(until));
            let told = self.words.channel(channel, until.as_deref());
            blocks.push(Block::Paragraph(told));
        }
        if let Some(heartbeat) = self.others.heartbeat {
            let since = self.clock(heartbeat.since).full(heartbeat.since);
            blocks.push(Block::Paragraph(self.words.heartbeat(heartbeat, &since)));
        }
        if subject.dropped > 0 {
            blocks.push(Block::Paragraph(self.words.dropped(subject.dropped)));
        }
        blocks
    }

    /// A message about one incident.
    fn single(&self, item: &Item<'_>, brevity: u8) -> Vec<Block> {
        let fact = self.fact(item);
        let heading = format!("{} {fact} @ {}", sign(item), self.place.host);
        let mut blocks = vec![Block::Heading(heading)];
        if item.is_closed() {
            blocks.push(Block::Paragraph(self.course(item)));
            blocks.push(self.field(Label::Place, &self.location(item.incident)));
        } else if brevity >= 2 {
            blocks.push(Block::Line(self.line(item)));
        } else {
            self.details(item, &self.location(item.incident), brevity, &mut blocks);
        }
        blocks
    }

    /// A message about several: the worst in detail, a line for each of the others.
    fn several(&self, items: &[Item<'_>], subject: &Subject<'_>) -> Vec<Block> {
        let closed = items.iter().filter(|item| item.is_closed()).count();
        let summary = self.words.summary(items.len() - closed, closed);
        let worst = items.first().map_or("", sign);
        let mut blocks = vec![Block::Heading(format!(
            "{worst} {summary} @ {}",
            self.host()
        ))];
        let open = items.len() - closed;
        let detailed = match subject.brevity {
            0 | 1 => open.min(DETAILED_MAX),
            2.. => 0,
        };
        let (detailed, others) = items.split_at_checked(detailed).unwrap_or((items, &[]));
        for item in detailed {
            let fact = format!("{} {}", sign(item), self.fact(item));
            blocks.push(Block::Subheading(fact));
            let place = within(item.incident);
            self.details(item, &place, subject.brevity, &mut blocks);
        }
        if !detailed.is_empty() && !others.is_empty() {
            let label = self.words.label(Label::Others).to_owned();
            blocks.push(Block::Subheading(label));
        }
        let lines = others.iter().take(subject.lines_max);
        blocks.extend(lines.map(|item| {
            let line = format!("{} {} · {}", sign(item), self.fact(item), self.line(item));
            Block::Line(line)
        }));
        if let Some(hidden @ 1..) = others.len().checked_sub(subject.lines_max) {
            blocks.push(Block::Paragraph(self.words.not_shown(hidden)));
        }
        blocks
    }

    /// Everything about an open incident, below its heading.
    fn details(&self, item: &Item<'_>, place: &str, brevity: u8, blocks: &mut Vec<Block>) {
        let incident = item.incident;
        blocks.push(Block::Paragraph(self.meaning(item)));
        blocks.push(self.field(Label::Place, place));
        let when = if incident.baseline {
            Label::Noticed
        } else {
            Label::Time
        };
        let clock = self.clock(item.told_at);
        blocks.push(self.field(when, &clock.full(incident.opened_at)));
        if let Some(change) = change(incident) {
            blocks.push(self.field(Label::Change, &change));
        }
        if let Some(ending) = self.ending(incident) {
            blocks.push(self.field(Label::Ending, &ending));
        }
        if let Some(uptime) = incident.uptime_seconds.filter(|uptime| *uptime > 0) {
            let uptime = self.words.duration(Duration::from_secs(uptime));
            blocks.push(self.field(Label::Uptime, &uptime));
        }
        if let Some(restarts) = incident.restarts {
            let restarts = self.words.restarts(restarts);
            blocks.push(self.field(Label::Restarts, &restarts));
        }
        if !incident.spawn_error.is_empty() {
            blocks.push(self.field(Label::Reason, &incident.spawn_error));
        }
        if let Some(next) = self.words.next(incident, &clock) {
            blocks.push(self.field(Label::Next, &next));
        }
        if let Some(runbook) = &incident.runbook {
            blocks.push(Block::Link(self.words.runbook(), runbook.clone()));
        }
        if brevity == 0 && !item.log_tail.is_empty() {
            let label = self.words.label(Label::Log).to_owned();
            blocks.push(Block::Quote(label, item.log_tail.to_vec()));
        }
    }

    /// `FATAL: es_node_a`, or what became of it.
    fn fact(&self, item: &Item<'_>) -> String {
        let who = self.who(item.incident);
        if item.is_closed() {
            return format!("{}: {who}", self.words.outcome(item.incident.outcome));
        }
        let mark = match item.reason {
            NoticeReason::Reminder => self.words.reminder_mark(),
            NoticeReason::Opened
            | NoticeReason::Escalated
            | NoticeReason::Closed
            | NoticeReason::Digest => "",
        };
        format!("{mark}{}: {who}", self.words.kind(item.incident.kind))
    }

    /// The program, or the supervisord.
    fn who(&self, incident: &Incident) -> String {
        match (&incident.program, self.several_servers) {
            (Some(program), false) => program.to_string(),
            (Some(program), true) => format!("{}/{program}", incident.server),
            (None, _) => incident.server.to_string(),
        }
    }

    /// What the incident means, and what this message adds to the earlier ones.
    fn meaning(&self, item: &Item<'_>) -> String {
        let meaning = self.words.meaning(item.incident);
        let addition = match item.reason {
            NoticeReason::Reminder => self.words.reminder(lasted(item.incident, item.told_at)),
            NoticeReason::Escalated if !item.first_told => self.words.escalated().to_owned(),
            NoticeReason::Opened | NoticeReason::Digest if item.incident.baseline => {
                self.words.baseline().to_owned()
            }
            NoticeReason::Opened
            | NoticeReason::Escalated
            | NoticeReason::Closed
            | NoticeReason::Digest => return meaning.to_owned(),
        };
        format!("{meaning}{addition}")
    }

    /// An incident in a line, after its fact.
    fn line(&self, item: &Item<'_>) -> String {
        if item.is_closed() {
            return self.course(item);
        }
        let incident = item.incident;
        let mut parts = vec![self.clock(item.told_at).brief(incident.opened_at)];
        match incident.exit {
            Some(_) => parts.push(self.words.ending(&end_of(incident))),
            None if !incident.spawn_error.is_empty() => parts.push(incident.spawn_error.clone()),
            None => {}
        }
        parts.join(" · ")
    }

    /// What a closed incident was, and for how long.
    fn course(&self, item: &Item<'_>) -> String {
        let incident = item.incident;
        let clock = self.clock(item.told_at);
        let mut parts = vec![self.words.kind(incident.kind).to_owned()];
        if item.first_told && incident.exit.is_some() {
            parts.push(self.words.ending(&end_of(incident)));
        }
        let closed_at = incident.closed_at.unwrap_or(item.told_at);
        parts.push(format!(
            "{} → {}",
            clock.brief(incident.opened_at),
            clock.brief(closed_at)
        ));
        parts.push(self.words.lasted(lasted(incident, closed_at)));
        if incident.attempts > 0 {
            parts.push(self.words.started(incident.attempts));
        }
        parts.join(" · ")
    }

    /// How the process ended; none where that is not known but the reason is, or where the incident is
    /// not about a process.
    fn ending(&self, incident: &Incident) -> Option<String> {
        let ended = match incident.kind {
            Kind::Backoff | Kind::UnexpectedExit | Kind::CrashLoop | Kind::Fatal => true,
            Kind::Flapping | Kind::Unreachable => incident.exit.is_some(),
        };
        // Where the exit is unknown, supervisord's reason says more than that.
        let says_anything = incident.exit.is_some() || incident.spawn_error.is_empty();
        (ended && says_anything).then(|| self.words.ending(&end_of(incident)))
    }

    fn field(&self, label: Label, value: &str) -> Block {
        Block::Field(self.words.label(label).to_owned(), value.to_owned())
    }

    fn clock(&self, told_at: Timestamp) -> Clock<'_> {
        Clock {
            zone: &self.place.zone,
            told_at,
        }
    }

    /// The host, with its address.
    fn host(&self) -> String {
        match self.place.ip {
            Some(ip) => format!("{} ({ip})", self.place.host),
            None => self.place.host.clone(),
        }
    }

    /// Host, supervisord and program.
    fn location(&self, incident: &Incident) -> String {
        format!("{} · {}", self.host(), within(incident))
    }
}

fn end_of(incident: &Incident) -> Ending {
    Ending::of(incident.exit, incident.oom_kill)
}

/// The supervisord and the program.
fn within(incident: &Incident) -> String {
    match &incident.program {
        Some(program) => format!("supervisord {} · {program}", incident.server),
        None => format!("supervisord {}", incident.server),
    }
}

/// `RUNNING → FATAL`, as far as it is known and says anything.
fn change(incident: &Incident) -> Option<String> {
    match (incident.from, incident.to) {
        (Some(from), Some(to)) if from == to => None,
        (Some(from), Some(to)) => Some(format!("{from} → {to}")),
        (None, Some(to)) => Some(to.to_string()),
        (Some(_) | None, None) => None,
    }
}

/// How long an incident lasted until `end`.
fn lasted(incident: &Incident, end: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(incident.opened_at)).unwrap_or_default()
}

/// The sign that shows the state at a glance.
fn sign(item: &Item<'_>) -> &'static str {
    match (
        item.is_closed(),
        item.incident.outcome,
        item.incident.severity,
    ) {
        (true, Some(Outcome::Recovered) | None, _) => "✅",
        (true, Some(Outcome::StoppedByOperator), _) => "⏹",
        (true, Some(Outcome::Removed), _) => "➖",
        (false, _, Severity::Critical) => "🔴",
        (false, _, Severity::Warning) => "🟠",
        (false, _, Severity::None) => "⚪",
    }
}
