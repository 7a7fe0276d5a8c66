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

/// A reading that begins within a character fails, and one that begins so many bytes earlier does not. A
/// log that is no file fails always.
const CHARACTER_BYTES_MAX: usize = 4;

/// A main log.
#[derive(Debug)]
pub(super) struct Log {
    server: ServerName,
    place: LogPlace,
    /// How much the next reading needs; none: it is not read.
    bytes: watch::Sender<Option<u32>>,
    /// Readings in a row that supervisord could not give.
    failures: usize,
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
            failures: 0,
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
                self.failures = 0;
                self.note_missing(false);
                self.place
                    .read(&text, asked)
                    .map_or(LogReading::Behind, LogReading::News)
            }
            Err(fault)
                if fault.code == FaultCode::Failed && self.failures < CHARACTER_BYTES_MAX =>
            {
                self.failures += 1;
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
                "supervisord has no main log that it can read, so that exit codes and short lives may stay unknown: set `logfile` to a file under [supervisord] in supervisord.conf"
            );
        } else {
            info!(%server, "supervisord has a main log again");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::supervisord::{Endpoint, Fault};

    fn log() -> Log {
        let settings = Settings {
            name: ServerName::new("main"),
            endpoint: Endpoint::Unix("/nowhere".into()),
            credentials: None,
            poll_interval: Duration::from_secs(5),
            timeout: Duration::from_secs(5),
            max_load: 0.02,
            follow_log: true,
            watch_pids: true,
        };
        Log::new(&settings).0
    }

    fn failed(log: &mut Log) -> LogReading {
        let asked = log.bytes().unwrap();
        let fault = Fault {
            code: FaultCode::Failed,
            text: "FAILED: /dev/stdout".to_owned(),
        };
        log.read(Some(LogEnd {
            asked,
            text: Err(fault),
        }))
    }

    #[test]
    fn a_reading_that_cuts_a_character_is_made_again_a_byte_longer() {
        let mut log = log();
        assert_eq!(failed(&mut log), LogReading::None);
        assert_eq!(log.bytes(), Some(4097));
    }

    #[test]
    fn a_log_that_can_never_be_read_is_none() {
        let mut log = log();
        let readings = [(); 6].map(|()| failed(&mut log));
        assert_eq!(readings[..4], [const { LogReading::None }; 4]);
        assert_eq!(readings[4..], [const { LogReading::Unavailable }; 2]);
        let text = LogEnd {
            asked: 1024,
            text: Ok(String::new()),
        };
        assert!(matches!(log.read(Some(text)), LogReading::News(_)));
        assert_eq!(failed(&mut log), LogReading::None);
    }
}
