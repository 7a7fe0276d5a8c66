//! Taking the address, before anything else is started: a port that is in use is a mistake to be told
//! at once.

use std::{
    fs::Permissions,
    io,
    net::SocketAddr,
    os::unix::fs::{FileTypeExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use tokio::net::{TcpListener, UnixListener, UnixStream};

use super::Listen;

/// Read and write for the owner and the group, nothing for others.
const SOCKET_MODE: u32 = 0o660;

/// Why the address could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Somebody else listens there.
    #[error(
        "cannot serve HTTP on {address}: something else listens there; stop it or change [http] listen"
    )]
    InUse {
        /// The address or the socket.
        address: String,
    },
    /// The path is taken by something that is not a socket.
    #[error(
        "cannot serve HTTP on unix://{}: it exists and is not a socket; remove it or change [http] listen",
        path.display()
    )]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The system refuses the address.
    #[error("cannot serve HTTP on {address}: change [http] listen or grant what is missing")]
    Refused {
        /// The address or the socket.
        address: String,
        /// Why.
        source: io::Error,
    },
}

impl HttpError {
    /// A word for labels.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::InUse { .. } => "in_use",
            Self::NotASocket { .. } => "not_a_socket",
            Self::Refused { .. } => "refused",
        }
    }
}

/// A socket that listens, and nobody serves yet.
#[derive(Debug)]
pub struct Listener(pub(super) Socket);

/// The two kinds of sockets.
#[derive(Debug)]
pub(super) enum Socket {
    /// An address and a port.
    Tcp(TcpListener, SocketAddr),
    /// A unix socket.
    Unix {
        /// It listens.
        listener: UnixListener,
        /// Goes with it.
        _file: SocketFile,
    },
}

impl Listener {
    /// The address and port; none for a unix socket. It tells the port where 0 was asked for.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        match &self.0 {
            Socket::Tcp(_, address) => Some(*address),
            Socket::Unix { .. } => None,
        }
    }
}

/// The file of a unix socket: removed when the server is done, so that nobody finds it stale.
#[derive(Debug)]
pub(super) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!(path = %self.0.display(), %error, "could not remove the HTTP socket");
        }
    }
}

/// Takes the address.
pub async fn bind(listen: &Listen) -> Result<Listener, HttpError> {
    match listen {
        Listen::Tcp(address) => bind_tcp(*address).await,
        Listen::Unix(path) => bind_unix(path).await,
    }
}

async fn bind_tcp(address: SocketAddr) -> Result<Listener, HttpError> {
    let named = || format!("http://{address}");
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| refused(named(), source))?;
    let address = listener
        .local_addr()
        .map_err(|source| refused(named(), source))?;
    Ok(Listener(Socket::Tcp(listener, address)))
}

async fn bind_unix(path: &Path) -> Result<Listener, HttpError> {
    let named = || format!("unix://{}", path.display());
    make_room(path).await?;
    let listener = UnixListener::bind(path).map_err(|source| refused(named(), source))?;
    let file = SocketFile(path.to_owned());
    std::fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE))
        .map_err(|source| refused(named(), source))?;
    Ok(Listener(Socket::Unix {
        listener,
        _file: file,
    }))
}

/// Removes a socket that an earlier run left behind; one that somebody answers on stays.
async fn make_room(path: &Path) -> Result<(), HttpError> {
    let named = || format!("unix://{}", path.display());
    let metadata = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(refused(named(), source)),
    };
    if !metadata.file_type().is_socket() {
        return Err(HttpError::NotASocket {
            path: path.to_owned(),
        });
    }
    match UnixStream::connect(path).await {
        Ok(_) => Err(HttpError::InUse { address: named() }),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(|source| refused(named(), source))
        }
        Err(source) => Err(refused(named(), source)),
    }
}

fn refused(address: String, source: io::Error) -> HttpError {
    if source.kind() == io::ErrorKind::AddrInUse {
        HttpError::InUse { address }
    } else {
        HttpError::Refused { address, source }
    }
}
