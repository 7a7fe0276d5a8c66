//! The main log of one supervisord, as far as it has been read.
//!
//! Owns the place in it; the readings come with polls and looks.

use tokio::sync::watch;
use tracing::{info, warn};

use crate::{
    engine::LogReading,
    model::ServerName,
    supervisord::{FaultCode, LogEnd, Settings, main_log::LogPlace},
};

/// A main log.
#[derive(Debug)]
pub(super) struct Log {
    server: ServerName,
    place: LogPlace,
    /// How much the next reading needs; none: it is not read.
    bytes: watch::Sender<Option<u32>>,
    /// Whether it was said that there is none.
    is_missing: bool,
}

impl Log {
    /// A log that was not read yet, and how much of it is to be asked for.
    pub(super) fn new(settings: &Settings) -> (Self, watch::Receiver<Option<u32>>) {
        let place = LogPlace::default();
        let wanted = settings.follow_log.then(|| place.window());
        let (bytes, receiver) = watch::channel(wanted);
        let log = Self {
            server: settings.name.clone(),
            place,
            bytes,
            is_missing: false,
        };
        (log, receiver)
    }

    /// How much of its end is to be asked for.
    pub(super) fn bytes(&self) -> Option<u32> {
        *self.bytes.borrow()
    }

    /// Takes a reading in.
    pub(super) fn read(&mut self, end: Option<LogEnd>) -> LogReading {
        let Some(LogEnd { asked, text }) = end else {
            return LogReading::None;
        };
        let reading = match text {
            Ok(text) => {
                self.note_missing(false);
                self.place
                    .read(&text, asked)
                    .map_or(LogReading::Behind, LogReading::News)
            }
            Err(fault) if fault.code == FaultCode::Failed => {
                self.place.failed(asked);
                LogReading::None
            }
            Err(_) => {
                self.note_missing(true);
                LogReading::Unavailable
            }
        };
        self.bytes.send_replace(Some(self.place.window()));
        reading
    }

    /// Says once that there is no log, and once that there is one again.
    fn note_missing(&mut self, is_missing: bool) {
        let server = &self.server;
        if is_missing == std::mem::replace(&mut self.is_missing, is_missing) {
            return;
        }
        if is_missing {
            warn!(
                %server,
                "supervisord has no main log, so that exit codes and short lives may stay unknown: set `logfile` to a file under [supervisord] in supervisord.conf"
            );
        } else {
            info!(%server, "supervisord has a main log again");
        }
    }
}
