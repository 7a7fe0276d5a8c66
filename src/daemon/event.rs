//! What comes back to the loop.

use crate::{engine, notify};

use super::poller::Poll;

/// Something for the loop to take in.
#[derive(Debug)]
pub enum Event {
    /// A supervisord was polled.
    Polled(Poll),
    /// An errand for the engine is done.
    Engine(engine::Input),
    /// An errand for the outbox is done.
    Outbox(notify::Input),
}
