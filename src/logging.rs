//! Where log lines go: journald under systemd, else standard error as text or JSON.
//!
//! Owns the set-up of `tracing` and the change of the level at run time. What is said, and how often,
//! is the business of who says it.

use std::io::{self, IsTerminal as _};

use rustix::fs::fstat;
use thiserror::Error;
use tracing::{Level, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer, Registry,
    filter::Targets,
    fmt::{self, writer::BoxMakeWriter},
    layer::SubscriberExt as _,
    registry::LookupSpan,
    reload,
    util::{SubscriberInitExt as _, TryInitError},
};

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The least severe level that is written.
    pub level: Level,
    /// The form of a line.
    pub format: Format,
}

/// `[log] format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// journald when systemd runs us, text otherwise.
    Auto,
    /// Text for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Why nothing can be logged.
#[derive(Debug, Error)]
pub enum LogError {
    /// journald was asked for and does not listen.
    #[error("cannot reach journald; set [log] format to \"text\" or \"json\"")]
    Journald(#[source] io::Error),
    /// Somebody was first.
    #[error("the log is set up already; start it once")]
    Started(#[source] TryInitError),
    /// The level cannot be changed any more.
    #[error("the log's level cannot be changed; restart supervigil")]
    Level(#[source] reload::Error),
}

impl LogError {
    /// A word for labels and logs, from a closed set.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Journald(_) => "journald",
            Self::Started(_) => "started",
            Self::Level(_) => "level",
        }
    }
}

/// The log under way.
#[derive(Debug, Clone)]
pub struct Log {
    filter: reload::Handle<Targets, Registry>,
}

impl Log {
    /// Takes over another level. Another form takes a restart.
    pub fn set_level(&self, level: Level) -> Result<(), LogError> {
        self.filter.reload(targets(level)).map_err(LogError::Level)
    }
}

/// Sets up the log of this process. `journal` says whether standard error leads to journald, which
/// [`stderr_is_journal`] finds out.
pub fn start(settings: &Settings, journal: bool) -> Result<Log, LogError> {
    let (filter, handle) = reload::Layer::new(targets(settings.level));
    let output: Box<dyn Layer<Registry> + Send + Sync> = match settings.format {
        Format::Auto if journal => {
            let layer = tracing_journald::layer().map_err(LogError::Journald)?;
            Box::new(layer)
        }
        Format::Auto | Format::Text => {
            text(BoxMakeWriter::new(io::stderr), io::stderr().is_terminal())
        }
        Format::Json => json(BoxMakeWriter::new(io::stderr)),
    };
    tracing_subscriber::registry()
        .with(output.with_filter(filter))
        .try_init()
        .map_err(LogError::Started)?;
    Ok(Log { filter: handle })
}

/// Whether standard error is the stream that `$JOURNAL_STREAM` names as `device:inode`.
///
/// The variable alone does not tell: supervisord under systemd hands it on to its programs, of which
/// supervigil may be one, and their standard error leads to supervisord (systemd.exec(5)).
pub fn stderr_is_journal(journal_stream: &str) -> bool {
    let named = journal_stream.split_once(':').and_then(|(device, inode)| {
        Some((device.parse::<u64>().ok()?, inode.parse::<u64>().ok()?))
    });
    fstat(io::stderr()).is_ok_and(|stat| named == Some((stat.st_dev, stat.st_ino)))
}

/// Our own lines at `level`; those of libraries from warnings up, whatever the level, since at finer
/// ones HTTP clients write addresses, and an address may hold a token.
fn targets(level: Level) -> Targets {
    Targets::new()
        .with_default(LevelFilter::from_level(level.min(Level::WARN)))
        .with_target(env!("CARGO_CRATE_NAME"), level)
}

fn text<S>(writer: BoxMakeWriter, colours: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let layer = fmt::layer()
        .with_ansi(colours)
        .with_target(false)
        .with_writer(writer);
    Box::new(layer)
}

fn json<S>(writer: BoxMakeWriter) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let layer = fmt::layer().json().flatten_event(true).with_writer(writer);
    Box::new(layer)
}

#[cfg(test)]
mod tests {
    use std::{fs::File, os::unix::fs::MetadataExt as _};

    use super::*;

    /// What `write` logs through `layer`.
    fn logged(
        layer: impl FnOnce(BoxMakeWriter) -> Box<dyn Layer<Registry> + Send + Sync>,
        level: Level,
        write: impl FnOnce(&dyn Fn(Level)),
    ) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        let writer = BoxMakeWriter::new(file.reopen().unwrap());
        let (filter, handle) = reload::Layer::new(targets(level));
        let log = Log { filter: handle };
        let subscriber = tracing_subscriber::registry().with(layer(writer).with_filter(filter));
        tracing::subscriber::with_default(subscriber, || {
            write(&|level| log.set_level(level).unwrap());
        });
        std::fs::read_to_string(file.path()).unwrap()
    }

    #[test]
    fn json_is_one_object_a_line_with_the_fields_beside_the_message() {
        let text = logged(json, Level::INFO, |_| {
            tracing::info!(program = "es_node_a", "it died");
            tracing::debug!("hidden");
        });
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 1, "{text}");
        assert_eq!(lines[0]["message"], "it died");
        assert_eq!(lines[0]["program"], "es_node_a");
        assert_eq!(lines[0]["level"], "INFO");
    }

    #[test]
    fn text_has_colours_only_where_asked() {
        let write = |_: &dyn Fn(Level)| tracing::warn!("it died");
        let plain = logged(|writer| text(writer, false), Level::INFO, write);
        assert!(
            plain.contains("WARN") && !plain.contains('\u{1b}'),
            "{plain}"
        );
        let coloured = logged(|writer| text(writer, true), Level::INFO, write);
        assert!(coloured.contains('\u{1b}'), "{coloured}");
    }

    #[test]
    fn libraries_are_quiet_at_any_level_and_the_level_can_change() {
        let text = logged(
            |writer| text(writer, false),
            Level::TRACE,
            |set_level| {
                tracing::trace!("own trace");
                tracing::info!(target: "hyper_util::client", "an address");
                tracing::warn!(target: "hyper_util::client", "library warning");
                set_level(Level::ERROR);
                tracing::warn!("own warning");
                tracing::warn!(target: "hyper_util::client", "another library warning");
                tracing::error!("own error");
            },
        );
        let said = ["own trace", "library warning", "own error"];
        let unsaid = ["an address", "own warning", "another"];
        assert!(said.iter().all(|said| text.contains(said)), "{text}");
        assert!(!unsaid.iter().any(|unsaid| text.contains(unsaid)), "{text}");
    }

    #[test]
    fn journald_is_known_by_its_stream() {
        let stderr = File::open("/proc/self/fd/2").unwrap().metadata().unwrap();
        let (device, inode) = (stderr.dev(), stderr.ino());
        assert!(stderr_is_journal(&format!("{device}:{inode}")));
        for other in [
            format!("{device}:{}", inode + 1),
            String::new(),
            "1".to_owned(),
        ] {
            assert!(!stderr_is_journal(&other), "{other}");
        }
    }
}
