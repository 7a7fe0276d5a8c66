//! How many files may be open.

use std::os::fd::AsRawFd;

use rustix::{
    io,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

/// Raises the number of files that may be open to the most that is allowed, and returns it; none for
/// no limit.
///
/// The usual soft limit of 1024 is for programs that use select(2): a pidfd for each process of a
/// large supervisord does not fit beneath it.
pub fn raise_fd_limit() -> io::Result<Option<u64>> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let current = limit.maximum;
        setrlimit(Resource::Nofile, Rlimit { current, ..limit })?;
    }
    Ok(limit.maximum)
}

/// Whether `kept_free` more files can still be opened after this one.
///
/// The kernel gives out the lowest number that is free, so that all the numbers below are in use.
pub(super) fn leaves_room(file: &impl AsRawFd, kept_free: u64) -> bool {
    let number = u64::try_from(file.as_raw_fd()).unwrap_or(u64::MAX);
    getrlimit(Resource::Nofile)
        .current
        .is_none_or(|limit| number.saturating_add(kept_free) < limit)
}
