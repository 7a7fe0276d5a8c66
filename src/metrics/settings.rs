//! How much is exposed.

/// The part of `[http]` that the metrics go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Whether one numeric gauge stands in for the state set.
    pub compact_state: bool,
    /// Programs per supervisord that get series of their own.
    pub max_processes: usize,
}
