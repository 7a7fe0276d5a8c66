//! What comes back to the loop.

use crate::{engine, notify};

use super::{feeds::Hint, poller::Poll, watching::LookDone};

/// Something for the loop to take in.
#[derive(Debug)]
pub enum Event {
    /// A supervisord was polled.
    Polled(Poll),
    /// Some programs were looked at by themselves.
    Looked(LookDone),
    /// A feed has something to say.
    Hint(Hint),
    /// An errand for the engine is done.
    Engine(engine::Input),
    /// An errand for the outbox is done.
    Outbox(notify::Input),
}
