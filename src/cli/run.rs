//! `run`: the daemon.

use std::{path::PathBuf, process::ExitCode};

use super::in_runtime;
use crate::{
    config::{self, Config, Environment},
    daemon, logging,
};

pub(super) fn run(
    config: Config,
    path: Option<PathBuf>,
    environment: Environment,
) -> anyhow::Result<ExitCode> {
    let journal = environment
        .get("JOURNAL_STREAM")
        .is_some_and(logging::stderr_is_journal);
    let log = logging::start(&config.log, journal)?;
    let reload = Box::new(move || config::load(path.as_deref(), &environment));
    in_runtime(async {
        daemon::run(config, log, reload).await?;
        Ok(ExitCode::SUCCESS)
    })
}
