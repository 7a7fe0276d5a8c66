//! The tables, and how those of an older supervigil become those of this one.
//!
//! What is searched, sorted or pruned by has a column of its own; the whole of a record is a JSON
//! document beside it, so that a record may gain fields without a migration. Times are milliseconds
//! since the epoch.
//!
//! A database says in `user_version` how many of the [`MIGRATIONS`] it has been through. One that was
//! released is never edited: the next change is appended.

use rusqlite::{Connection, TransactionBehavior};

/// From nothing to the present, one step each.
pub(super) const MIGRATIONS: [&str; 2] = [
    r#"
CREATE TABLE servers (
    server   TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE programs (
    server   TEXT NOT NULL,
    "group"  TEXT NOT NULL,
    name     TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (server, "group", name)
) STRICT, WITHOUT ROWID;

CREATE TABLE incidents (
    id        TEXT NOT NULL PRIMARY KEY,
    server    TEXT NOT NULL,
    "group"   TEXT NOT NULL,
    name      TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    closed_at INTEGER,
    document  TEXT NOT NULL
) STRICT;
CREATE INDEX incidents_by_end ON incidents (closed_at);

CREATE TABLE transitions (
    seq      INTEGER PRIMARY KEY,
    time     INTEGER NOT NULL,
    server   TEXT NOT NULL,
    "group"  TEXT NOT NULL,
    name     TEXT NOT NULL,
    document TEXT NOT NULL
) STRICT;
CREATE INDEX transitions_by_time ON transitions (time);

CREATE TABLE notices (
    channel  TEXT NOT NULL,
    id       TEXT NOT NULL,
    time     INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (channel, id)
) STRICT;

CREATE TABLE channels (
    channel  TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"#,
    r#"
CREATE TABLE silences (
    id       TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE holds (
    server   TEXT NOT NULL,
    "group"  TEXT NOT NULL,
    name     TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (server, "group", name)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    seq      INTEGER PRIMARY KEY,
    document TEXT NOT NULL
) STRICT;
"#,
];

/// How many migrations a database has been through; 0 for a fresh one and for another program's.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Whether there is not a single table in it.
pub(super) fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| {
        row.get(0)
    })
}

/// Takes a database through those of `migrations` that it has not been through, each with its new
/// version in a transaction of its own.
pub(super) fn migrate(connection: &mut Connection, migrations: &[&str]) -> rusqlite::Result<()> {
    let done = version(connection)?;
    for (number, migration) in (1_i64..).zip(migrations) {
        if number > done {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(migration)?;
            transaction.pragma_update(None, "user_version", number)?;
            transaction.commit()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A step that a later release might take.
    const NEXT: &str = "ALTER TABLE channels ADD COLUMN kind TEXT;
                        UPDATE channels SET kind = document ->> '$.kind';";

    fn kinds(connection: &Connection) -> Vec<(String, Option<String>)> {
        let mut statement = connection
            .prepare("SELECT channel, kind FROM channels ORDER BY channel")
            .unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn an_older_database_is_brought_up_with_its_rows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let mut connection = Connection::open(&path).unwrap();
        migrate(&mut connection, &MIGRATIONS).unwrap();
        connection
            .execute_batch(
                r#"INSERT INTO channels VALUES ('hook', '{}'), ('ops', '{"kind":"dingtalk"}')"#,
            )
            .unwrap();
        drop(connection);

        let mut connection = Connection::open(&path).unwrap();
        let migrations = [MIGRATIONS[0], MIGRATIONS[1], NEXT];
        migrate(&mut connection, &migrations).unwrap();
        migrate(&mut connection, &migrations).unwrap();

        assert_eq!(version(&connection).unwrap(), 3);
        assert_eq!(
            kinds(&connection),
            [
                ("hook".to_owned(), None),
                ("ops".to_owned(), Some("dingtalk".to_owned()))
            ]
        );
    }

    #[test]
    fn a_step_that_fails_leaves_the_version_and_the_rows_before_it() {
        let mut connection = Connection::open_in_memory().unwrap();
        let broken = "DROP TABLE channels; NONSENSE;";
        let error = migrate(&mut connection, &[MIGRATIONS[0], broken]);
        assert!(error.is_err());
        assert_eq!(version(&connection).unwrap(), 1);
        connection.execute_batch("SELECT * FROM channels").unwrap();
    }
}
