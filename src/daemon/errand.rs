//! Short tasks that go out for the loop and come back with an event.

use std::time::Duration;

use tokio::task::JoinHandle;
use tracing::error;

use super::with_causes;
use crate::{
    clock::Clock,
    engine::StartOutcome,
    model::{ProcessState, ProgramName},
    supervisord::{CallError, Client, FaultCode},
};

/// What an errand brings back; `broken` where it panicked, which it is not meant to: what waits for it
/// must not wait for ever.
pub(super) async fn outcome_of<T>(work: JoinHandle<T>, broken: T) -> T {
    work.await.unwrap_or_else(|error| {
        error!(%error, "an errand broke off by a mistake in supervigil: please report it");
        broken
    })
}

/// Starts a program, if it still is as the plan took it to be.
pub(super) async fn start(
    client: &Client,
    clock: Clock,
    program: &ProgramName,
    state: ProcessState,
    start: i64,
) -> StartOutcome {
    let begun = clock.now();
    let process = match client.process(program).await {
        Ok(process) if process.state != state || process.start != start => {
            return StartOutcome::Changed;
        }
        Ok(process) => process,
        // Whatever became of the look, it started nothing.
        Err(error) => return refused(&error, false, None),
    };
    let outcome = client.start(program).await;
    let over_by = over_by(process.now, clock.now().since(begun));
    match outcome {
        Ok(()) => StartOutcome::Observe { over_by },
        // Without an answer it may still come about.
        Err(error) if error.fault().is_none() => refused(&error, error.may_have_acted(), None),
        Err(error) => refused(&error, error.may_have_acted(), over_by),
    }
}

/// The reading of supervisord's clock by which all was over that took so long from before a look with
/// the reading `now`; the clock has whole seconds.
fn over_by(now: i64, took: Duration) -> Option<i64> {
    let seconds = i64::try_from(took.as_secs()).ok()?;
    now.checked_add(seconds)?.checked_add(1)
}

