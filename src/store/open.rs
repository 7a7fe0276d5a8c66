//! From a path to a sound database of the present schema, whatever lies there.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use super::{
    error::{OpenNotice, StoreError, Unusable},
    load,
    schema::{self, MIGRATIONS},
};
use crate::model::{Moment, Saved};

/// Mode of the folders that are made: the history holds lines of programs' logs.
const FOLDER_MODE: u32 = 0o700;

/// Mode of the file; `SQLite` gives the same to the `-wal` beside it.
const FILE_MODE: u32 = 0o600;

/// How long another process may hold the file: long enough for a predecessor to finish closing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// `SQLite`'s page cache. Everything is read once, at the start, and a batch touches a few dozen pages
/// of 4 KiB.
const PAGE_CACHE_KIB: i64 = 512;

/// Pages of 4 KiB in the `-wal` file after which they go to the main file: 1 MiB.
const CHECKPOINT_PAGES: i64 = 256;

/// Files set aside within one second and for one reason that still get names of their own.
const ASIDE_NAMES_MAX: u32 = 100;

/// An open database with what was in it.
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) file: OpenFile,
    pub(super) saved: Saved,
    pub(super) notices: Vec<OpenNotice>,
}

/// Which file is open, whatever its path leads to later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OpenFile {
    device: u64,
    inode: u64,
}

impl OpenFile {
    fn at(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }

    /// Whether the path still leads to it. Where the system does not say, `SQLite` will.
    pub(super) fn is_at(self, path: &Path) -> bool {
        match Self::at(path) {
            Ok(found) => found == self,
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }
}

/// Opens the database at `path`, or creates one; moves an unusable one aside first.
pub(super) fn open(path: &Path, now: Moment) -> Result<Opened, StoreError> {
    let why = match open_as_it_is(path)? {
        Ok(opened) => return Ok(opened),
        Err(why) => why,
    };
    let notice = set_aside(path, now, why)?;
    let mut opened = open_as_it_is(path)?.map_err(|why| StoreError::Again {
        path: path.to_owned(),
        why,
    })?;
    opened.notices.insert(0, notice);
    Ok(opened)
}

fn open_as_it_is(path: &Path) -> Result<Result<Opened, Unusable>, StoreError> {
    let file = create_if_missing(path)?;
    match open_sound(path, file) {
        Ok(opened) => Ok(Ok(opened)),
        Err(Refusal::Unusable(why)) => Ok(Err(why)),
        Err(Refusal::Foreign) => Err(StoreError::Foreign {
            path: path.to_owned(),
        }),
        Err(Refusal::Sqlite(source)) => match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Ok(Err(Unusable::Damaged(source.to_string())))
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Err(StoreError::InUse {
                path: path.to_owned(),
            }),
            Some(_) | None => Err(StoreError::Open {
                path: path.to_owned(),
                source,
            }),
        },
    }
}

/// Why a file is not opened.
enum Refusal {
    Unusable(Unusable),
    Foreign,
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn open_sound(path: &Path, file: OpenFile) -> Result<Opened, Refusal> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    prepare_reading(&connection)?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let version = schema::version(&connection)?;
    if version > known {
        return Err(Refusal::Unusable(Unusable::Newer(version)));
    }
    check(&connection)?;
    if version < 0 || (version == 0 && !schema::is_empty(&connection)?) {
        return Err(Refusal::Foreign);
    }
    prepare_writing(&connection)?;
    schema::migrate(&mut connection, &MIGRATIONS)?;
    let (saved, notices) = load::load(&connection, path)?;
    Ok(Opened {
        connection,
        file,
        saved,
        notices,
    })
}

/// How it is read; <https://sqlite.org/pragma.html>. Nothing here writes: what turns out to be unusable
/// is to lie aside as it was found, with its `-wal`.
fn prepare_reading(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Locked for as long as it is open. With that SQLite needs no `-shm` file, so a database opens
    // even where the disk has no room for one. It goes first: later it would be too late for that.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "cache_size", -PAGE_CACHE_KIB)
}

/// How it is written, once it is found sound.
fn prepare_writing(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // With NORMAL, power loss takes the last commits away in WAL mode.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)
}

/// Finds damage before it is built upon.
fn check(connection: &Connection) -> Result<(), Refusal> {
    let finding: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if finding == "ok" {
        Ok(())
    } else {
        Err(Refusal::Unusable(Unusable::Damaged(finding)))
    }
}

fn create_if_missing(path: &Path) -> Result<OpenFile, StoreError> {
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_MODE)
            .create(folder)
            .map_err(|source| StoreError::Folder {
                path: path.to_owned(),
                source,
            })?;
    }
    // `create_new`, for an existing file must not be opened here: closing it again would drop the
    // locks that another store of this process has on it (POSIX locks belong to the process).
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path);
    match created {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(_) | Err(_) => OpenFile::at(path),
    }
    .map_err(|source| StoreError::Create {
        path: path.to_owned(),
        source,
    })
}

/// Moves the file, with what `SQLite` put beside it, to a name that says why and when.
fn set_aside(path: &Path, now: Moment, why: Unusable) -> Result<OpenNotice, StoreError> {
    let reason = match why {
        Unusable::Damaged(_) => "corrupt",
        Unusable::Newer(_) => "newer",
    };
    let suffix = format!(".{reason}-{}", now.wall.strftime("%Y%m%dT%H%M%SZ"));
    let aside = unused_name(path, &suffix);
    match rename_all(path, &aside) {
        Ok(()) => Ok(OpenNotice::SetAside {
            path: path.to_owned(),
            aside,
            why,
        }),
        Err(source) => Err(StoreError::SetAside {
            path: path.to_owned(),
            aside,
            why,
            source,
        }),
    }
}

/// The main file goes first: should the rest stay behind, `SQLite` discards a `-wal` whose main file
/// is empty.
fn rename_all(path: &Path, aside: &Path) -> io::Result<()> {
    fs::rename(path, aside)?;
    for beside in ["-wal", "-shm"] {
        match fs::rename(with_suffix(path, beside), with_suffix(aside, beside)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

fn unused_name(path: &Path, suffix: &str) -> PathBuf {
    let plain = with_suffix(path, suffix);
    (2..=ASIDE_NAMES_MAX)
        .map(|number| with_suffix(path, &format!("{suffix}.{number}")))
        .fold(
            plain,
            |chosen, next| if chosen.exists() { next } else { chosen },
        )
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Power cannot be cut in a test; what makes a commit survive it can be looked at.
    #[test]
    fn commits_wait_for_the_disk_and_memory_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let now = Moment {
            monotonic: Duration::ZERO,
            wall: jiff::Timestamp::UNIX_EPOCH,
        };
        let opened = open(&folder.path().join("supervigil.db"), now);
        let Ok(Opened { connection, .. }) = opened else {
            panic!("it does not open");
        };
        let pragma = |name| {
            connection
                .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
                .unwrap()
        };
        assert_eq!(pragma("synchronous"), 2.into());
        assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
        assert_eq!(pragma("locking_mode"), "exclusive".to_owned().into());
        assert_eq!(pragma("cache_size"), (-512).into());
        assert_eq!(pragma("mmap_size"), 0.into());
    }
}
