//! SQLite: what survives a restart, a crash and a power cut.
//!
//! Owns the database's file, its tables and the one thread that writes to it. What the records mean,
//! and which of them belong into one batch, is the callers' business; so is what to do while nothing
//! can be saved, but for keeping the changes until it can.
//!
//! Invariant: a batch whose [`Store::commit`] returned `Ok` is on the disk, whole. A batch that
//! could not be written stays in memory (see `backlog.rs`) and goes to the disk, before anything
//! later does, as soon as the disk takes it.
//!
//! While a store is open its file is locked: a second supervigil on the same file would send every
//! notice again.

mod backlog;
mod error;
mod load;
mod open;
mod schema;
mod settings;
mod write;
mod writer;

use std::{future::Future, thread};

use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot, watch,
};

pub use error::{CommitError, Fault, Kept, OpenNotice, StoreError, Unusable};
pub use settings::Settings;

use crate::model::{Moment, Record, Saved, StoreView};
use writer::{Outcome, Request, Writer};

/// Requests that may wait for the writer. The daemon waits for one commit before it begins the next
/// few, and a commit takes some milliseconds: more than this many wait only when the disk hangs.
const QUEUE_MAX: usize = 64;

/// The writer's stack. `SQLite` asks for well under 100 KiB, and the records' JSON is flat.
const STACK_BYTES: usize = 512 * 1024;

/// A handle of the database; clones share it.
///
/// The database is closed in order by [`Store::close`], or in the background once the last handle is
/// dropped.
#[derive(Debug, Clone)]
pub struct Store {
    requests: Option<mpsc::Sender<Request>>,
    view: watch::Receiver<StoreView>,
}

impl Store {
    /// Opens the database, or creates it with its folder, and gives back what it remembers.
    ///
    /// A file that is damaged, or that a newer supervigil wrote, is moved aside, and an
    /// [`OpenNotice`] says so. It blocks for as long as the disk takes, so it belongs before the
    /// daemon's loop.
    pub fn open(
        settings: &Settings,
        now: Moment,
    ) -> Result<(Self, Saved, Vec<OpenNotice>), StoreError> {
        let opened = open::open(&settings.path, now)?;
        let (requests, inbox) = mpsc::channel(QUEUE_MAX);
        let (view_sender, view) = watch::channel(StoreView::default());
        let writer = Writer::new(opened.connection, opened.file, settings, view_sender);
        // The thread ends by itself once the last handle is gone; `close` waits for its last word.
        let _detached = thread::Builder::new()
            .name("store".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || writer.run(inbox))
            .map_err(|source| StoreError::Thread { source })?;
        let store = Self {
            requests: Some(requests),
            view,
        };
        Ok((store, opened.saved, opened.notices))
    }

    /// A store that takes everything and keeps nothing, so that alerts go out even where there is no
    /// place to save them. `error` is what [`Store::view`] shows: why it has come to that.
    pub fn in_memory(error: Option<String>) -> Self {
        let (_, view) = watch::channel(StoreView { error, unsaved: 0 });
        Self {
            requests: None,
            view,
        }
    }

    /// Commits a batch, whole; ready once it is on the disk.
    ///
    /// The batch takes its place in the queue at the call, so batches are written in the order of the
    /// calls whether or not the futures are awaited one after the other. (Only while the queue is
    /// full, which [`Store::has_room`] tells, does a batch take its place when its future is first
    /// polled.) Dropping the future does
    /// not take the batch back. After an error the batch is kept in memory and need not be given
    /// again.
    pub fn commit(
        &self,
        records: Vec<Record>,
    ) -> impl Future<Output = Result<(), CommitError>> + Send + use<> {
        let (answer, outcome) = oneshot::channel();
        self.submit(Request::Commit { records, answer }, outcome)
    }

    /// Tries again what could not be saved, and now and then removes what is too old. For the daemon
    /// to call every few seconds.
    pub fn tend(
        &self,
        now: Moment,
    ) -> impl Future<Output = Result<(), CommitError>> + Send + use<> {
        let (answer, outcome) = oneshot::channel();
        self.submit(Request::Tend { now, answer }, outcome)
    }

    /// Whether the next batch takes its place in the queue at the call.
    pub fn has_room(&self) -> bool {
        self.requests
            .as_ref()
            .is_none_or(|requests| requests.capacity() > 0)
    }

    /// Finishes what was submitted, tries once more what could not be saved, and closes the file.
    /// Later commits, by other handles, fail.
    pub async fn close(self) -> Result<(), CommitError> {
        let (answer, outcome) = oneshot::channel();
        self.submit(Request::Close { answer }, outcome).await
    }

    /// How the store does: why the last commit failed, and how many changes wait for the disk.
    pub fn view(&self) -> StoreView {
        self.view.borrow().clone()
    }

    fn submit(
        &self,
        request: Request,
        outcome: Outcome,
    ) -> impl Future<Output = Result<(), CommitError>> + Send + use<> {
        let queued = self
            .requests
            .as_ref()
            .map(|requests| match requests.try_send(request) {
                Err(TrySendError::Full(request)) => Some((requests.clone(), request)),
                // Where the writer is gone the request was dropped, and with it the answer's sender.
                Ok(()) | Err(TrySendError::Closed(_)) => None,
            });
        async move {
            let Some(overflow) = queued else {
                return Ok(());
            };
            if let Some((requests, request)) = overflow {
                let _closed = requests.send(request).await;
            }
            outcome.await.unwrap_or(Err(CommitError::Closed))
        }
    }
}
