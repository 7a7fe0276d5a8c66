//! The engine against a supervisord that is modelled in simulated time.
//!
//! `supervisord` is the model, by the rules of process.py; `rig` joins it to the engine as the daemon
//! would; `scenarios` are text files, one rule each, with what the engine makes of them beside them;
//! `fusion` has the feeds tell in any order; `properties` walk both at random and hold them to the `laws`; `soak` has days of it told
//! by the outbox and the store; `servers` is about several
//! supervisords.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "what a test or its model cannot make sense of fails the test"
)]

mod fusion;
mod laws;
mod properties;
mod rig;
mod scenario;
mod servers;
mod soak;
mod story;
mod supervisord;
