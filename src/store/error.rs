//! What can go wrong with the database, each in one sentence that says what to do.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::ErrorCode;

/// Why the database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Its folder is missing and cannot be made.
    #[error(
        "cannot make the folder of the database {path}: create it and give it to supervigil's \
         user, or set [storage] path to a place that user may write"
    )]
    Folder {
        /// The database.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// Its file cannot be created.
    #[error(
        "cannot create the database {path}: give supervigil's user the right to write its folder, \
         or set [storage] path to a place that user may write"
    )]
    Create {
        /// The database.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// It cannot be read or prepared, for a reason other than damage.
    #[error(
        "cannot open the database {path}: check that supervigil's user may write the file and its \
         folder and that there is space left, or set [storage] path to another place"
    )]
    Open {
        /// The database.
        path: PathBuf,
        /// `SQLite`'s word.
        source: rusqlite::Error,
    },
    /// Another process has it open.
    #[error(
        "the database {path} is in use: stop the other supervigil (or the sqlite3 shell) that has \
         it open, or set [storage] path to another place"
    )]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// It is a database, but not supervigil's.
    #[error(
        "{path} is the database of some other program: set [storage] path to a place of \
         supervigil's own"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It is unusable and cannot be moved out of the way.
    #[error("the database {path} {why}, and it cannot be moved to {aside}: move or delete it")]
    SetAside {
        /// The database.
        path: PathBuf,
        /// Where it was to go.
        aside: PathBuf,
        /// What is wrong with it.
        why: Unusable,
        /// The system's word.
        source: io::Error,
    },
    /// The one that was created in its place is unusable as well.
    #[error("the database {path} was created anew and {why}: check the disk")]
    Again {
        /// The database.
        path: PathBuf,
        /// What is wrong with it.
        why: Unusable,
    },
    /// The writer's thread cannot be started.
    #[error("cannot start the thread that writes the database: raise the limit of threads")]
    Thread {
        /// The system's word.
        source: io::Error,
    },
}

impl StoreError {
    /// A short name, for logs and labels.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Folder { .. } => "folder",
            Self::Create { .. } => "create",
            Self::Open { .. } => "open",
            Self::InUse { .. } => "in_use",
            Self::Foreign { .. } => "foreign",
            Self::SetAside { .. } => "set_aside",
            Self::Again { .. } => "again",
            Self::Thread { .. } => "thread",
        }
    }
}

/// Why a database's file cannot be used as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    /// It is damaged; in `SQLite`'s words.
    Damaged(String),
    /// A newer supervigil wrote it; its schema's version.
    Newer(i64),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(how) => write!(f, "is damaged ({how})"),
            Self::Newer(version) => {
                write!(f, "was written by a newer supervigil (schema {version})")
            }
        }
    }
}

/// Something about the opening that people should know, though the store works. Its text is one
/// sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenNotice {
    /// The file was unusable: it was moved, and a fresh one begun.
    SetAside {
        /// The database.
        path: PathBuf,
        /// Where the old file is.
        aside: PathBuf,
        /// What is wrong with it.
        why: Unusable,
    },
    /// Some of what it holds cannot be read and is left out.
    Unreadable {
        /// The database.
        path: PathBuf,
        /// What they are: `incidents`, `notices`, ...
        what: &'static str,
        /// How many.
        count: usize,
        /// What is wrong with the first.
        first: String,
    },
}

impl fmt::Display for OpenNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetAside { path, aside, why } => write!(
                f,
                "the database {} {why}: it was moved to {} and a fresh one begun, so the history \
                 of incidents, the notices that were waiting and the spent retry budgets are lost",
                path.display(),
                aside.display()
            ),
            Self::Unreadable {
                path,
                what,
                count,
                first,
            } => write!(
                f,
                "{count} {what} in the database {} cannot be read and are left out ({first})",
                path.display()
            ),
        }
    }
}

/// Why a batch is not on the disk. Its text is one sentence.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// The disk did not take it; it is kept in memory and tried again.
    #[error("the database {path} {fault}; supervigil goes on and {kept}", path = .path.display())]
    Disk {
        /// What is wrong.
        fault: Fault,
        /// The database.
        path: Arc<Path>,
        /// What waits in memory.
        kept: Kept,
        /// `SQLite`'s word.
        source: Arc<rusqlite::Error>,
    },
    /// The file is not where it was when it was opened, so what is written to it would be lost; the
    /// batch is kept in memory and tried again.
    #[error(
        "the database {path} was deleted or replaced while it was open: put it back, or restart \
         supervigil to begin a fresh one; until then it {kept}",
        path = .path.display()
    )]
    Gone {
        /// Where the database was.
        path: Arc<Path>,
        /// What waits in memory.
        kept: Kept,
    },
    /// The store was closed before: the batch is not saved.
    #[error("the database is closed and takes no more changes: restart supervigil")]
    Closed,
}

impl CommitError {
    pub(super) fn new(source: rusqlite::Error, path: &Arc<Path>, kept: Kept) -> Self {
        Self::Disk {
            fault: Fault::of(&source),
            path: Arc::clone(path),
            kept,
            source: Arc::new(source),
        }
    }

    /// A short name, for logs and labels: one of `full`, `io`, `readonly`, `busy`, `corrupt`, `other`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Disk { fault, .. } => fault.name(),
            Self::Gone { .. } | Self::Closed => Fault::Other.name(),
        }
    }
}

/// What keeps the disk from taking a batch. Its text says what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// There is no space left.
    Full,
    /// The disk does not read or write.
    Io,
    /// The file or its file system may not be written.
    ReadOnly,
    /// Another process holds the file.
    Busy,
    /// The file was damaged while it was open.
    Corrupt,
    /// Anything else.
    Other,
}

impl Fault {
    fn of(error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => Self::Io,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt,
            Some(_) | None => Self::Other,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Io => "io",
            Self::ReadOnly => "readonly",
            Self::Busy => "busy",
            Self::Corrupt => "corrupt",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "finds its file system full: free space there",
            Self::Io => "cannot be read or written: check the disk, its quota and the system's log",
            Self::ReadOnly => "is read-only: make the file and its file system writable",
            Self::Busy => "is locked by another process: close whatever has it open",
            Self::Corrupt => {
                "is damaged: check the disk and restart supervigil, which sets the file aside"
            }
            Self::Other => "takes no changes: restart supervigil",
        })
    }
}

/// What waits in memory for the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Changes that wait.
    pub unsaved: usize,
    /// Changes that were dropped since the last commit that succeeded, because too many waited.
    pub dropped: u64,
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.unsaved == 1 { "" } else { "s" };
        write!(f, "keeps {} change{plural} in memory", self.unsaved)?;
        if self.dropped > 0 {
            write!(f, " (and dropped {} of the oldest)", self.dropped)?;
        }
        Ok(())
    }
}
