//! supervisord's main log, followed over HTTP.
//!
//! Owns the stream of `GET /mainlogtail` (`mainlogtail_handler` and `tail_f_producer` in http.py): where
//! its history ends and its news begins, and how it fails. What a line says is `main_log`'s. It never
//! connects again by itself: when to do that, and what may have been missed, is for the caller to know.
//!
//! Invariant: what happened before [`Client::follow_log`] was called is not told as news.

use std::{error::Error as _, fmt, io, time::Duration};

use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use tokio::time::timeout;

use super::{
    Client,
    error::CallError,
    main_log::{LineSplitter, read_line},
};
use crate::model::Telling;

/// Where supervisord hands its main log out.
const PATH: &str = "/mainlogtail";

/// What errors call it.
const NAME: &str = "GET /mainlogtail";

/// What comes within this time after the answer's head is history. supervisord writes the head in one
/// pass of its loop and the log's end in the next: within 2 ms of each other, on a busy machine too.
const HISTORY_WINDOW: Duration = Duration::from_millis(150);

/// How much of a log supervisord begins with, where there is that much (`mainlogtail_handler`). This
/// is how history is known that comes late, from a supervisord that is busy.
const HISTORY_BYTES: usize = 1024;

impl Client {
    /// Follows supervisord's main log, over a connection of its own. It waits until the log's history
    /// is through, some 150 ms; what happens meanwhile may be taken for history, so a look at all
    /// programs belongs behind this call.
    ///
    /// What a caller must know:
    /// - No line names a group.
    /// - Lines come 1 ms to 1 s after they are written.
    /// - At loglevel `warn` and coarser there are no starts; since 4.2.5 still the ends that are not
    ///   expected and the stops, before that and at `error` nothing. With `logfile=/dev/null` the feed
    ///   is silent for ever, which nothing tells apart from a supervisord where nothing happens.
    /// - At loglevel `debug` and finer programs' output is in the log, so that a program can forge lines.
    /// - Lines that are written just before the log is rotated may be lost, as supervisord turns to the
    ///   new file without reading the old one to its end.
    /// - supervisord closes a connection on which nothing moved for 30 minutes when it counts its next
    ///   500 connections (`kill_zombies` in medusa), so a feed of a quiet supervisord may end.
    /// - A peer that vanishes is noticed after two minutes over TCP; one that hangs, not at all.
    pub async fn follow_log(&self) -> Result<LogFeed, LogFeedError> {
        let (head, url) = match self.transport.stream(PATH, NAME).await {
            Err(CallError::NotFound { url }) => return Err(LogFeedError::NoLog { url }),
            answered => answered?,
        };
        let mut feed = LogFeed {
            url,
            body: head.into_body(),
            splitter: LineSplitter::default(),
            is_heard: false,
        };
        match timeout(HISTORY_WINDOW, feed.pass_over()).await {
            Ok(ended) => Err(ended),
            Err(_elapsed) => {
                feed.splitter.drop_begun();
                Ok(feed)
            }
        }
    }
}

/// A main log that is being followed. Its connection ends with it.
pub struct LogFeed {
    url: String,
    body: Incoming,
    splitter: LineSplitter,
    /// Whether anything has come yet.
    is_heard: bool,
}

impl LogFeed {
    /// Waits for the next lines that tell something, for as long as it takes; there is at least one
    /// telling. After an error the feed is at its end.
    ///
    /// It is cancel-safe: what was read stays with the feed.
    pub async fn next(&mut self) -> Result<Vec<Telling>, LogFeedError> {
        loop {
            let chunk = self.chunk().await?;
            let lines = self.splitter.push(&chunk);
            if !self.is_heard && is_history(&chunk) {
                self.splitter.drop_begun();
                self.is_heard = true;
                continue;
            }
            self.is_heard |= !chunk.is_empty();
            let tellings: Vec<_> = lines.iter().filter_map(|line| read_line(line)).collect();
            if !tellings.is_empty() {
                return Ok(tellings);
            }
        }
    }

    /// Reads and forgets until the stream ends.
    async fn pass_over(&mut self) -> LogFeedError {
        loop {
            match self.chunk().await {
                Ok(chunk) => {
                    self.is_heard |= !chunk.is_empty();
                    self.splitter.push(&chunk);
                }
                Err(ended) => return ended,
            }
        }
    }

    /// The next bytes of the log.
    async fn chunk(&mut self) -> Result<Bytes, LogFeedError> {
        loop {
            let url = || self.url.clone();
            match self.body.frame().await {
                None => return Err(LogFeedError::Ended { url: url() }),
                Some(Err(source)) if is_garbled(&source) => {
                    return Err(LogFeedError::Garbled { url: url(), source });
                }
                Some(Err(source)) => return Err(LogFeedError::Cut { url: url(), source }),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(data);
                    }
                }
            }
        }
    }
}

impl fmt::Debug for LogFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogFeed")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// Whether what comes first, and late, is the end of a log that was there before: there is as much of
/// it as supervisord begins with, which news brings together only in a burst.
fn is_history(first: &[u8]) -> bool {
    first.len() >= HISTORY_BYTES
}

/// Whether a chunk was no chunk, rather than none: hyper says so by the kind of the error within.
fn is_garbled(error: &hyper::Error) -> bool {
    let cause: Option<&io::Error> = error.source().and_then(|cause| cause.downcast_ref());
    let kind = cause.map(io::Error::kind);
    error.is_parse()
        || kind.is_some_and(|kind| {
            kind == io::ErrorKind::InvalidInput || kind == io::ErrorKind::InvalidData
        })
}

/// Why a main log cannot be followed, or not any longer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogFeedError {
    /// supervisord cannot be asked for it.
    #[error(transparent)]
    Call(#[from] CallError),
    /// HTTP 404.
    #[error(
        "supervisord at {url} has no main log to follow (HTTP 404): in supervisord.conf under [supervisord] set `logfile` to a \
         file (not to syslog), restart supervisord, and check that nobody removed that file"
    )]
    NoLog {
        /// Where.
        url: String,
    },
    /// The stream ended in order.
    #[error(
        "supervisord at {url} ended the stream of its main log: it lost the file, or a proxy in between lets no stream pass; \
         follow it again, and look at its log"
    )]
    Ended {
        /// Where.
        url: String,
    },
    /// The connection ended within the stream.
    #[error(
        "supervisord at {url} closed the connection of its main log: it went down, was reloaded, or closes what was silent for \
         30 minutes; follow it again"
    )]
    Cut {
        /// Where.
        url: String,
        /// What the connection said.
        source: hyper::Error,
    },
    /// The stream is no HTTP any more.
    #[error(
        "the stream of the main log from {url} is not HTTP (a chunk of no size): look for a proxy in between, and follow it again"
    )]
    Garbled {
        /// Where.
        url: String,
        /// What is wrong with it.
        source: hyper::Error,
    },
}

impl LogFeedError {
    /// The kind, for labels: those of [`CallError::kind`], `no_log` or `closed`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Call(error) => error.kind(),
            Self::NoLog { .. } => "no_log",
            Self::Ended { .. } | Self::Cut { .. } => "closed",
            Self::Garbled { .. } => "protocol",
        }
    }

    /// Whether following it again may succeed though nobody changes anything. supervisord calls a
    /// missing log a passing state, but it takes somebody to pass.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Call(error) => error.is_transient(),
            Self::NoLog { .. } => false,
            Self::Ended { .. } | Self::Cut { .. } | Self::Garbled { .. } => true,
        }
    }
}
