//! What the log and the metrics are told of what happens, each thing once.

use tracing::{debug, error, info, warn};

use super::history::History;
use crate::{
    config::Config,
    engine::{self, Effect, StartOutcome},
    metrics::Events,
    model::{
        Incident, Moment, Notice, NoticeReason, ProcessState, Record, ServerName, Told, Transition,
    },
    notify,
    supervisord::Endpoint,
};

/// A poll, when it fails in another way than the one before, or succeeds again.
pub(super) fn poll(server: &ServerName, failure: Option<&str>, before: Option<&str>) {
    match (failure, before) {
        (Some(sentence), before) if before != Some(sentence) => warn!(%server, "{sentence}"),
        (None, Some(_)) => info!(%server, "supervisord answers again"),
        (Some(_) | None, _) => {}
    }
}

/// What a listener was told.
pub(super) fn told(told: &Told) {
    let (server, events, lost) = (&told.server, told.events.len(), told.lost);
    debug!(%server, events, lost, "an event listener handed events over");
}

/// An input that no record and no effect shows.
pub(super) fn input(input: &engine::Input) {
    if let engine::Input::Started { key, outcome } = input {
        match outcome {
            StartOutcome::Observe { .. } => debug!(program = %key, "supervisord took the start"),
            StartOutcome::Changed => info!(program = %key, "not started: it has changed meanwhile"),
            StartOutcome::NeedsHuman(why) => {
                error!(program = %key, "it cannot be started before somebody mends it: {why}");
            }
            StartOutcome::ShuttingDown => {
                info!(program = %key, "not started: supervisord is shutting down");
            }
            StartOutcome::Gone => {
                warn!(program = %key, "not started: supervisord knows no such program");
            }
            StartOutcome::Failed(why) => warn!(program = %key, "the start failed: {why}"),
        }
    }
}

/// A record, as it is written down. `history` is as it was before.
pub(super) fn record(record: &Record, history: &History, metrics: &Events) {
    match record {
        Record::Transition(shown) => transition(shown),
        Record::Incident(shown) => incident(shown, history, metrics),
        Record::Server(server) => {
            debug!(server = %server.server, pid = server.identity.pid, "supervisord seen");
        }
        Record::Audit(entry) => info!(
            action = entry.action.name(),
            subject = %entry.subject,
            author = %entry.author,
            until = entry.until.map(tracing::field::display),
            reason = %entry.reason,
            "an order was given or is over"
        ),
        Record::Program(_)
        | Record::ProgramRemoved(_)
        | Record::NoticeQueued { .. }
        | Record::NoticeDone { .. }
        | Record::Channel(_)
        | Record::Silence(_)
        | Record::SilenceEnded(_)
        | Record::Hold(_)
        | Record::HoldEnded(_) => {}
    }
}

fn transition(transition: &Transition) {
    let Transition {
        server,
        group,
        name,
        from,
        to,
        cause,
        spawn_error,
        ..
    } = transition;
    let (cause, exit) = (cause.name(), transition.exit);
    if *to == ProcessState::Fatal {
        warn!(%server, %group, %name, cause, "{from} -> {to}: {spawn_error}");
    } else {
        info!(%server, %group, %name, cause, ?exit, "{from} -> {to}");
    }
}

fn incident(incident: &Incident, history: &History, metrics: &Events) {
    let (id, kind) = (&incident.id, incident.kind.name());
    let subject = incident
        .key()
        .map_or_else(|| incident.server.to_string(), |key| key.to_string());
    let before = history.incident(incident);
    match (before, incident.outcome) {
        (None, None) => warn!(incident = %id, %subject, kind, "incident opened"),
        (Some(before), None) if before.kind != incident.kind => {
            warn!(incident = %id, %subject, kind, "incident escalated");
        }
        (before, Some(outcome)) if before.is_none_or(Incident::is_open) => {
            info!(incident = %id, %subject, kind, outcome = outcome.name(), "incident closed");
            let lasted = incident
                .closed_at
                .map(|at| at.duration_since(incident.opened_at));
            metrics.incident_closed(outcome, lasted.unwrap_or_default().unsigned_abs());
        }
        (Some(_), _) | (None, Some(_)) => {}
    }
}

