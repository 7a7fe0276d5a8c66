//! `/api/v1`: the published picture as JSON.
//!
//! Every list is wrapped by its name and has the newest first; the header `x-total-count` tells how
//! many entries there would be without `limit`.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::{Sources, query::Wanted};
use crate::model::{
    AuditEntry, ChannelView, Exit, Hold, IncidentId, IncidentView, OpenWindow, ProcessState,
    ProcessView, Published, ServerView, Silence, Transition,
};

/// How many entries a list would have without its limit.
const TOTAL: &str = "x-total-count";

/// `/api/v1/status`.
pub(super) async fn status(State(sources): State<Sources>) -> Response {
    let published = Arc::clone(&sources.published.borrow());
    Json(Status::of(&published)).into_response()
}

/// `/api/v1/processes`: the one whose state changed last comes first.
pub(super) async fn processes(State(sources): State<Sources>, wanted: Wanted) -> Response {
    let published = Arc::clone(&sources.published.borrow());
    let mut processes: Vec<(&ServerView, &ProcessView)> = published
        .servers
        .iter()
        .flat_map(|server| server.processes.iter().map(move |p| (&**server, p)))
        .filter(|(server, process)| {
            let program = &process.program;
            wanted.reaches(process.state_since)
                && wanted.names(server.name.as_str(), &program.group, &program.name)
        })
        .collect();
    processes.sort_by_key(|(_, process)| std::cmp::Reverse(process.state_since));
    let rows = processes
        .into_iter()
        .map(|(server, process)| ProcessRow::of(server, process));
    list("processes", rows, wanted.limit)
}

/// `/api/v1/incidents`, by when they were opened.
pub(super) async fn incidents(State(sources): State<Sources>, wanted: Wanted) -> Response {
    let published = Arc::clone(&sources.published.borrow());
    let incidents = published
        .incidents
        .iter()
        .filter(|incident| {
            wanted.reaches(incident.opened_at)
                && wanted.open.is_none_or(|open| open == incident.is_open())
                && wanted.is_of(incident)
        })
        .map(|incident| incident.view());
    list::<IncidentView<'_>>("incidents", incidents, wanted.limit)
}

/// `/api/v1/transitions`.
pub(super) async fn transitions(State(sources): State<Sources>, wanted: Wanted) -> Response {
    let published = Arc::clone(&sources.published.borrow());
    let transitions = published.transitions.iter().filter(|transition| {
        wanted.reaches(transition.time)
            && wanted.names(
                transition.server.as_str(),
                &transition.group,
                &transition.name,
            )
    });
    list::<&Arc<Transition>>("transitions", transitions, wanted.limit)
}

/// `/api/v1/silences`.
pub(super) async fn silences(State(sources): State<Sources>, wanted: Wanted) -> Response {
    let published = Arc::clone(&sources.published.borrow());
    let silences = published.silences.iter();
    let silences = silences.filter(|silence| wanted.reaches(silence.since));
    list::<&Silence>("silences", silences, wanted.limit)
}

/// `/api/v1/holds`.
pub(super) async fn holds(State(sources): State<Sources>, wanted: Wanted) -> Response {
    let published = Arc::clone(&sources.published.borrow());
    let mut holds: Vec<_> = published.holds.iter().collect();
    holds.retain(|hold| {
        let program = &hold.key.program;
        wanted.reaches(hold.since)
            && wanted.names(hold.key.server.as_str(), &program.group, &program.name)
    });
    holds.sort_by_key(|hold| std::cmp::Reverse(hold.since));
    list("holds", holds.into_iter().map(HoldRow::of), wanted.limit)
}

/// `/api/v1/audit`: what was done about silences and holds.
pub(super) async fn audit(State(sources): State<Sources>, wanted: Wanted) -> Response {
    let published = Arc::clone(&sources.published.borrow());
    let entries = published.audit.iter();
    let entries = entries.filter(|entry| wanted.reaches(entry.time));
    list::<&AuditEntry>("audit", entries, wanted.limit)
}

pub(super) fn list<T: Serialize>(
    name: &'static str,
    entries: impl Iterator<Item = T>,
    limit: usize,
) -> Response {
    let mut entries: Vec<T> = entries.collect();
    let total = entries.len().to_string();
    entries.truncate(limit);
    ([(TOTAL, total)], Json(BTreeMap::from([(name, entries)]))).into_response()
}

/// RFC 3339 with milliseconds, in UTC.
pub(super) struct Time(pub(super) Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.3}", self.0))
    }
}

#[derive(Serialize)]
struct ProcessRow<'a> {
    server: &'a str,
    group: &'a str,
    name: &'a str,
    state: ProcessState,
    pid: u32,
    started_at: Option<Time>,
    state_since: Time,
    exit: Option<Exit>,
    spawn_error: &'a str,
    expect: &'static str,
    held: bool,
    incident: Option<&'a IncidentId>,
}

