//! A wall clock of a process's own, which can be set (libfaketime, of Debian's package `faketime`).

use std::{env, fs, path::PathBuf, process::Command, sync::Arc};

use tempfile::TempDir;

/// The clock. The monotonic one is left alone, as it is by whoever sets a host's clock.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    folder: Arc<TempDir>,
}

impl Clock {
    /// One that shows the host's time.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Self {
            folder: Arc::new(folder),
        };
        clock.set(0);
        clock
    }

    /// Whether there can be one: Debian's package is left out where it is not installed, but not in CI.
    pub(crate) fn is_wanted() -> bool {
        library().is_some() || env::var_os("CI").is_some_and(|ci| ci == "true")
    }

    /// Sets it off by so many seconds from the host's.
    pub(crate) fn set(&self, seconds: i64) {
        fs::write(self.file(), format!("{seconds:+}")).expect("the clock can be set");
    }

    /// Makes a command live by it.
    pub(crate) fn rule(&self, command: &mut Command) {
        let library = library().expect("Debian's faketime is installed: run tests/setup");
        command
            .env("LD_PRELOAD", library)
            .env("FAKETIME_TIMESTAMP_FILE", self.file())
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("offset")
    }
}

/// The library, in the folder of this machine's architecture.
fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.filter_map(Result::ok);
    let places = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    places.into_iter().find(|place| place.exists())
}
