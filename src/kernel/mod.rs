//! The kernel's word on the programs' processes.
//!
//! Owns the feed that tells of a death the moment it happens, and of how a process ended where
//! supervisord never says: [`watch()`] holds a pidfd for each live process of one supervisord. A pid
//! is a number that may mean somebody else, so none is watched before it is proved to be the
//! program's process: `namespace` makes sure that supervisord's numbers are the ones used here, and
//! `proof` (pure) that the process is supervisord's child and older than the look that showed it.
//! What cannot be watched has its reason, [`WhyNot`]. With a death comes whether the kernel's own killer
//! was at work (`oom`).
//!
//! It draws no conclusions: what a death means is for those above. It signals nobody and waits for
//! nobody's child, and it needs no privilege. It reads the clock that counts from the boot
//! ([`BootTime`]), because the kernel tells by that one alone when a process was started.

mod boot;
mod files;
mod held;
mod ioctl;
mod namespace;
mod oom;
mod pidfd;
mod proof;
mod watch;
mod why;

pub use boot::BootTime;
pub use files::raise_fd_limit;
pub use watch::{Limits, Report, Target, Targets, watch};
pub use why::WhyNot;
