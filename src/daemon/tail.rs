//! The end of a program's log, for an incident.
//!
//! Owns where it is read from; what of it may be shown is for `notify` to say. Where supervisord is on
//! this host the file itself is read, byte by byte as the program wrote it. Where it is not, or where
//! this user may not read the file, supervisord is asked.

use std::{
    io::{self, SeekFrom},
    path::Path,
};

use tokio::{
    fs,
    io::{AsyncReadExt as _, AsyncSeekExt as _},
};
use tracing::warn;

use super::with_causes;
use crate::{
    model::ProgramName,
    notify::{Redaction, tail_lines},
    supervisord::{Client, LogStream},
};

/// The most that is read of a file: what is looked at for secrets before lines of it are shown, and a
/// key in PEM that began far above them is among it.
const FILE_BYTES_MAX: u32 = 64 * 1024;

/// The most that supervisord is asked for: it sends 4 KiB with each pass of its loop (`deferring_http_channel`
/// in http.py), while others wait.
const ASKED_BYTES_MAX: u32 = 16 * 1024;

/// How a log ends.
struct End {
    bytes: Vec<u8>,
    /// Whether it begins somewhere within the log.
    is_cut: bool,
}

/// The last lines of a program's log, redacted; empty where there are none to be had. They are those of
/// stderr, or of stdout where stderr goes there too (`redirect_stderr`), goes nowhere or is empty.
pub(super) async fn read_log(
    client: &Client,
    program: &ProgramName,
    lines: usize,
    redaction: &Redaction,
) -> Vec<String> {
    let process = match client.process(program).await {
        Ok(process) => process,
        Err(error) => {
            warn!(%program, "its log cannot be shown: {}", with_causes(&error));
            return Vec::new();
        }
    };
    let logs = [
        (LogStream::Stderr, process.stderr_log),
        (LogStream::Stdout, process.stdout_log),
    ];
    for (stream, path) in logs.iter().filter(|(_, path)| !path.is_empty()) {
        if let Some(end) = end_of_log(client, program, *stream, Path::new(path)).await {
            let shown = tail_lines(&end.bytes, end.is_cut, lines, redaction);
            if !shown.is_empty() {
                return shown;
            }
        }
    }
    Vec::new()
}

async fn end_of_log(
    client: &Client,
    program: &ProgramName,
    stream: LogStream,
    path: &Path,
) -> Option<End> {
    if client.is_local() {
        match end_of_file(path, FILE_BYTES_MAX).await {
            Ok(end) => return Some(end),
            // supervisord would wait for somebody to write to a pipe, and answer nobody meanwhile.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return None,
            Err(_unreadable) => {}
        }
    }
    match client.log_tail(program, stream, ASKED_BYTES_MAX).await {
        Ok(tail) => Some(End {
            bytes: tail.text.into_bytes(),
            is_cut: tail.is_cut,
        }),
        Err(error) => {
            warn!(%program, "its log cannot be shown: {}", with_causes(&error));
            None
        }
    }
}

/// The last bytes of a regular file; `InvalidInput` for what is no such file.
async fn end_of_file(path: &Path, wanted: u32) -> io::Result<End> {
    let metadata = fs::metadata(path).await?;
    if !metadata.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut file = fs::File::open(path).await?;
    let begin = metadata.len().saturating_sub(u64::from(wanted));
    file.seek(SeekFrom::Start(begin)).await?;
    let mut bytes = Vec::new();
    file.take(u64::from(wanted)).read_to_end(&mut bytes).await?;
    Ok(End {
        bytes,
        is_cut: begin > 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_of_a_file_is_read_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, b"first\n\xd6\xd0\n").unwrap();
        let end = end_of_file(&path, 1000).await.unwrap();
        assert_eq!(
            (end.bytes.as_slice(), end.is_cut),
            (&b"first\n\xd6\xd0\n"[..], false)
        );
        let end = end_of_file(&path, 2).await.unwrap();
        assert_eq!((end.bytes.as_slice(), end.is_cut), (&b"\xd0\n"[..], true));
    }

    #[tokio::test]
    async fn a_log_that_is_no_file_is_not_read() {
        for path in ["/dev/zero", "/"] {
            let error = end_of_file(Path::new(path), 10).await.err().unwrap();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        }
    }
}
