//! The store, against real files, real disks that fill up and a real SIGKILL.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test fails the test"
)]

mod crash;
mod damage;
mod full;
mod handle;
mod property;
mod round_trip;
mod support;
