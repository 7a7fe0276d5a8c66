//! A handle on one process, which no other process ever takes over.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Pid, PidfdFlags, pidfd_open},
};

use super::{WhyNot, ioctl};
use crate::model::Exit;

/// A process. It turns readable when the process dies, and hangs up (Linux >= 6.9) when it was reaped.
#[derive(Debug)]
pub(super) struct Pidfd(OwnedFd);

/// What the kernel tells of the end of a process that died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Its parent has not reaped it; until then the kernel does not tell.
    Unreaped,
    /// How it ended.
    Told(Exit),
    /// This kernel does not tell.
    Untold,
}

impl Pidfd {
    /// The process that has this pid at present.
    pub(super) fn open(pid: u32) -> Result<Self, WhyNot> {
        let pid = i32::try_from(pid).ok().filter(|pid| *pid > 0);
        let pid = pid.and_then(Pid::from_raw).ok_or(WhyNot::Gone)?;
        pidfd_open(pid, PidfdFlags::empty())
            .map(Self)
            .map_err(why_not)
    }

    /// Whether it is dead, reaped or not.
    pub(super) fn is_dead(&self) -> bool {
        let mut polled = [PollFd::new(&self.0, PollFlags::IN)];
        poll(&mut polled, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }

    /// How it ended, after it died.
    pub(super) fn ending(&self) -> Ending {
        match ioctl::wait_status(self.0.as_fd()) {
            Ok(None) => Ending::Unreaped,
            Ok(Some(status)) => Exit::of_wait_status(status).map_or(Ending::Untold, Ending::Told),
            Err(_) => Ending::Untold,
        }
    }
}

impl AsFd for Pidfd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Pidfd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// `pidfd_open(2)`, and what stands in for it in a sandbox.
fn why_not(error: Errno) -> WhyNot {
    match error {
        Errno::SRCH => WhyNot::Gone,
        // The number of a thread: no program's process.
        Errno::INVAL | Errno::NOENT => WhyNot::NotItsChild,
        Errno::NOSYS => WhyNot::OldKernel,
        Errno::MFILE | Errno::NFILE | Errno::NOMEM => WhyNot::TooManyFiles,
        _ => WhyNot::Forbidden,
    }
}
