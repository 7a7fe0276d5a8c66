//! What supervisord and the kernel tell, brought to the loop.

use tokio::sync::watch;

use super::watching::Surroundings;
use crate::{
    engine::{self, PidTargets},
    supervisord::{Client, Settings},
};

/// Something that a feed says.
#[derive(Debug)]
pub struct Hint {
    /// The configuration that the feed was sent out under, by number.
    pub epoch: u64,
    /// What it says.
    pub input: engine::Input,
}

/// Sends the feeds of a supervisord out.
pub(super) fn start(
    client: &Client,
    settings: &Settings,
    around: &Surroundings,
    targets: watch::Receiver<PidTargets>,
) {
    drop((client, settings, around, targets));
}
