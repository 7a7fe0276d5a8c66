//! Pure: what the members' answers mean, one by one and together.

use crate::notify::{
    answer::{Answer, Verdict},
    redact,
};

/// How many characters of a member's own words are passed on: it quotes the alert that it objects to.
const MESSAGE_MAX: usize = 300;

/// Judges one member's answer by its HTTP status and its body.
pub(in crate::notify) fn judge(status: u16, body: &[u8]) -> Answer {
    let (verdict, what) = match status {
        200..300 => return Answer::taken(),
        400 | 422 => return judge_refusal(status, body),
        401 | 403 => (
            Verdict::Misconfigured,
            ": check the user and the password in `urls`",
        ),
        300..400 | 404 | 405 => (
            Verdict::Misconfigured,
            ": check its address in `urls`, which ends before /api/v2/alerts",
        ),
        408 => (Verdict::TimedOut, " (time-out)"),
        413 => (Verdict::TooLong, " (too large)"),
        429 => (Verdict::Busy, " (too many requests)"),
        500.. => (Verdict::ServerError, ""),
        _ => (Verdict::Refused, ": check its address in `urls`"),
    };
    Answer::new(verdict, format!("it answered HTTP {status}{what}"))
}

/// Alertmanager says in JSON what it objects to. Whatever answers in another way, such as the port of
/// a TLS server, is no Alertmanager that was understood.
fn judge_refusal(status: u16, body: &[u8]) -> Answer {
    let said = String::from_utf8_lossy(body);
    let said = redact::line(&said, MESSAGE_MAX);
    if serde_json::from_slice::<serde_json::Value>(body).is_ok() {
        let detail = format!(
            "it refused an alert (HTTP {status}: {said}), which is a mistake in supervigil: please report it"
        );
        Answer::new(Verdict::Rejected, detail)
    } else {
        let detail = format!(
            "it answered HTTP {status} ({said}): check its address in `urls`, and whether it is https"
        );
        Answer::new(Verdict::Misconfigured, detail)
    }
}

/// What the members' answers, with their names, come to. It is taken when one of them took it, and the
/// detail says which did not: they get it when everything is posted again.
pub(in crate::notify) fn together(answers: Vec<(&str, Answer)>) -> Answer {
    let members = answers.len();
    let failed = answers
        .into_iter()
        .filter(|(_, it)| it.verdict != Verdict::Taken);
    let failed: Vec<_> = failed.collect();
    let taken = members - failed.len();
    let details = failed
        .iter()
        .map(|(name, it)| format!("{name}: {}", it.detail));
    let details = details.collect::<Vec<_>>().join("; ");
    // The verdicts that another attempt may change come first.
    let verdict = failed.iter().map(|(_, it)| it.verdict).min();
    match verdict {
        None => Answer::taken(),
        Some(verdict) if taken == 0 => Answer::new(verdict, details),
        Some(_) => Answer::new(
            Verdict::Taken,
            format!("{taken} of {members} members took it; {details}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_understood() {
        for (status, body, verdict) in [
            (200, "", Verdict::Taken),
            (
                400,
                r#""\"\" is not a valid label name""#,
                Verdict::Rejected,
            ),
            (
                422,
                r#"{"code":602,"message":"labels is required"}"#,
                Verdict::Rejected,
            ),
            (
                400,
                "Client sent an HTTP request to an HTTPS server.\n",
                Verdict::Misconfigured,
            ),
            (301, "", Verdict::Misconfigured),
            (401, "", Verdict::Misconfigured),
            (404, "404 page not found", Verdict::Misconfigured),
            (405, "", Verdict::Misconfigured),
            (408, "", Verdict::TimedOut),
            (413, "", Verdict::TooLong),
            (418, "", Verdict::Refused),
            (429, "", Verdict::Busy),
            (500, r#""oops""#, Verdict::ServerError),
            (503, "", Verdict::ServerError),
        ] {
            assert_eq!(
                judge(status, body.as_bytes()).verdict,
                verdict,
                "{status} {body}"
            );
        }
        for status in 100..600 {
            let taken = judge(status, b"{}").verdict == Verdict::Taken;
            assert_eq!(taken, (200..300).contains(&status), "{status}");
        }
    }

    #[test]
    fn a_refusal_is_told_in_the_members_words() {
        let answer = judge(400, br#""bad label name \"a-b\"""#);
        assert!(
            answer.detail.contains("bad label name"),
            "{}",
            answer.detail
        );
    }

    #[test]
    fn one_member_is_enough_and_the_others_are_named() {
        let failed = |verdict| Answer::new(verdict, "words");
        let all = together(vec![("a", Answer::taken()), ("b", Answer::taken())]);
        assert_eq!(all, Answer::taken());
        let some = together(vec![
            ("a", failed(Verdict::Misconfigured)),
            ("b", Answer::taken()),
            ("c", failed(Verdict::Unreachable)),
        ]);
        assert_eq!(some.verdict, Verdict::Taken);
        assert_eq!(some.detail, "1 of 3 members took it; a: words; c: words");
    }

    #[test]
    fn where_nobody_took_it_the_hopeful_answer_counts() {
        for hopeful in [
            Verdict::TimedOut,
            Verdict::ConnectionLost,
            Verdict::ServerError,
            Verdict::Busy,
            Verdict::Unreachable,
        ] {
            for hopeless in [Verdict::Misconfigured, Verdict::Rejected, Verdict::Refused] {
                let answers = [hopeless, hopeful].map(|verdict| Answer::new(verdict, "words"));
                let answers = ["a", "b"].into_iter().zip(answers).collect();
                assert_eq!(together(answers).verdict, hopeful);
            }
        }
    }
}
