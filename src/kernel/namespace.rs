//! Whether supervisord's pids are the numbers that processes have here.
//!
//! A supervisord in a container tells the numbers of its own pid namespace. Here they name other
//! processes, which may even look right: its pid 1 and its children against ours. So supervisord is
//! asked for by a way on which the kernel translates numbers: whoever listens at its socket. Where the
//! number that the kernel gives is the one that supervisord gives, both count alike.

use std::{path::Path, time::Duration};

use procfs::{ProcError, net::unix, process::Process};
use rustix::process::getpid;
use tokio::{net::UnixStream, time::timeout};

use super::{WhyNot, pidfd::Pidfd};

/// How long it may take to connect: the socket is on this host, where it is at once or not at all.
const CONNECT_MAX: Duration = Duration::from_secs(1);

/// Fails unless the supervisord at this socket, which says that its pid is `supervisord`, counts
/// processes as they are counted here.
pub(super) async fn agrees(supervisord: u32, socket: Option<&Path>) -> Result<(), WhyNot> {
    let socket = socket.ok_or(WhyNot::NotLocal)?;
    match Pidfd::open(supervisord) {
        Ok(_) => {}
        Err(WhyNot::Gone | WhyNot::NotItsChild) => return Err(WhyNot::OtherNamespace),
        Err(why) => return Err(why),
    }
    let listener = listener(socket).await.ok_or(WhyNot::Unanswered)?;
    let same = listener == supervisord || bound_by(listener, socket);
    if !same || !lives_here(supervisord)? {
        return Err(WhyNot::OtherNamespace);
    }
    Ok(())
}

/// The pid of whoever called listen(2) on a socket, 0 for one that has no pid here.
async fn listener(socket: &Path) -> Option<u32> {
    let connecting = timeout(CONNECT_MAX, UnixStream::connect(socket));
    let credentials = connecting.await.ok()?.ok()?.peer_cred().ok()?;
    u32::try_from(credentials.pid()?).ok()
}

/// Whether a socket of that name is bound under the listener's own pid, as the listener knows it.
///
/// A supervisord that goes to the background listens before it forks (supervisord.py), so that the
/// kernel names a process that is no more. But it binds its socket as `NAME.PID` and only then links
/// it to `NAME` (http.py), and /proc/net/unix goes on showing what it was bound as.
fn bound_by(listener: u32, socket: &Path) -> bool {
    let Some(name) = socket.file_name().and_then(|name| name.to_str()) else {
        return false;
    };
    // Through another mount or link the folder may go by another name.
    let bound = format!("{name}.{listener}");
    listener != 0
        && unix().is_ok_and(|sockets| {
            sockets.iter().any(|entry| {
                let path = entry.path.as_deref().and_then(Path::file_name);
                path.is_some_and(|path| path == bound.as_str())
            })
        })
}

/// Whether a process lives in the very pid namespace that /proc shows, not in one below; and that is
/// ours.
fn lives_here(pid: u32) -> Result<bool, WhyNot> {
    let hidden = |_: ProcError| WhyNot::Hidden;
    let myself = Process::myself().map_err(hidden)?;
    if myself.pid != getpid().as_raw_pid() {
        return Err(WhyNot::Hidden);
    }
    let pid = i32::try_from(pid).map_err(|_too_large| WhyNot::OtherNamespace)?;
    let process = Process::new(pid).map_err(hidden)?;
    // A number for each namespace from ours down; a kernel without namespaces has no such line.
    let numbers = process.status().map_err(hidden)?.nspid;
    Ok(numbers.is_none_or(|numbers| numbers.len() == 1))
}
