//! The names, the helps, the labels and the buckets of what is counted.

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

use super::{Events, RETRY_ATTEMPTS, feed_name};
use crate::model::{Outcome, SeenBy};
use tokio::sync::watch;

/// From a call that a local supervisord answers at once to twice the default deadline.
const RPC_SECONDS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// From what a pidfd takes to the longest interval to which polls stretch.
const DETECTION_SECONDS: [f64; 15] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// From a quick restart to a day of somebody's work.
const RECOVERY_SECONDS: [f64; 12] = [
    1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14_400.0, 86_400.0,
];

/// From half of the default `group_wait` to the age at which a notice is dropped.
const NOTICE_SECONDS: [f64; 14] = [
    0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14_400.0, 86_400.0,
];

impl Events {
    /// The counters, in the registry.
    pub(in crate::metrics) fn registered(registry: &Registry) -> Result<Self, prometheus::Error> {
        let events = Self::declared()?;
        for counter in [
            &events.polls,
            &events.retry_attempts,
            &events.retry_skipped,
            &events.notices_sent,
            &events.notices_failed,
            &events.notices_suppressed,
            &events.notices_dropped,
            &events.http_requests,
        ] {
            registry.register(Box::new(counter.clone()))?;
        }
        for histogram in [
            &events.rpc_duration,
            &events.detection_latency,
            &events.recovery_duration,
            &events.notice_latency,
        ] {
            registry.register(Box::new(histogram.clone()))?;
        }
        for seen_by in [SeenBy::Poll, SeenBy::Log, SeenBy::Pidfd] {
            events
                .detection_latency
                .with_label_values(&[feed_name(seen_by)]);
        }
        for outcome in [
            Outcome::Recovered,
            Outcome::StoppedByOperator,
            Outcome::Removed,
        ] {
            events
                .recovery_duration
                .with_label_values(&[outcome.name()]);
        }
        Ok(events)
    }

    fn declared() -> Result<Self, prometheus::Error> {
        Ok(Self {
            polls: counter(
                "supervisord_polls_total",
                "Polls of this supervisord, by what came of them.",
                &["server", "result"],
            )?,
            rpc_duration: histogram(
                "supervisord_rpc_duration_seconds",
                "How long calls of this supervisord's XML-RPC methods took, in seconds.",
                &["server", "method"],
                &RPC_SECONDS,
            )?,
            detection_latency: histogram(
                "supervigil_detection_latency_seconds",
                "From a program's death until supervigil knew of it, in seconds, by the feed that brought it.",
                &["seen_by"],
                &DETECTION_SECONDS,
            )?,
            retry_attempts: counter(
                RETRY_ATTEMPTS,
                "Starts of the program by supervigil, by what came of them.",
                &["server", "group", "name", "outcome"],
            )?,
            retry_skipped: counter(
                "supervigil_retry_skipped_total",
                "Times that supervigil left a program alone that is down, by why.",
                &["server", "group", "name", "reason"],
            )?,
            recovery_duration: histogram(
                "supervigil_recovery_duration_seconds",
                "From the opening of an incident to its end, in seconds, by how it ended.",
                &["outcome"],
                &RECOVERY_SECONDS,
            )?,
            notices_sent: counter(
                "supervigil_notices_sent_total",
                "Notices that the channel's receiver took.",
                &["channel"],
            )?,
            notices_failed: counter(
                "supervigil_notices_failed_total",
                "Attempts to deliver through the channel that failed, by why.",
                &["channel", "reason"],
            )?,
            notices_suppressed: counter(
                "supervigil_notices_suppressed_total",
                "Notices that were not made on purpose, by why.",
                &["reason"],
            )?,
            notices_dropped: counter(
                "supervigil_notices_dropped_total",
                "Notices that waited for the channel and were given up, by why.",
                &["channel", "reason"],
            )?,
            notice_latency: histogram(
                "supervigil_notice_latency_seconds",
                "From a notice's coming about until the channel's receiver took it, in seconds.",
                &["channel"],
                &NOTICE_SECONDS,
            )?,
            http_requests: counter(
                "supervigil_http_requests_total",
                "HTTP requests that supervigil answered, by the route's template and the status code.",
                &["path", "code"],
            )?,

            retried: watch::Sender::default(),
        })
    }
}

fn counter(name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
    IntCounterVec::new(Opts::new(name, help), labels)
}

fn histogram(
    name: &str,
    help: &str,
    labels: &[&str],
    buckets: &[f64],
) -> Result<HistogramVec, prometheus::Error> {
    let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
    HistogramVec::new(options, labels)
}
