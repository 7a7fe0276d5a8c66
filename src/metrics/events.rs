//! What happens, counted as it happens.
//!
//! Owns the counters and histograms that no picture could show. Its series follow the published
//! picture: those of a subject that is in it begin at 0 before anything happened (a counter that
//! appears with its first event hides that event from `increase()`), those of one that is not go.
//! How they are called and cut into buckets is in `declared`.

mod declared;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use prometheus::{
    HistogramVec, IntCounterVec,
    core::{Collector as _, MetricVec, MetricVecBuilder},
    proto::{LabelPair, Metric, MetricFamily},
};

use jiff::Timestamp;
use tokio::sync::watch;

use super::collector::up_to;
use crate::model::{IncidentId, Outcome, ProgramKey, Published, SeenBy, ServerName};

/// What may come of a poll, as the label `result`.
pub const POLL_RESULTS: [&str; 7] = [
    "success", "timeout", "connect", "auth", "protocol", "fault", "shutdown",
];

/// What may come of an attempt to start a program, as the label `outcome`.
pub const RETRY_OUTCOMES: [&str; 4] = ["running", "failed", "fault", "timeout"];

/// The counters of what happens. Clones count into the same ones.
#[derive(Debug, Clone)]
pub struct Events {
    polls: IntCounterVec,
    rpc_duration: HistogramVec,
    detection_latency: HistogramVec,
    retry_attempts: IntCounterVec,
    retry_skipped: IntCounterVec,
    recovery_duration: HistogramVec,
    notices_sent: IntCounterVec,
    notices_failed: IntCounterVec,
    notices_suppressed: IntCounterVec,
    notices_dropped: IntCounterVec,
    notice_latency: HistogramVec,
    http_requests: IntCounterVec,
    retried: watch::Sender<Retried>,
}

/// The incident of the latest attempt, and when that ended, by server, group, name and outcome.
pub(super) type Retried = BTreeMap<[String; 4], (IncidentId, Timestamp)>;

/// The counter of attempts to start programs.
pub(super) const RETRY_ATTEMPTS: &str = "supervigil_retry_attempts_total";

impl Events {
    /// A poll of the supervisord ended, with one of [`POLL_RESULTS`].
    pub fn polled(&self, server: &ServerName, result: &'static str) {
        self.polls
            .with_label_values(&[server.as_str(), result])
            .inc();
    }

    /// The supervisord answered, or failed to answer, a call of that XML-RPC method.
    pub fn called(&self, server: &ServerName, method: &'static str, duration: Duration) {
        self.rpc_duration
            .with_label_values(&[server.as_str(), method])
            .observe(duration.as_secs_f64());
    }

    /// A death became known that long after it took place.
    pub fn detected(&self, seen_by: SeenBy, latency: Duration) {
        self.detection_latency
            .with_label_values(&[feed_name(seen_by)])
            .observe(latency.as_secs_f64());
    }

    /// supervigil started the program, with one of [`RETRY_OUTCOMES`], because of an incident.
    pub fn retry_attempted(
        &self,
        program: &ProgramKey,
        outcome: &'static str,
        incident: Option<&IncidentId>,
        now: Timestamp,
    ) {
        let [server, group, name] = labels(program);
        let series = [server, group, name, outcome];
        self.retry_attempts.with_label_values(&series).inc();
        if let Some(incident) = incident {
            self.retried.send_modify(|retried| {
                retried.insert(series.map(str::to_owned), (incident.clone(), now));
            });
        }
    }

    /// The incidents of the latest attempts.
    pub(super) fn retried(&self) -> Retried {
        self.retried.borrow().clone()
    }

    /// supervigil left the program alone although it is down, for that reason.
    pub fn retry_skipped(&self, program: &ProgramKey, reason: &'static str) {
        let [server, group, name] = labels(program);
        self.retry_skipped
            .with_label_values(&[server, group, name, reason])
            .inc();
    }

    /// An incident ended that long after it had been opened.
    pub fn incident_closed(&self, outcome: Outcome, duration: Duration) {
        self.recovery_duration
            .with_label_values(&[outcome.name()])
            .observe(duration.as_secs_f64());
    }

    /// The channel's receiver took a notice, that long after it came about.
    pub fn notice_sent(&self, channel: &str, latency: Duration) {
        self.notices_sent.with_label_values(&[channel]).inc();
        self.notice_latency
            .with_label_values(&[channel])
            .observe(latency.as_secs_f64());
    }

