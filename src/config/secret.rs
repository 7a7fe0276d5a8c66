//! Secrets: written in the file, or in a file of their own that the key's `_file` twin names.
//!
//! Invariant: no message of this module repeats a secret, and no secret's bytes are marked as fit to
//! be shown.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use secrecy::SecretString;

use super::{
    problem::{Fault, Place},
    raw::Section,
    reading::{Located, Reading},
    value,
};

/// Bytes of a secret: tokens, passwords and addresses are far shorter.
const MAX_SECRET_BYTES: u64 = 8 * 1024;

/// The permission bit that lets everybody read.
const READABLE_BY_ALL: u32 = 0o004;

impl Section<'_> {
    /// The secret under `key`, or in the file that `twin` names; both is a mistake, and an empty text
    /// is as good as leaving the key out.
    pub(super) fn secret(
        &mut self,
        key: &'static str,
        twin: &'static str,
    ) -> Option<Located<SecretString>> {
        let written = self
            .find_hidden(key)
            .filter(|(value, _)| value.as_str() != Some(""));
        let file = self.text(twin);
        let reading = self.reading();
        match (written, file) {
            (None, None) => None,
            (Some((value, place)), None) => {
                let Some(text) = value.as_str() else {
                    reading.report_type(&place, value, "write text in quotes");
                    return None;
                };
                reading.written_secret(text, place)
            }
            (None, Some(file)) => {
                let Located { value, place } = file;
                let secret = secret_in_file(reading, Path::new(&value));
                let value = reading.note(&place, secret)?;
                Some(Located { value, place })
            }
            (Some(_), Some(file)) => {
                let fault = Fault::new(
                    format!("{key} is given as well, and only one of the two can hold"),
                    format!("keep {twin} and remove {key}"),
                );
                reading.report(&file.place, fault);
                None
            }
        }
    }
}

impl Reading<'_> {
    /// A secret that stands in the file itself, with its variables put in.
    pub(super) fn written_secret(&self, text: &str, place: Place) -> Option<Located<SecretString>> {
        if !text.contains("${") && !value::is_bare_address(text) {
            self.note_secret();
        }
        let secret = self.expand(text, &place)?;
        let value = self.note(&place, checked(secret, "this secret"))?;
        Some(Located { value, place })
    }
}

fn secret_in_file(reading: &Reading<'_>, named: &Path) -> Result<SecretString, Fault> {
    let path = resolve(reading, named);
    let shown = path.display();
    let unreadable = |error: io::Error| {
        Fault::new(
            format!("cannot read {shown}: {error}"),
            "name a file that this user may read",
        )
    };
    let file = File::open(&path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Fault::new(
            format!("{shown} is not a regular file"),
            "name a file that holds the secret and nothing else",
        ));
    }
    if metadata.permissions().mode() & READABLE_BY_ALL != 0 {
        reading.warn(
            shown.to_string(),
            Fault::new(
                "everybody on this machine can read this secret",
                "chmod 600 it",
            ),
        );
    }
    let mut text = String::new();
    let length = file
        .take(MAX_SECRET_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    if u64::try_from(length).is_ok_and(|length| length > MAX_SECRET_BYTES) {
        return Err(Fault::new(
            format!("{shown} is larger than {MAX_SECRET_BYTES} bytes"),
            "name a file that holds the secret and nothing else",
        ));
    }
    let length = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(length);
    checked(text, &shown.to_string())
}

/// Where a secret's file is: among systemd's credentials if it is there, else beside the
/// configuration.
fn resolve(reading: &Reading<'_>, named: &Path) -> PathBuf {
    if named.is_absolute() {
        return named.to_owned();
    }
    reading
        .environment
        .get("CREDENTIALS_DIRECTORY")
        .map(|folder| Path::new(folder).join(named))
        .filter(|path| path.exists())
        .unwrap_or_else(|| reading.folder.join(named))
}

fn checked(secret: String, subject: &str) -> Result<SecretString, Fault> {
    if secret.is_empty() {
        return Err(Fault::new(
            format!("{subject} is empty"),
            "put the secret there, or remove the key",
        ));
    }
    if secret.chars().any(char::is_control) {
        return Err(Fault::new(
            format!("{subject} has more than one line, or a control character"),
            "let it hold the secret and nothing else",
        ));
    }
    Ok(SecretString::from(secret))
}
