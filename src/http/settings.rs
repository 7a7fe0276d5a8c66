//! Where the HTTP server listens and what it allows.

use std::{net::SocketAddr, path::PathBuf};

use secrecy::SecretString;

/// `[http]`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it listens.
    pub listen: Listen,
    /// Whether it takes orders.
    pub control: bool,
    /// What orders and hints must bring along.
    pub token: Option<SecretString>,
    /// Whether one numeric gauge stands in for the state set.
    pub compact_state: bool,
    /// Programs per supervisord that get series of their own.
    pub max_processes: usize,
}

/// `[http] listen`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// An address and a port.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
}