/// A notice, as it comes about.
pub(super) fn notice(notice: &Notice) {
    let incidents = notice.incidents.len();
    if notice.reason == NoticeReason::Digest {
        warn!(
            incidents,
            "programs were down already when supervigil looked for the first time"
        );
    } else {
        debug!(notice = %notice.id, reason = notice.reason.name(), incidents, "notice");
    }
}

/// An effect of the engine's.
pub(super) fn effect(effect: &Effect, metrics: &Events, now: Moment) {
    match effect {
        Effect::Start {
            key, number, state, ..
        } => {
            info!(program = %key, attempt = number, "starting it, as supervisord left it in {state}");
        }
        Effect::AttemptEnded {
            key,
            outcome,
            incident,
        } => {
            info!(program = %key, outcome = outcome.name(), "the attempt to start it ended");
            metrics.retry_attempted(key, outcome.name(), incident.as_ref(), now.wall);
        }
        Effect::StartWaits { key, why } => {
            debug!(program = %key, why = why.name(), "its start waits");
            metrics.retry_skipped(key, why.name());
        }
        Effect::Suppressed { why } => metrics.notice_suppressed(why),
        Effect::FeedJudged {
            server,
            feed,
            is_mute: true,
        } => warn!(
            %server,
            feed = feed.name(),
            "it does not tell of starts and ends, so supervigil goes without it: let supervisord have a logfile and loglevel=info"
        ),
        Effect::FeedJudged { server, feed, .. } => {
            info!(%server, feed = feed.name(), "it tells of starts and ends again");
        }
        Effect::Detected { seen_by, latency } => metrics.detected(*seen_by, *latency),
        Effect::Record(_)
        | Effect::Notice(_)
        | Effect::ReadLog { .. }
        | Effect::Look { .. }
        | Effect::PollNow { .. } => {}
    }
}

/// An effect of the outbox's.
pub(super) fn delivery(effect: &notify::Effect, metrics: &Events) {
    match effect {
        notify::Effect::Send { channel, delivery } => {
            let (notices, attempt) = (delivery.notices.len(), delivery.attempts);
            debug!(channel, notices, attempt, "sending a message");
        }
        notify::Effect::Taken {
            channel,
            notices,
            latencies,
        } => {
            info!(
                channel,
                notices = notices.len(),
                "the receiver took the message"
            );
            for latency in latencies {
                metrics.notice_sent(channel, *latency);
            }
        }
        notify::Effect::Failed {
            channel,
            reason,
            detail,
            ..
        } => {
            warn!(channel, reason, "not delivered yet: {detail}");
            metrics.notice_failed(channel, reason);
        }
        notify::Effect::Members {
            channel,
            trouble: Some(trouble),
        } => warn!(
            channel,
            "not every Alertmanager has what it is to have: {trouble}"
        ),
        notify::Effect::Members {
            channel,
            trouble: None,
        } => info!(channel, "every Alertmanager takes alerts again"),
        notify::Effect::Dropped {
            channel,
            count,
            reason,
        } => {
            error!(channel, count, reason, "notices dropped");
            for _ in 0..*count {
                metrics.notice_dropped(channel, reason);
            }
        }
        notify::Effect::Record(_) => {}
    }
}

/// What people would otherwise wonder about in a configuration that comes into force.
pub(super) fn configuration(config: &Config) {
    if let Some(path) = &config.source {
        info!(file = %path.display(), "configuration read");
    } else {
        info!("no configuration file: built-in defaults");
    }
    for warning in &config.warnings {
        warn!("{warning}");
    }
    if config.notify.channels.is_empty() {
        warn!(
            "no channel is configured: alerts go to this log; add a table such as [[dingtalk]] to be told"
        );
    }
    for supervisord in &config.supervisords {
        if let Endpoint::Search(paths) = &supervisord.endpoint {
            let paths: Vec<_> = paths
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            info!(
                "no supervisord is configured: watching the first of {}",
                paths.join(", ")
            );
        }
    }
}

/// What a reload cannot change.
pub(super) fn unchanged_until_restart(before: &Config, after: &Config) {
    let changed = [
        (
            "[http]",
            before.http.listen != after.http.listen
                || before.http.compact_state != after.http.compact_state
                || before.http.max_processes != after.http.max_processes,
        ),
        ("[storage]", before.store != after.store),
        ("[log] format", before.log.format != after.log.format),
    ];
    for (section, _) in changed.iter().filter(|(_, changed)| *changed) {
        warn!("{section} has changed: that takes effect when supervigil is started again");
    }
}
