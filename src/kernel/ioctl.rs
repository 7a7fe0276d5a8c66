//! The one call that no crate offers: how the process of a pidfd ended.

use std::os::fd::BorrowedFd;

use rustix::{
    io,
    ioctl::{Opcode, Updater, ioctl, opcode},
};

/// `struct pidfd_info` of linux/pidfd.h as it was first published (`PIDFD_INFO_SIZE_VER0`). The size
/// is part of the call's number, and a kernel that knows a longer one writes no more than this.
#[repr(C)]
#[derive(Default)]
struct PidfdInfo {
    /// What is asked for, and afterwards what was filled in.
    mask: u64,
    _cgroupid: u64,
    /// `pid`, `tgid`, `ppid` and eight ids of users and groups.
    _ids: [u32; 11],
    /// The wait status; a spare field before Linux 6.15, which then never says that it is filled in.
    exit_code: i32,
}

/// `PIDFD_INFO_SIZE_VER0`.
const _: () = assert!(size_of::<PidfdInfo>() == 64);

/// `PIDFD_GET_INFO`: `_IOWR(PIDFS_IOCTL_MAGIC, 11, struct pidfd_info)`.
const PIDFD_GET_INFO: Opcode = opcode::read_write::<PidfdInfo>(0xff, 11);

/// `PIDFD_INFO_EXIT`, since Linux 6.15.
const PIDFD_INFO_EXIT: u64 = 1 << 3;

/// The wait status of a process that was reaped; none of one that was not.
///
/// Errors: `NOTTY` and `INVAL` before Linux 6.13, which has no such call; `SRCH` for a process that
/// was reaped, before 6.15.
#[expect(
    unsafe_code,
    reason = "an ioctl is a protocol with the kernel, and no crate speaks this one"
)]
pub(super) fn wait_status(pidfd: BorrowedFd<'_>) -> io::Result<Option<i32>> {
    let mut info = PidfdInfo {
        mask: PIDFD_INFO_EXIT,
        ..PidfdInfo::default()
    };
    // SAFETY: the number is that of PIDFD_GET_INFO for a structure of this very size, of which the
    // kernel reads `mask` and writes no more than the size in the number. Every pattern of bits is a
    // valid `PidfdInfo`, and nothing keeps the pointer beyond the call. On a descriptor that is no
    // pidfd, the magic 0xff has no other call of this number and size in linux/*.h.
    unsafe { ioctl(pidfd, Updater::<PIDFD_GET_INFO, _>::new(&mut info)) }?;
    Ok((info.mask & PIDFD_INFO_EXIT != 0).then_some(info.exit_code))
}
