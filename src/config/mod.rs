//! The configuration: the file -> the settings of each part, or all of its mistakes.
//!
//! Owns where the file is looked for, what its keys are called, what they are when left out, and what
//! is wrong with them. What the settings mean is the business of the parts whose types they are.
//!
//! Invariants: a [`Config`] is whole and sound, or there is none; every mistake of the file is told at
//! once, with its place and the fix; no secret is ever shown. An absent file is an empty one, so the
//! defaults stand in one place.
//!
//! In reading order: [`raw`] walks the file and [`reading`] takes notes, [`value`] and [`endpoint`] read texts, [`secret`] finds
//! secrets, a file for each table or kin of tables says what it holds, [`check`] looks across keys,
//! [`problem`] and [`excerpt`] tell what was wrong.

use std::{
    fs::File,
    io::{ErrorKind, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use crate::{engine, http as http_server, logging, notify, store, supervisord as client};

mod alert;
mod channels;
mod check;
mod endpoint;
mod environment;
mod excerpt;
mod http;
mod log;
mod maintenance;
mod problem;
mod program;
mod raw;
mod reading;
mod retry;
mod robots;
mod secret;
mod storage;
mod supervisord;
mod syntax;
mod value;

pub use environment::Environment;
pub use problem::{ConfigError, Fault, Mistake, Mistakes, Warning};

/// Bytes of a configuration: a thousand programs take a tenth of it.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The variable that names the file.
const FILE_VARIABLE: &str = "SUPERVIGIL_CONFIG";

/// The file in the working folder.
const LOCAL_FILE: &str = "supervigil.toml";

/// The host's file.
const SYSTEM_FILE: &str = "/etc/supervigil/supervigil.toml";

/// The permission bit that lets everybody read.
const READABLE_BY_ALL: u32 = 0o004;

/// Everything that can be set, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The supervisords; at least one.
    pub supervisords: Vec<client::Settings>,
    /// What the engine goes by.
    pub engine: engine::Settings,
    /// The channels.
    pub notify: notify::Settings,
    /// The HTTP server.
    pub http: http_server::Settings,
    /// The database.
    pub store: store::Settings,
    /// The log.
    pub log: logging::Settings,
    /// The file; none: built-in defaults.
    pub source: Option<PathBuf>,
    /// What works and yet is not right.
    pub warnings: Vec<Warning>,
}

impl Config {
    /// The supervisord that started this process, by the address that it gives to its children.
    pub fn supervisord_that_started_us(
        &self,
        environment: &Environment,
    ) -> Option<&client::Settings> {
        let endpoint = supervisord::parents_endpoint(environment)?;
        self.supervisords
            .iter()
            .find(|settings| settings.endpoint == endpoint)
    }
}

/// Loads the file that `explicit` names (`--config`), else `$SUPERVIGIL_CONFIG`, else the first that
/// is there of `./supervigil.toml` and `/etc/supervigil/supervigil.toml`, else built-in defaults.
pub fn load(explicit: Option<&Path>, environment: &Environment) -> Result<Config, ConfigError> {
    let Some(source) = find(explicit, environment)? else {
        return read(None, "", environment);
    };
    read(Some(&source), &source.text, environment)
}

/// A file as it was found.
struct Source {
    path: PathBuf,
    text: String,
    readable_by_all: bool,
}

fn find(explicit: Option<&Path>, environment: &Environment) -> Result<Option<Source>, ConfigError> {
    let named = match (explicit, environment.get(FILE_VARIABLE)) {
        (Some(path), _) => Some((path.to_owned(), "--config")),
        (None, Some(path)) => Some((PathBuf::from(path), "$SUPERVIGIL_CONFIG")),
        (None, None) => None,
    };
    if let Some((path, named_by)) = named {
        return match open(&path)? {
            Some(source) => Ok(Some(source)),
            None => Err(ConfigError::Missing { path, named_by }),
        };
    }
    match open(&environment.folder().join(LOCAL_FILE))? {
        Some(source) => Ok(Some(source)),
        None => open(Path::new(SYSTEM_FILE)),
    }
}

/// The file at `path`; none when it is not there.
fn open(path: &Path) -> Result<Option<Source>, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let mode = file.metadata().map_err(unreadable)?.permissions().mode();
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_FILE_BYTES) {
        return Err(ConfigError::TooLarge {
            path: path.to_owned(),
            limit: MAX_FILE_BYTES,
        });
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(Source {
            path: path.to_owned(),
            text,
            readable_by_all: mode & READABLE_BY_ALL != 0,
        })),
        Err(error) => {
            let valid = error
                .as_bytes()
                .iter()
                .take(error.utf8_error().valid_up_to());
            Err(ConfigError::NotText {
                path: path.to_owned(),
                line: valid.filter(|byte| **byte == b'\n').count() + 1,
            })
        }
    }
}

/// Reads `text`, which `source` holds.
fn read(
    source: Option<&Source>,
    text: &str,
    environment: &Environment,
) -> Result<Config, ConfigError> {
    let path = source.map(|source| source.path.clone());
    let folder = path
        .as_deref()
        .and_then(Path::parent)
        .unwrap_or_else(|| Path::new(""));
    let (table, errors) = syntax::parse(text);
    let reading = reading::Reading::new(environment, folder);
    let mut config = raw::Section::read(
        &reading,
        Some(table.get_ref()),
        problem::Place::default(),
        |top| tables(top, environment),
    );
    let findings = reading.finish();
    let is_broken = !errors.is_empty();
    let problems = syntax::merge(text, errors, findings.problems);
    if !problems.is_empty() {
        let excerpts = excerpt::Excerpts::new(
            text,
            table.get_ref(),
            findings.shown,
            findings.words,
            is_broken,
        );
        let name = match path {
            Some(path) => path.display().to_string(),
            None => "the environment".to_owned(),
        };
        return Err(ConfigError::Mistakes(Mistakes::new(
            name, problems, &excerpts,
        )));
    }
    config.warnings = findings.warnings;
    if let Some(source) = source
        && source.readable_by_all
        && findings.holds_secret
    {
        config.warnings.push(Warning {
            subject: source.path.display().to_string(),
            fault: Fault::new(
                "everybody on this machine can read the secrets in it",
                "chmod 600 it, or move the secrets to files of their own with the _file keys",
            ),
        });
    }
    config.source = path;
    Ok(config)
}

/// The tables, in the order of the file's documentation.
fn tables(top: &mut raw::Section<'_>, environment: &Environment) -> Config {
    let supervisords = supervisord::read(top);
    let retry = top.table("retry", |section| retry::read(section, &retry::defaults()));
    let alert = top.table_or_empty("alert", alert::read);
    let programs = program::read(top, retry.as_ref());
    let maintenance = maintenance::read(top);
    let channels = channels::read(top);
    Config {
        engine: engine::Settings {
            servers: supervisord::for_engine(&supervisords, environment),
            retry,
            alert: alert.engine,
            programs,
            maintenance,
            heartbeat: alert.heartbeat,
        },
        supervisords,
        notify: notify::Settings {
            language: alert.language,
            group_wait: alert.group_wait,
            group_interval: alert.group_interval,
            log_tail_lines: alert.log_tail_lines,
            redact: alert.redact,
            channels,
        },
        http: top.table_or_empty("http", http::read),
        store: top.table_or_empty("storage", storage::read),
        log: top.table_or_empty("log", log::read),
        source: None,
        warnings: Vec::new(),
    }
}
