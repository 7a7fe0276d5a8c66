//! How one supervisord is reached.

use std::{path::PathBuf, time::Duration};

use secrecy::SecretString;

use crate::model::ServerName;

/// `[[supervisord]]`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name, unique.
    pub name: ServerName,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Who we are, where it asks.
    pub credentials: Option<Credentials>,
    /// From one poll to the next.
    pub poll_interval: Duration,
    /// One call's deadline.
    pub timeout: Duration,
    /// The share of a core that polling may cost it.
    pub max_load: f64,
    /// Whether its main log is read.
    pub follow_log: bool,
    /// Whether its programs' pids are watched.
    pub watch_pids: bool,
}

/// Where a supervisord listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A unix socket.
    Unix(PathBuf),
    /// HTTP over TCP; `authority` is `host:port`.
    Tcp {
        /// `host:port`, as in the URL.
        authority: String,
    },
    /// The first of these unix sockets that is there, looked for anew at each connection.
    Search(Vec<PathBuf>),
}

/// The user name and password of `[inet_http_server]` or `[unix_http_server]`.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The user's name.
    pub username: String,
    /// The password.
    pub password: SecretString,
}
