//! How a call fails, and what to do about each way.
//!
//! Owns every sentence that a user reads when supervisord cannot be asked. No message holds a password,
//! nor anything of an answer that may be a program's output.

use std::{io, path::PathBuf, time::Duration};

use super::{
    codec::AnswerError,
    fault::{Fault, FaultCode},
};

/// Why a call to a supervisord brought no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// There is no socket.
    #[error(
        "no supervisord socket at {}: start supervisord, or set `url` to its [unix_http_server] file",
        list(.looked_at)
    )]
    NoSocket {
        /// Every path that was looked at.
        looked_at: Vec<PathBuf>,
    },
    /// The socket is there and this user may not use it.
    #[error(
        "this user may not use supervisord's socket {}: in supervisord.conf under [unix_http_server] set chmod=0770 and \
         chown=root:GROUP, restart supervisord, and add this user to GROUP, which must be let into the socket's folder too",
        .path.display()
    )]
    NoPermission {
        /// The socket.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// Nothing listens there.
    #[error(
        "nothing listens at {url} (a stale socket or a wrong port): start supervisord, or correct `url`"
    )]
    Refused {
        /// Where.
        url: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The queue of connections that nobody accepted is full.
    #[error(
        "supervisord at {url} accepts no more connections: it hangs or is overloaded, look at its process and its log"
    )]
    Busy {
        /// Where.
        url: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// No connection for another reason.
    #[error("cannot connect to supervisord at {url}: check `url` and the way there")]
    Connect {
        /// Where.
        url: String,
        /// What the network said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The address is none.
    #[error("{url} is no address of a supervisord: set `url` to unix:///PATH or http://HOST:PORT")]
    Address {
        /// What was given.
        url: String,
        /// What is wrong with it.
        source: hyper::http::Error,
    },
    /// The deadline passed.
    #[error(
        "supervisord at {url} did not answer {method} within {} ({progress}): it hangs, is overloaded or out of reach; \
         look at its process and its log, or raise `timeout`",
        seconds(.after)
    )]
    Timeout {
        /// Where.
        url: String,
        /// What was called.
        method: &'static str,
        /// The deadline.
        after: Duration,
        /// What had come by then.
        progress: Progress,
    },
    /// The connection ended before an answer began.
    #[error(
        "supervisord at {url} closed the connection before it answered {method}: it is going down or crashed, look at its log"
    )]
    Closed {
        /// Where.
        url: String,
        /// What was called.
        method: &'static str,
        /// What the connection said.
        source: hyper_util::client::legacy::Error,
    },
    /// The connection ended within an answer.
    #[error(
        "supervisord at {url} cut its answer to {method} off ({progress}): it went down meanwhile, or the Content-Length is too \
         large; look at its log and for a proxy in between"
    )]
    Cut {
        /// Where.
        url: String,
        /// What was called.
        method: &'static str,
        /// What came and what should have come.
        progress: Progress,
        /// What the connection said.
        source: hyper::Error,
    },
    /// More than [`super::BODY_BYTES_MAX`].
    #[error(
        "the answer to {method} from {url} is larger than {} MiB: check that it is a supervisord, and how many programs it has",
        super::BODY_BYTES_MAX / (1024 * 1024)
    )]
    TooLarge {
        /// Where.
        url: String,
        /// What was called.
        method: &'static str,
    },
    /// Something listens there that does not speak HTTP.
    #[error("what listens at {url} does not speak HTTP: check that `url` is supervisord's")]
    NotHttp {
        /// Where.
        url: String,
        /// What is wrong with it.
        source: hyper_util::client::legacy::Error,
    },
    /// HTTP 401.
    #[error(
        "supervisord at {url} refuses this user and password (HTTP 401): set `username` and `password` as in its section of supervisord.conf"
    )]
    Unauthorized {
        /// Where.
        url: String,
    },
    /// HTTP 404.
    #[error(
        "{url} has no /RPC2 (HTTP 404): check that supervisord itself listens there, and that no proxy changes the path"
    )]
    NotFound {
        /// Where.
        url: String,
    },
    /// HTTP 411.
    #[error(
        "supervisord at {url} got no Content-Length (HTTP 411): look for a proxy in between that sends requests in chunks"
    )]
    LengthRequired {
        /// Where.
        url: String,
    },
    /// HTTP 500.
    #[error(
        "supervisord at {url} failed at {method} (HTTP 500): the reason is a traceback in supervisord's own log"
    )]
    ServerError {
        /// Where.
        url: String,
        /// What was called.
        method: &'static str,
    },
    /// Another status than 200.
    #[error(
        "{url} answered {method} with HTTP {status}: check that supervisord itself listens there, and look at its log"
    )]
    Status {
        /// Where.
        url: String,
        /// What was called.
        method: &'static str,
        /// The status.
        status: u16,
    },
    /// An answer that cannot be read.
    #[error("the answer to {method} from {url} is of no use, {problem}")]
    Answer {
        /// Where.
        url: String,
        /// What was called.
        method: &'static str,
        /// What is wrong with it.
        problem: AnswerError,
    },
    /// supervisord lacks the interface that everything goes through.
    #[error(
        "supervisord at {url} knows no supervisor.* methods (fault 1 UNKNOWN_METHOD): put a section [rpcinterface:supervisor] with \
         the line `supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface` into supervisord.conf \
         and restart supervisord"
    )]
    NoRpcInterface {
        /// Where.
        url: String,
    },
    /// supervisord is shutting down or reloading.
    #[error(
        "supervisord at {url} is shutting down or reloading (fault 6 SHUTDOWN_STATE): wait until it is back"
    )]
    ShuttingDown {
        /// Where.
        url: String,
    },
    /// supervisord refused.
    #[error("supervisord at {url} refused {method}: {fault}")]
    Fault {
        /// Where.
        url: String,
        /// What was called.
        method: &'static str,
        /// The refusal.
        fault: Fault,
    },
}

