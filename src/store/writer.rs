//! The thread that owns the connection: requests come in by a queue, and each gets its answer when
//! the disk has given its own.

use std::{path::Path, sync::Arc, time::Duration};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    backlog::Backlog,
    error::{CommitError, Kept},
    open::OpenFile,
    settings::Settings,
    write,
};
use crate::model::{Moment, Record, StoreView};

/// Batches that share one transaction, and so one fsync, when they wait together.
const GROUP_MAX: usize = 32;

/// How often old rows are looked for.
const PRUNE_INTERVAL: Duration = Duration::from_secs(3600);

/// Transitions after which they are looked for early, so that a storm stays near the caps.
const PRUNE_AFTER_TRANSITIONS: usize = 1000;

/// Where the outcome of a request goes.
pub(super) type Answer = oneshot::Sender<Result<(), CommitError>>;

/// Where the outcome of a request comes from.
pub(super) type Outcome = oneshot::Receiver<Result<(), CommitError>>;

/// What the writer is asked.
#[derive(Debug)]
pub(super) enum Request {
    /// Write these, whole.
    Commit {
        records: Vec<Record>,
        answer: Answer,
    },
    /// Try again what could not be written; prune when it is due.
    Tend { now: Moment, answer: Answer },
    /// Finish.
    Close { answer: Answer },
}

/// The writer's state.
pub(super) struct Writer {
    connection: Connection,
    file: OpenFile,
    path: Arc<Path>,
    retention: Duration,
    backlog: Backlog,
    view: watch::Sender<StoreView>,
    pruned_at: Option<Moment>,
    transitions_since: usize,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        file: OpenFile,
        settings: &Settings,
        view: watch::Sender<StoreView>,
    ) -> Self {
        Self {
            connection,
            file,
            path: Arc::from(settings.path.as_path()),
            retention: settings.retention,
            backlog: Backlog::default(),
            view,
            pruned_at: None,
            transitions_since: 0,
        }
    }

    /// Serves until it is asked to close, or until nobody is left to ask.
    pub(super) fn run(mut self, mut inbox: mpsc::Receiver<Request>) {
        let mut carried = None;
        while let Some(request) = carried.take().or_else(|| inbox.blocking_recv()) {
            match request {
                Request::Commit { records, answer } => {
                    carried = self.commit_group(records, answer, &mut inbox);
                }
                Request::Tend { now, answer } => reply(answer, self.tend(now)),
                Request::Close { answer } => {
                    inbox.close();
                    return reply(answer, self.close());
                }
            }
        }
        // Nobody is left to hear of it.
        let _unheard = self.close();
    }

    /// Commits a batch together with those that wait right behind it. Gives back the first request
    /// that is not a batch.
    fn commit_group(
        &mut self,
        records: Vec<Record>,
        answer: Answer,
        inbox: &mut mpsc::Receiver<Request>,
    ) -> Option<Request> {
        self.take(records);
        let mut answers = vec![answer];
        let mut carried = None;
        while answers.len() < GROUP_MAX && carried.is_none() {
            match inbox.try_recv() {
                Ok(Request::Commit { records, answer }) => {
                    self.take(records);
                    answers.push(answer);
                }
                Ok(other @ (Request::Tend { .. } | Request::Close { .. })) => carried = Some(other),
                Err(_) => break,
            }
        }
        let outcome = self.flush();
        for answer in answers {
            reply(answer, outcome.clone());
        }
        carried
    }

    fn take(&mut self, records: Vec<Record>) {
        for record in records {
            self.backlog.push(record);
        }
    }

    /// Writes all that waits in one transaction; keeps it on failure.
    fn flush(&mut self) -> Result<(), CommitError> {
        if self.backlog.is_empty() {
            return Ok(());
        }
        if !self.file.is_at(&self.path) {
            self.backlog.trim();
            return Err(self.failed(CommitError::Gone {
                path: Arc::clone(&self.path),
                kept: kept(&self.backlog),
            }));
        }
        match write::commit(&mut self.connection, &self.backlog) {
            Ok(()) => {
                self.transitions_since += self.backlog.transitions();
                self.backlog.clear();
                self.show(None);
                Ok(())
            }
            Err(source) => {
                self.backlog.trim();
                Err(self.refused(source))
            }
        }
    }

    fn tend(&mut self, now: Moment) -> Result<(), CommitError> {
        self.flush()?;
        let due = self.transitions_since >= PRUNE_AFTER_TRANSITIONS
            || self
                .pruned_at
                .is_none_or(|pruned_at| now.since(pruned_at) >= PRUNE_INTERVAL);
        if !due {
            return Ok(());
        }
        match write::prune(&mut self.connection, self.retention, now.wall) {
            Ok(more) => {
                self.pruned_at = (!more).then_some(now);
                self.transitions_since = 0;
                self.show(None);
                Ok(())
            }
            Err(source) => Err(self.refused(source)),
        }
    }

    /// Closing the last connection moves the `-wal` file's pages to the main file.
    fn close(mut self) -> Result<(), CommitError> {
        let flushed = self.flush();
        let Self {
            connection,
            path,
            backlog,
            ..
        } = self;
        let closed = connection
            .close()
            .map_err(|(_, source)| CommitError::new(source, &path, kept(&backlog)));
        flushed.and(closed)
    }

    fn refused(&self, source: rusqlite::Error) -> CommitError {
        self.failed(CommitError::new(source, &self.path, kept(&self.backlog)))
    }

    fn failed(&self, error: CommitError) -> CommitError {
        self.show(Some(error.to_string()));
        error
    }

    fn show(&self, error: Option<String>) {
        let view = StoreView {
            error,
            unsaved: self.backlog.len(),
        };
        self.view.send_if_modified(|shown| {
            let differs = *shown != view;
            *shown = view;
            differs
        });
    }
}

fn kept(backlog: &Backlog) -> Kept {
    Kept {
        unsaved: backlog.len(),
        dropped: backlog.dropped(),
    }
}

/// Whoever asked may have stopped waiting.
fn reply(answer: Answer, outcome: Result<(), CommitError>) {
    let _unwanted = answer.send(outcome);
}
