//! Where log lines go: journald under systemd, else standard error as text or JSON.

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The least severe level that is written.
    pub level: tracing::Level,
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
