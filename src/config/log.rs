//! `[log]`.

use tracing::Level;

use super::raw::Section;
use crate::logging::{Format, Settings};

/// Reads the table.
pub(super) fn read(section: &mut Section<'_>) -> Settings {
    let level = section.choice(
        "level",
        &[
            ("error", Level::ERROR),
            ("warn", Level::WARN),
            ("info", Level::INFO),
            ("debug", Level::DEBUG),
            ("trace", Level::TRACE),
        ],
    );
    let format = section.choice(
        "format",
        &[
            ("auto", Format::Auto),
            ("text", Format::Text),
            ("json", Format::Json),
        ],
    );
    Settings {
        level: level.unwrap_or(Level::INFO),
        format: format.unwrap_or(Format::Auto),
    }
}
