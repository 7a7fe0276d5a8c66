//! `check`: is the configuration right, and is all there that it needs?

use std::{fs, path::Path, process::ExitCode};

use super::{clients, console};
use crate::{config::Config, daemon::with_causes};

/// The name of the file that shows whether the state folder can be written to.
const PROBE: &str = ".supervigil-check";

pub(super) async fn check(config: &Config, environment: bool) -> anyhow::Result<ExitCode> {
    match &config.source {
        Some(path) => console::say(&format!("ok    {}: no mistakes", path.display())),
        None => console::say("ok    no configuration file: built-in defaults"),
    };
    if !environment {
        return Ok(ExitCode::SUCCESS);
    }
    for warning in &config.warnings {
        console::say(&format!("warn  {warning}"));
    }
    let mut well = true;
    for (name, client) in clients(config) {
        match client.snapshot().await {
            Ok(snapshot) => {
                let (version, pid) = (&snapshot.identity.version, snapshot.identity.pid);
                let (url, count) = (client.url(), snapshot.processes.len());
                console::say(&format!(
                    "ok    supervisord {name} answers at {url}: release {version}, pid {pid}, {count} programs"
                ));
            }
            Err(error) => {
                well = false;
                console::say(&format!(
                    "FAIL  supervisord {name}: {}",
                    with_causes(&error)
                ));
            }
        }
    }
    match writable(&config.store.path) {
        Ok(()) => {
            console::say(&format!(
                "ok    {} can be written to",
                config.store.path.display()
            ));
        }
        Err(sentence) => {
            well = false;
            console::say(&format!("FAIL  {sentence}"));
        }
    }
    Ok(if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Whether the database's folder, or the nearest one above it that exists, takes a file.
fn writable(database: &Path) -> Result<(), String> {
    let there = database.ancestors().skip(1).find(|folder| folder.is_dir());
    let folder = there.unwrap_or_else(|| Path::new("."));
    let probe = folder.join(PROBE);
    let tried = fs::write(&probe, b"").and_then(|()| fs::remove_file(&probe));
    tried.map_err(|error| {
        format!(
            "the state folder {} cannot be written to: {error}; set [storage] path, or give this user \
             the folder",
            folder.display()
        )
    })
}
