//! Where a request goes: an endpoint, as it is at the time of the call.

use std::path::{Path, PathBuf};

use hyper::{Uri, http::uri::Authority};

use super::{error::CallError, settings::Endpoint};

/// What `sockaddr_un` of Linux holds beside the closing NUL (`unix(7)`).
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// Where a call goes this time.
pub(super) enum Target {
    Unix(PathBuf),
    Tcp(String),
}

impl Target {
    /// Where an endpoint leads at present.
    pub(super) fn of(endpoint: &Endpoint) -> Result<Self, CallError> {
        let target = match endpoint {
            Endpoint::Unix(path) => Self::Unix(path.clone()),
            Endpoint::Tcp { authority } => Self::Tcp(authority.clone()),
            Endpoint::Search(paths) => match first_present(paths) {
                Some(path) => Self::Unix(path.clone()),
                None => {
                    return Err(CallError::NoSocket {
                        looked_at: paths.clone(),
                    });
                }
            },
        };
        target.check()?;
        Ok(target)
    }

    /// The URL of an endpoint, for people; of a search that finds nothing, the first place.
    pub(super) fn shown(endpoint: &Endpoint) -> String {
        match endpoint {
            Endpoint::Unix(path) => Self::Unix(path.clone()).url(),
            Endpoint::Tcp { authority } => Self::Tcp(authority.clone()).url(),
            Endpoint::Search(paths) => first_present(paths)
                .or_else(|| paths.first())
                .map(|path| Self::Unix(path.clone()).url())
                .unwrap_or_default(),
        }
    }

    /// The path of a unix socket.
    pub(super) fn into_socket(self) -> Option<PathBuf> {
        match self {
            Self::Unix(path) => Some(path),
            Self::Tcp(_) => None,
        }
    }

    /// For people; without credentials.
    pub(super) fn url(&self) -> String {
        match self {
            Self::Unix(path) => format!("unix://{}", path.display()),
            Self::Tcp(authority) => format!("http://{authority}"),
        }
    }

    /// A path that no socket can have goes no further: the URI that it would be put into takes only
    /// UTF-8, and panics where it is very long.
    fn check(&self) -> Result<(), CallError> {
        match self {
            Self::Unix(path) if !is_socket_path(path) => Err(CallError::Connect {
                url: self.url(),
                source: format!(
                    "a socket's path is UTF-8 of at most {SOCKET_PATH_BYTES_MAX} bytes"
                )
                .into(),
            }),
            Self::Unix(_) | Self::Tcp(_) => Ok(()),
        }
    }

    /// A path on it, for the HTTP client.
    pub(super) fn uri(&self, path: &str) -> Result<Uri, hyper::http::Error> {
        match self {
            Self::Unix(socket) => Ok(hyperlocal::Uri::new(socket, path).into()),
            Self::Tcp(authority) => Uri::builder()
                .scheme("http")
                .authority(Authority::try_from(authority.as_str())?)
                .path_and_query(path)
                .build(),
        }
    }

    /// For the header; a socket's own name is nobody's business.
    pub(super) fn host(&self) -> &str {
        match self {
            Self::Unix(_) => "localhost",
            Self::Tcp(authority) => authority,
        }
    }
}

fn is_socket_path(path: &Path) -> bool {
    path.to_str()
        .is_some_and(|path| path.len() <= SOCKET_PATH_BYTES_MAX)
}

/// A path that cannot be looked at counts as present, so that connecting tells why.
fn first_present(paths: &[PathBuf]) -> Option<&PathBuf> {
    paths.iter().find(|path| path.try_exists().unwrap_or(true))
}