impl CallError {
    /// The result label of `supervisord_polls_total`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Timeout { .. } => "timeout",
            Self::NoSocket { .. }
            | Self::NoPermission { .. }
            | Self::Refused { .. }
            | Self::Busy { .. }
            | Self::Connect { .. }
            | Self::Address { .. }
            | Self::Closed { .. } => "connect",
            Self::Unauthorized { .. } => "auth",
            Self::Cut { .. }
            | Self::TooLarge { .. }
            | Self::NotHttp { .. }
            | Self::NotFound { .. }
            | Self::LengthRequired { .. }
            | Self::ServerError { .. }
            | Self::Status { .. }
            | Self::Answer { .. } => "protocol",
            Self::NoRpcInterface { .. } | Self::Fault { .. } => "fault",
            Self::ShuttingDown { .. } => "shutdown",
        }
    }

    /// Whether the same call may succeed later though nobody changes anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NoSocket { .. }
            | Self::Refused { .. }
            | Self::Busy { .. }
            | Self::Connect { .. }
            | Self::Timeout { .. }
            | Self::Closed { .. }
            | Self::Cut { .. }
            | Self::ServerError { .. }
            | Self::ShuttingDown { .. } => true,
            Self::Status { status, .. } => *status >= 500,
            Self::NoPermission { .. }
            | Self::Address { .. }
            | Self::TooLarge { .. }
            | Self::NotHttp { .. }
            | Self::Unauthorized { .. }
            | Self::NotFound { .. }
            | Self::LengthRequired { .. }
            | Self::Answer { .. }
            | Self::NoRpcInterface { .. }
            | Self::Fault { .. } => false,
        }
    }

    /// supervisord's refusal, where it is one of a single call.
    pub fn fault(&self) -> Option<&Fault> {
        if let Self::Fault { fault, .. } = self {
            Some(fault)
        } else {
            None
        }
    }

    /// Whether supervisord may have acted on the call all the same. Then its state has to be read before
    /// the call is made again.
    pub fn may_have_acted(&self) -> bool {
        match self {
            Self::Timeout { .. }
            | Self::Closed { .. }
            | Self::Cut { .. }
            | Self::TooLarge { .. }
            | Self::NotHttp { .. }
            | Self::ServerError { .. }
            | Self::Status { .. }
            | Self::Answer { .. } => true,
            Self::NoSocket { .. }
            | Self::NoPermission { .. }
            | Self::Refused { .. }
            | Self::Busy { .. }
            | Self::Connect { .. }
            | Self::Address { .. }
            | Self::Unauthorized { .. }
            | Self::NotFound { .. }
            | Self::LengthRequired { .. }
            | Self::NoRpcInterface { .. }
            | Self::ShuttingDown { .. }
            | Self::Fault { .. } => false,
        }
    }

    /// An answer that is of no use, with where it came from.
    pub(super) fn from_answer(url: String, method: &'static str, problem: AnswerError) -> Self {
        match problem {
            AnswerError::Fault(fault) if fault.code == FaultCode::ShutdownState => {
                Self::ShuttingDown { url }
            }
            AnswerError::Fault(fault) if fault.code == FaultCode::UnknownMethod => {
                Self::NoRpcInterface { url }
            }
            AnswerError::Fault(fault) => Self::Fault { url, method, fault },
            problem @ (AnswerError::NotUtf8 { .. }
            | AnswerError::ForbiddenCharacter { .. }
            | AnswerError::Cut { .. }
            | AnswerError::NotXmlRpc { .. }
            | AnswerError::IllFormed { .. }
            | AnswerError::Shape { .. }
            | AnswerError::Unwritable { .. }) => Self::Answer {
                url,
                method,
                problem,
            },
        }
    }
}

/// How much of an answer had come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the body.
    pub received: usize,
    /// What its Content-Length promised; none before the headers, or without one.
    pub promised: Option<u64>,
}

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.received, self.promised) {
            (0, None) => f.write_str("nothing came"),
            (received, None) => write!(f, "{received} bytes came"),
            (received, Some(promised)) => write!(f, "{received} of {promised} bytes came"),
        }
    }
}

fn list(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    paths.join(", ")
}

/// `5 s`, `0.25 s`: a deadline as people say it.
fn seconds(duration: &Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}
