//! Short tasks that go out for the loop and come back with an event.

use regex::Regex;
use tracing::{debug, warn};

use super::with_causes;
use crate::{
    engine::StartOutcome,
    model::{ProcessState, ProgramName},
    notify::tail_lines,
    supervisord::{CallError, Client, FaultCode, LogStream},
};

/// Bytes of log read for one line that is shown; longer lines show shorter tails.
const BYTES_PER_LINE: u32 = 512;
/// The most that is read of a log for one message.
const TAIL_BYTES_MAX: u32 = 16 * 1024;

/// Starts a program, if it still is as the plan took it to be.
pub(super) async fn start(
    client: &Client,
    program: &ProgramName,
    state: ProcessState,
    start: i64,
) -> StartOutcome {
    match client.process(program).await {
        Ok(process) if process.state != state || process.start != start => StartOutcome::Changed,
        Ok(_) => match client.start(program).await {
            Ok(()) => StartOutcome::Observe,
            Err(error) => refused(&error),
        },
        Err(error) => refused(&error),
    }
}

/// What a start that supervisord did not accept means.
fn refused(error: &CallError) -> StartOutcome {
    if let CallError::ShuttingDown { .. } = error {
        return StartOutcome::ShuttingDown;
    }
    let Some(fault) = error.fault() else {
        // A call that may have arrived shows in the polls, as a start that was accepted does.
        return if error.may_have_acted() {
            StartOutcome::Observe
        } else {
            StartOutcome::Failed(with_causes(error))
        };
    };
    match fault.code {
        FaultCode::AlreadyStarted | FaultCode::SpawnError | FaultCode::AbnormalTermination => {
            StartOutcome::Observe
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

/// The last lines of a program's log, redacted; empty where there are none to be had.
pub(super) async fn read_log(
    client: &Client,
    program: &ProgramName,
    stderr: bool,
    lines: usize,
    redact: &[Regex],
) -> Vec<String> {
    let streams: &[LogStream] = if stderr {
        &[LogStream::Stderr, LogStream::Stdout]
    } else {
        &[LogStream::Stdout]
    };
    let wanted = u32::try_from(lines)
        .unwrap_or(u32::MAX)
        .saturating_mul(BYTES_PER_LINE);
    for stream in streams {
        match client
            .log_tail(program, *stream, wanted.min(TAIL_BYTES_MAX))
            .await
        {
            Ok(tail) if tail.text.trim().is_empty() => {}
            Ok(tail) => return tail_lines(&tail.text, lines, redact),
            Err(error) if error.fault().is_some() => {
                debug!(%program, "no log to show: {}", with_causes(&error));
            }
            Err(error) => warn!(%program, "its log cannot be shown: {}", with_causes(&error)),
        }
    }
    Vec::new()
}