/// What it means that supervisord did not accept a start, or the look before it.
fn refused(error: &CallError, may_have_started: bool, over_by: Option<i64>) -> StartOutcome {
    if let CallError::ShuttingDown { .. } = error {
        return StartOutcome::ShuttingDown;
    }
    let Some(fault) = error.fault() else {
        // A start that may have arrived shows in the polls, as one that was accepted does.
        return if may_have_started {
            StartOutcome::Observe { over_by }
        } else {
            StartOutcome::Failed(with_causes(error))
        };
    };
    match fault.code {
        FaultCode::AlreadyStarted | FaultCode::SpawnError | FaultCode::AbnormalTermination => {
            StartOutcome::Observe { over_by }
        }
        FaultCode::NoFile | FaultCode::NotExecutable => StartOutcome::NeedsHuman(fault.to_string()),
        FaultCode::ShutdownState => StartOutcome::ShuttingDown,
        FaultCode::BadName => StartOutcome::Gone,
        FaultCode::UnknownMethod
        | FaultCode::IncorrectParameters
        | FaultCode::BadArguments
        | FaultCode::SignatureUnsupported
        | FaultCode::BadSignal
        | FaultCode::Failed
        | FaultCode::NotRunning
        | FaultCode::Success
        | FaultCode::AlreadyAdded
        | FaultCode::StillRunning
        | FaultCode::CantReread
        | FaultCode::Other(_) => StartOutcome::Failed(with_causes(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        os::unix::net::UnixListener,
        thread::{self, JoinHandle},
        time::Duration,
    };

    use super::*;
    use crate::{
        model::ServerName,
        supervisord::{Endpoint, Fault, Progress, Settings},
    };

    fn fault(code: i32, text: &str) -> CallError {
        CallError::Fault {
            url: String::new(),
            method: "supervisor.startProcess",
            fault: Fault::new(code, text),
        }
    }

    #[test]
    fn each_refusal_of_a_start_means_what_the_engine_should_do() {
        let missing = StartOutcome::NeedsHuman("fault 20 NO_FILE (no /bin/x)".to_owned());
        let observe = StartOutcome::Observe { over_by: Some(9) };
        for (code, text, expected) in [
            (60, "ALREADY_STARTED: a", observe.clone()),
            (50, "SPAWN_ERROR: a", observe.clone()),
            (40, "ABNORMAL_TERMINATION: a", observe),
            (20, "NO_FILE: no /bin/x", missing),
            (6, "SHUTDOWN_STATE", StartOutcome::ShuttingDown),
            (10, "BAD_NAME: a", StartOutcome::Gone),
        ] {
            assert_eq!(
                refused(&fault(code, text), false, Some(9)),
                expected,
                "{text}"
            );
        }
        for code in [1, 2, 30, 70, 999] {
            let outcome = refused(&fault(code, ""), false, Some(9));
            assert!(matches!(outcome, StartOutcome::Failed(_)), "{outcome:?}");
        }
        let leaving = CallError::ShuttingDown { url: String::new() };
        assert_eq!(refused(&leaving, false, None), StartOutcome::ShuttingDown);
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "the test awaits the task itself")]
    async fn an_errand_that_panics_comes_back_all_the_same() {
        let broken = tokio::spawn(async { panic!("on purpose") });
        assert_eq!(outcome_of(broken, 1).await, 1);
        assert_eq!(outcome_of(tokio::spawn(async { 2 }), 1).await, 2);
    }

    #[test]
    fn only_a_start_that_may_have_arrived_is_looked_out_for() {
        let late = CallError::Timeout {
            url: String::new(),
            method: "supervisor.startProcess",
            after: Duration::from_secs(5),
            progress: Progress::default(),
        };
        assert_eq!(
            refused(&late, true, None),
            StartOutcome::Observe { over_by: None }
        );
        assert!(matches!(
            refused(&late, false, None),
            StartOutcome::Failed(_)
        ));
    }

    /// A supervisord with one program in that state; gives the requests that it was sent.
    fn supervisord(listener: UnixListener, state: i32) -> JoinHandle<Vec<String>> {
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut requests, mut request) = (Vec::new(), Vec::new());
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = stream.read(&mut piece) {
                request.extend_from_slice(&piece[..length]);
                if !request.trim_ascii_end().ends_with(b"</methodCall>") {
                    continue;
                }
                let asked = String::from_utf8(std::mem::take(&mut request)).unwrap();
                let text = |name: &str, value: &str| {
                    format!("<member><name>{name}</name><value>{value}</value></member>")
                };
                let value = if asked.contains("getProcessInfo") {
                    let members = [
                        text("group", "<string>web</string>"),
                        text("name", "<string>web</string>"),
                        text("state", &format!("<int>{state}</int>")),
                        text("pid", "<int>0</int>"),
                        text("start", "<int>100</int>"),
                        text("now", "<int>200</int>"),
                    ];
                    format!("<struct>{}</struct>", members.concat())
                } else {
                    "<boolean>1</boolean>".to_owned()
                };
                requests.push(asked);
                let body = format!(
                    "<?xml version='1.0'?><methodResponse><params><param><value>{value}</value></param></params></methodResponse>"
                );
                let length = body.len();
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
            }
            requests
        })
    }

    #[tokio::test]
    async fn a_program_is_started_only_if_it_still_is_as_it_was_planned_for() {
        let observe = StartOutcome::Observe { over_by: Some(201) };
        for (state, outcome, calls) in [(200, observe, 2), (20, StartOutcome::Changed, 1)] {
            let folder = tempfile::tempdir().unwrap();
            let socket = folder.path().join("s.sock");
            let peer = supervisord(UnixListener::bind(&socket).unwrap(), state);
            let client = Client::new(&Settings {
                name: ServerName::new("main"),
                endpoint: Endpoint::Unix(socket),
                credentials: None,
                poll_interval: Duration::from_secs(5),
                timeout: Duration::from_secs(30),
                max_load: 0.02,
                follow_log: true,
                watch_pids: true,
            });
            let program = ProgramName::new("web", "web");
            let made = start(&client, Clock::start(), &program, ProcessState::Fatal, 100).await;
            assert_eq!(made, outcome);
            drop(client);
            // The connection closes by a task of its own.
            let requests = tokio::task::spawn_blocking(|| peer.join().unwrap())
                .await
                .unwrap();
            assert_eq!(requests.len(), calls, "{requests:?}");
            assert!(requests[0].contains("getProcessInfo"));
        }
    }

    #[test]
    fn a_start_is_over_a_second_after_its_clock_at_the_latest() {
        assert_eq!(over_by(100, Duration::from_millis(3)), Some(101));
        assert_eq!(over_by(100, Duration::from_millis(2_900)), Some(103));
        assert_eq!(over_by(i64::MAX, Duration::ZERO), None);
    }
}
