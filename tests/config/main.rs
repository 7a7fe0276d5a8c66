//! The configuration, from files as people write them.
//!
//! Each `tests/config/invalid-*.toml` breaks one rule, which its first line states; what it is
//! answered with is in `tests/config/snapshots`. Every secret in these files is `hunter2`, so that
//! one search finds any that leaks.

#![expect(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    reason = "a test fails by panicking"
)]

use std::{fmt::Write as _, fs};

use supervigil::config::{self, Config, ConfigError, Environment};

mod example;
mod mistakes;
mod settings;
mod sources;

const FOLDER: &str = "tests/config";

const SECRET: &str = "hunter2";

fn environment() -> Environment {
    Environment::of([
        ("EMPTY", ""),
        ("HOST", "db1"),
        ("ROBOT", SECRET),
        ("STATE_DIRECTORY", "/state"),
    ])
}

fn load_text(text: &str) -> Result<Config, ConfigError> {
    load_text_in(text, &environment())
}

fn load_text_in(text: &str, environment: &Environment) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("supervigil.toml");
    fs::write(&path, text).unwrap();
    config::load(Some(&path), environment)
}

/// The settings alone, for comparing.
fn settings(config: &Config) -> String {
    let config = Config {
        source: None,
        warnings: Vec::new(),
        ..config.clone()
    };
    format!("{config:#?}")
}

/// The settings without the insides of compiled patterns, which are another crate's business.
fn overview(config: &Config) -> String {
    let mut rest = config.clone();
    let programs = std::mem::take(&mut rest.engine.programs);
    let mut overview = settings(&rest);
    for rule in programs {
        let shown = (
            rule.matcher.glob().glob(),
            rule.severity,
            rule.expected_up,
            rule.alert_on_crash,
            rule.runbook,
            rule.at_mobiles,
            rule.retry,
        );
        write!(overview, "\n{shown:#?}").unwrap();
    }
    overview
}

fn snapshots() -> insta::Settings {
    let mut snapshots = insta::Settings::clone_current();
    snapshots.set_snapshot_path("snapshots");
    snapshots.set_prepend_module_to_snapshot(false);
    snapshots.set_omit_expression(true);
    snapshots
}
