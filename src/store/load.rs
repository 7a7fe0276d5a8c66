//! What is read back at the start.

use std::{path::Path, sync::Arc};

use rusqlite::{Connection, Row};
use serde::de::DeserializeOwned;

use super::error::OpenNotice;
use crate::model::{Notice, Saved};

/// Closed incidents that are given back: what the page and the API show at most.
const CLOSED_INCIDENTS: u32 = 500;

/// Transitions that are given back: what the page and the API show at most.
const TRANSITIONS: u32 = 2000;

/// Lines of the audit log that are given back: what the API shows at most.
const AUDIT: u32 = 500;

/// Reads everything that a new run needs. A document that cannot be read is left out, and told.
pub(super) fn load(
    connection: &Connection,
    path: &Path,
) -> rusqlite::Result<(Saved, Vec<OpenNotice>)> {
    let mut reader = Reader {
        connection,
        path,
        notices: Vec::new(),
    };
    // What waits for several channels takes its room once.
    let mut latest: Option<Arc<Notice>> = None;
    let saved = Saved {
        servers: reader.documents("servers", "SELECT document FROM servers ORDER BY server")?,
        programs: reader.documents(
            "programs",
            r#"SELECT document FROM programs ORDER BY server, "group", name"#,
        )?,
        incidents: reader.documents(
            "incidents",
            &format!(
                "SELECT document FROM incidents
                 WHERE closed_at IS NULL OR id IN (
                     SELECT id FROM incidents WHERE closed_at IS NOT NULL
                     ORDER BY closed_at DESC, id DESC LIMIT {CLOSED_INCIDENTS})
                 ORDER BY opened_at, id"
            ),
        )?,
        transitions: reader.documents(
            "transitions",
            &format!(
                "SELECT document FROM (
                     SELECT seq, document FROM transitions ORDER BY seq DESC LIMIT {TRANSITIONS})
                 ORDER BY seq"
            ),
        )?,
        queued: reader.read(
            "notices",
            "SELECT document, channel FROM notices ORDER BY time, id, channel",
            |row, notice: Notice| {
                let known = latest.take().filter(|known| **known == notice);
                let notice = known.unwrap_or_else(|| Arc::new(notice.compact()));
                latest = Some(Arc::clone(&notice));
                Ok((row.get(1)?, notice))
            },
        )?,
        channels: reader.documents("channels", "SELECT document FROM channels ORDER BY channel")?,
        silences: reader.documents("silences", "SELECT document FROM silences ORDER BY id")?,
        holds: reader.documents(
            "holds",
            r#"SELECT document FROM holds ORDER BY server, "group", name"#,
        )?,
        audit: reader.documents(
            "audit",
            &format!(
                "SELECT document FROM (SELECT seq, document FROM audit ORDER BY seq DESC LIMIT {AUDIT})
                 ORDER BY seq"
            ),
        )?,
    };
    Ok((saved, reader.notices))
}

struct Reader<'a> {
    connection: &'a Connection,
    path: &'a Path,
    notices: Vec<OpenNotice>,
}

impl Reader<'_> {
    fn documents<T: DeserializeOwned>(
        &mut self,
        what: &'static str,
        sql: &str,
    ) -> rusqlite::Result<Vec<T>> {
        self.read(what, sql, |_, document| Ok(document))
    }

    /// Reads the rows of `sql`, whose first column is the document.
    fn read<T: DeserializeOwned, U>(
        &mut self,
        what: &'static str,
        sql: &str,
        mut finish: impl FnMut(&Row<'_>, T) -> rusqlite::Result<U>,
    ) -> rusqlite::Result<Vec<U>> {
        let mut found = Vec::new();
        let mut unreadable = 0;
        let mut first = None;
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            // As bytes: damage may leave a text that is not UTF-8.
            let bytes = row.get_ref(0)?.as_bytes()?;
            match serde_json::from_slice(bytes) {
                Ok(document) => found.push(finish(row, document)?),
                Err(error) => {
                    unreadable += 1;
                    first.get_or_insert(error);
                }
            }
        }
        if let Some(first) = first {
            self.notices.push(OpenNotice::Unreadable {
                path: self.path.to_owned(),
                what,
                count: unreadable,
                first: first.to_string(),
            });
        }
        Ok(found)
    }
}