    /// An attempt to deliver through the channel failed.
    pub fn notice_failed(&self, channel: &str, reason: &'static str) {
        self.notices_failed
            .with_label_values(&[channel, reason])
            .inc();
    }

    /// A notice was not made, on purpose.
    pub fn notice_suppressed(&self, reason: &'static str) {
        self.notices_suppressed.with_label_values(&[reason]).inc();
    }

    /// A notice that waited for the channel was given up.
    pub fn notice_dropped(&self, channel: &str, reason: &'static str) {
        self.notices_dropped
            .with_label_values(&[channel, reason])
            .inc();
    }

    /// An HTTP request was answered; `path` is the route's template, never what the client wrote.
    pub fn http_served(&self, path: &str, code: u16) {
        self.http_requests
            .with_label_values(&[path, &code.to_string()])
            .inc();
    }

    /// Begins the series of what is in the picture and removes those of what is not.
    pub(super) fn follow(&self, published: &Published, max_processes: usize) {
        self.begin(published, max_processes);

        let servers: BTreeSet<&str> = published.servers.iter().map(|s| s.name.as_str()).collect();
        let listed_server = |labels: &[LabelPair]| servers.contains(label(labels, "server"));
        retain(&self.polls, listed_server);
        retain(&self.rpc_duration, listed_server);

        let programs: BTreeSet<[&str; 3]> = shown(published, max_processes)
            .map(|(labels, _)| labels)
            .collect();
        let listed_program = |labels: &[LabelPair]| {
            programs.contains(&["server", "group", "name"].map(|name| label(labels, name)))
        };
        retain(&self.retry_attempts, listed_program);
        self.retried.send_if_modified(|retried| {
            let before = retried.len();
            retried.retain(|[server, group, name, _], _| {
                programs.contains(&[server.as_str(), group, name])
            });
            retried.len() < before
        });
        retain(&self.retry_skipped, listed_program);

        let channels: BTreeSet<&str> = published.channels.iter().map(|c| &*c.name).collect();
        let listed_channel = |labels: &[LabelPair]| channels.contains(label(labels, "channel"));
        retain(&self.notices_sent, listed_channel);
        retain(&self.notices_failed, listed_channel);
        retain(&self.notices_dropped, listed_channel);
        retain(&self.notice_latency, listed_channel);
    }

    fn begin(&self, published: &Published, max_processes: usize) {
        for server in &published.servers {
            for result in POLL_RESULTS {
                self.polls
                    .with_label_values(&[server.name.as_str(), result]);
            }
        }
        for ([server, group, name], retried) in shown(published, max_processes) {
            for outcome in RETRY_OUTCOMES.into_iter().filter(|_| retried) {
                self.retry_attempts
                    .with_label_values(&[server, group, name, outcome]);
            }
        }
        for channel in &published.channels {
            self.notices_sent.with_label_values(&[&channel.name]);
            self.notice_latency.with_label_values(&[&channel.name]);
        }
    }
}

/// The labels of each program that has series, and whether supervigil would start it.
fn shown(published: &Published, max_processes: usize) -> impl Iterator<Item = ([&str; 3], bool)> {
    published.servers.iter().flat_map(move |server| {
        up_to(server, max_processes).iter().map(|process| {
            let program = &process.program;
            (
                [server.name.as_str(), &*program.group, &*program.name],
                process.retry.is_some(),
            )
        })
    })
}

fn retain<T: MetricVecBuilder>(vec: &MetricVec<T>, listed: impl Fn(&[LabelPair]) -> bool) {
    let families = vec.collect();
    let gone = families
        .iter()
        .flat_map(MetricFamily::get_metric)
        .map(Metric::get_label)
        .filter(|labels| !listed(labels));
    for labels in gone {
        let labels: HashMap<&str, &str> = labels
            .iter()
            .map(|pair| (pair.name(), pair.value()))
            .collect();
        if let Err(error) = vec.remove(&labels) {
            tracing::debug!(%error, "a metric's series was removed twice");
        }
    }
}

fn label<'a>(labels: &'a [LabelPair], name: &str) -> &'a str {
    labels
        .iter()
        .find(|pair| pair.name() == name)
        .map_or("", |pair| pair.value())
}

fn labels(program: &ProgramKey) -> [&str; 3] {
    [
        program.server.as_str(),
        &program.program.group,
        &program.program.name,
    ]
}

fn feed_name(seen_by: SeenBy) -> &'static str {
    match seen_by {
        SeenBy::Poll => "poll",
        SeenBy::Log => "log",
        SeenBy::Pidfd => "pidfd",
    }
}