impl<'a> ProcessRow<'a> {
    fn of(server: &'a ServerView, process: &'a ProcessView) -> Self {
        Self {
            server: server.name.as_str(),
            group: &process.program.group,
            name: &process.program.name,
            state: process.state,
            pid: process.pid,
            started_at: process.started_at.map(Time),
            state_since: Time(process.state_since),
            exit: process.exit,
            spawn_error: &process.spawn_error,
            expect: if process.expected_up {
                "running"
            } else {
                "any"
            },
            held: process.held,
            incident: process.incident.as_ref(),
        }
    }
}

/// A hold as the API gives it.
#[derive(Serialize)]
pub(super) struct HoldRow<'a> {
    server: &'a str,
    group: &'a str,
    name: &'a str,
    since: Time,
    until: Option<Time>,
    author: &'a str,
    reason: &'a str,
}

impl<'a> HoldRow<'a> {
    pub(super) fn of(hold: &'a Hold) -> Self {
        Self {
            server: hold.key.server.as_str(),
            group: &hold.key.program.group,
            name: &hold.key.program.name,
            since: Time(hold.since),
            until: hold.until.map(Time),
            author: &hold.author,
            reason: &hold.reason,
        }
    }
}

#[derive(Serialize)]
struct Status<'a> {
    version: &'static str,
    started_at: Time,
    supervisords: Vec<ServerRow<'a>>,
    incidents_open: usize,
    channels: Vec<ChannelRow<'a>>,
    maintenance: &'a [OpenWindow],
    store: StoreRow<'a>,
    config: ConfigRow,
}

impl<'a> Status<'a> {
    fn of(published: &'a Published) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            started_at: Time(published.started_at),
            supervisords: published.servers.iter().map(|s| ServerRow::of(s)).collect(),
            incidents_open: published.incidents.iter().filter(|i| i.is_open()).count(),
            channels: published.channels.iter().map(ChannelRow::of).collect(),
            maintenance: &published.windows,
            store: StoreRow {
                error: published.store.error.as_deref(),
                unsaved: published.store.unsaved,
            },
            config: ConfigRow {
                last_reload_successful: published.config.last_reload_ok,
                loaded_at: Time(published.config.loaded_at),
            },
        }
    }
}

#[derive(Serialize)]
struct ServerRow<'a> {
    server: &'a str,
    url: &'a str,
    up: bool,
    unreachable: bool,
    error: Option<&'a str>,
    pid: Option<u32>,
    version: Option<&'a str>,
    api_version: Option<&'a str>,
    identification: Option<&'a str>,
    started_at: Option<Time>,
    restarts: u64,
    last_success_at: Option<Time>,
    poll_interval_seconds: f64,
    programs: BTreeMap<&'static str, usize>,
}

impl<'a> ServerRow<'a> {
    fn of(server: &'a ServerView) -> Self {
        let identity = server.identity.as_ref();
        Self {
            server: server.name.as_str(),
            url: &server.url,
            up: server.up,
            unreachable: server.unreachable,
            error: server.error.as_deref(),
            pid: identity.map(|identity| identity.pid),
            version: identity.map(|identity| identity.version.as_str()),
            api_version: identity.map(|identity| identity.api_version.as_str()),
            identification: identity.map(|identity| identity.identification.as_str()),
            started_at: server.started_at.map(Time),
            restarts: server.restarts,
            last_success_at: server.last_success_at.map(Time),
            poll_interval_seconds: server.poll_interval.as_secs_f64(),
            programs: counts(&server.processes),
        }
    }
}

/// How many programs are in each state; every known state is there.
pub(super) fn counts(processes: &[ProcessView]) -> BTreeMap<&'static str, usize> {
    let mut counts: BTreeMap<&'static str, usize> = ProcessState::KNOWN
        .into_iter()
        .map(|state| (state.name(), 0))
        .collect();
    for process in processes {
        *counts.entry(process.state.name()).or_default() += 1;
    }
    counts
}

#[derive(Serialize)]
struct ChannelRow<'a> {
    name: &'a str,
    kind: &'static str,
    up: bool,
    error: Option<&'a str>,
    length: usize,
    capacity: usize,
    oldest_at: Option<Time>,
    frozen_until: Option<Time>,
    last_success_at: Option<Time>,
}

impl<'a> ChannelRow<'a> {
    fn of(channel: &'a ChannelView) -> Self {
        Self {
            name: &channel.name,
            kind: channel.kind,
            up: channel.up,
            error: channel.error.as_deref(),
            length: channel.length,
            capacity: channel.capacity,
            oldest_at: channel.oldest_at.map(Time),
            frozen_until: channel.frozen_until.map(Time),
            last_success_at: channel.last_success_at.map(Time),
        }
    }
}

#[derive(Serialize)]
struct StoreRow<'a> {
    error: Option<&'a str>,
    unsaved: usize,
}

#[derive(Serialize)]
struct ConfigRow {
    last_reload_successful: bool,
    loaded_at: Time,
}
