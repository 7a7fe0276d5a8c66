//! Pure: the wire form of `[[webhook]]`, for machines.
//!
//! One notice is one request. Its `id` is the same on every attempt, so that the receiver can tell a
//! repetition; any 2xx takes it.

use serde::Serialize;

use super::answer::{Answer, Verdict};
use crate::model::{Incident, IncidentView, Notice};

/// The version of the body's form.
const VERSION: u32 = 1;

/// The most bytes of a body before log lines are left out of it: what common servers and proxies
/// take without being told to (nginx: 1 MiB).
pub(super) const BODY_MAX: usize = 1024 * 1024;

#[derive(Debug, Serialize)]
struct Body<'a> {
    version: u32,
    id: &'a str,
    reason: &'static str,
    incidents: Vec<IncidentView<'a>>,
}

/// The body that carries `notice`.
pub(super) fn body(notice: &Notice, with_log: bool) -> String {
    let short: Vec<Incident>;
    let incidents = if with_log {
        &notice.incidents
    } else {
        short = notice.incidents.iter().map(without_log).collect();
        &short
    };
    let body = Body {
        version: VERSION,
        id: &notice.id.0,
        reason: notice.reason.name(),
        incidents: incidents.iter().map(Incident::view).collect(),
    };
    // Strings, numbers and lists of them always serialise.
    serde_json::to_string(&body).unwrap_or_default()
}

/// The incident with everything but its log.
fn without_log(incident: &Incident) -> Incident {
    Incident {
        log_tail: Vec::new(),
        ..incident.clone()
    }
}

/// Judges an answer by its HTTP status.
pub(super) fn judge(status: u16) -> Answer {
    match status {
        200..300 => Answer::taken(),
        408 => Answer::new(
            Verdict::TimedOut,
            "the webhook answered HTTP 408 (time-out)",
        ),
        413 => Answer::new(
            Verdict::TooLong,
            "the webhook answered HTTP 413 (too large)",
        ),
        429 => Answer::new(
            Verdict::Busy,
            "the webhook answered HTTP 429 (too many requests)",
        ),
        500.. => Answer::new(
            Verdict::ServerError,
            format!("the webhook answered HTTP {status}"),
        ),
        401 | 403 => Answer::new(
            Verdict::Misconfigured,
            format!("the webhook answered HTTP {status}: check its `bearer_token_file`"),
        ),
        _ => Answer::new(
            Verdict::Refused,
            format!("the webhook answered HTTP {status}: check its `url`"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::samples;

    #[test]
    fn the_body_keeps_its_public_form() {
        let notices = samples(crate::notify::fixtures::moment());
        let value: serde_json::Value = serde_json::from_str(&body(&notices[0], true)).unwrap();
        let keys: Vec<_> = value.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["id", "incidents", "reason", "version"]);
        assert_eq!(value["version"], 1);
        assert_eq!(value["reason"], "opened");
        assert_eq!(value["id"], notices[0].id.0);
        assert_eq!(value["incidents"][0]["kind"], "fatal");
        assert!(
            !value["incidents"][0]["log_tail"]
                .as_array()
                .unwrap()
                .is_empty()
        );
        let value: serde_json::Value = serde_json::from_str(&body(&notices[0], false)).unwrap();
        assert!(
            value["incidents"][0]["log_tail"]
                .as_array()
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn any_success_takes_it_and_nothing_else_does() {
        for status in 100..600 {
            let taken = judge(status).verdict == Verdict::Taken;
            assert_eq!(taken, (200..300).contains(&status), "{status}");
        }
    }
}
