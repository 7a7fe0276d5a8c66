//! Where a supervisord listens when nobody says so.
//!
//! Owns the list of paths that packages use. `$SUPERVISOR_SERVER_URL`, which supervisord gives to its
//! children, goes before them; reading the environment is the configuration's part.

use std::path::PathBuf;

/// From supervisord.conf of Debian, of EPEL, of Alpine, and of supervisor's own sample; the last one is
/// of hosts where a folder of its own lets supervisord's user write.
const USUAL_PATHS: [&str; 5] = [
    "/var/run/supervisor.sock",
    "/run/supervisor/supervisor.sock",
    "/run/supervisord.sock",
    "/tmp/supervisor.sock",
    "/var/run/supervisor/supervisor.sock",
];

/// The unix sockets that the usual packages of supervisor set up, the most common first.
pub fn usual_paths() -> Vec<PathBuf> {
    USUAL_PATHS.iter().map(PathBuf::from).collect()
}
