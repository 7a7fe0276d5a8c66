//! Where the database is and how long it remembers.

use std::{path::PathBuf, time::Duration};

/// `[storage]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The database's file.
    pub path: PathBuf,
    /// How long transitions and closed incidents are kept.
    pub retention: Duration,
}
