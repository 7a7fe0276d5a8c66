//! Records become rows, and rows that are too old go.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use serde::Serialize;

use super::backlog::Backlog;
use crate::{
    fault::Step,
    model::{Hold, Incident, Notice, ProgramKey, Record, Transition},
};

/// Transitions that are kept at most, whatever the retention: about 15 MB, or one a minute for a month.
const TRANSITIONS_MAX: i64 = 50_000;

/// Closed incidents that are kept at most, whatever the retention: about 20 MB.
const CLOSED_INCIDENTS_MAX: i64 = 10_000;

/// Lines of the audit log that are kept at most, whatever the retention: about 3 MB, or ten a day for
/// years.
const AUDIT_MAX: i64 = 10_000;

/// Rows that one pruning removes from a table, so that no commit waits long behind it.
const PRUNE_ROWS: usize = 5_000;

/// Writes everything that waits in one transaction; on success it is on the disk.
pub(super) fn commit(connection: &mut Connection, backlog: &Backlog) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for record in backlog.records() {
        apply(&transaction, record)?;
    }
    Step::InTransaction.pass();
    transaction.commit()?;
    Step::AfterCommit.pass();
    Ok(())
}

/// Removes some of the transitions and closed incidents that are older than `retention`, or too many;
/// says whether there may be more of them.
pub(super) fn prune(
    connection: &mut Connection,
    retention: Duration,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let oldest = now
        .saturating_sub(retention)
        .unwrap_or(Timestamp::MIN)
        .as_millisecond();
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let transitions = transaction.execute(
        &format!(
            "DELETE FROM transitions WHERE seq IN (
                 SELECT seq FROM transitions
                 WHERE time < ?1 OR seq <= (SELECT max(seq) FROM transitions) - ?2
                 LIMIT {PRUNE_ROWS})"
        ),
        params![oldest, TRANSITIONS_MAX],
    )?;
    let incidents = transaction.execute(
        &format!(
            "DELETE FROM incidents WHERE id IN (
                 SELECT id FROM incidents WHERE closed_at < ?1
                 UNION
                 SELECT id FROM (
                     SELECT id FROM incidents WHERE closed_at IS NOT NULL
                     ORDER BY closed_at DESC, id DESC LIMIT -1 OFFSET ?2)
                 LIMIT {PRUNE_ROWS})"
        ),
        params![oldest, CLOSED_INCIDENTS_MAX],
    )?;
    transaction.execute(
        "DELETE FROM audit WHERE seq <= (SELECT max(seq) FROM audit) - ?1",
        params![AUDIT_MAX],
    )?;
    transaction.commit()?;
    Ok(transitions >= PRUNE_ROWS || incidents >= PRUNE_ROWS)
}

fn apply(transaction: &Transaction<'_>, record: &Record) -> rusqlite::Result<()> {
    match record {
        Record::Transition(transition) => insert_transition(transaction, transition),
        Record::Incident(incident) => put_incident(transaction, incident),
        Record::Server(server) => execute(
            transaction,
            "INSERT INTO servers (server, document) VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET document = excluded.document",
            params![server.server.as_str(), document(server)?],
        ),
        Record::Program(program) => execute(
            transaction,
            r#"INSERT INTO programs (server, "group", name, document) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT DO UPDATE SET document = excluded.document"#,
            params![
                program.key.server.as_str(),
                &*program.key.program.group,
                &*program.key.program.name,
                document(program)?
            ],
        ),
        Record::ProgramRemoved(ProgramKey { server, program }) => execute(
            transaction,
            r#"DELETE FROM programs WHERE server = ?1 AND "group" = ?2 AND name = ?3"#,
            params![server.as_str(), &*program.group, &*program.name],
        ),
        Record::NoticeQueued { channel, notice } => put_notice(transaction, channel, notice),
        Record::NoticeDone { channel, id } => execute(
            transaction,
            "DELETE FROM notices WHERE channel = ?1 AND id = ?2",
            params![channel, id.0],
        ),
        Record::Channel(channel) => execute(
            transaction,
            "INSERT INTO channels (channel, document) VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET document = excluded.document",
            params![channel.channel, document(channel)?],
        ),
        Record::Silence(silence) => execute(
            transaction,
            "INSERT INTO silences (id, document) VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET document = excluded.document",
            params![silence.id.0, document(silence)?],
        ),
        Record::SilenceEnded(id) => execute(
            transaction,
            "DELETE FROM silences WHERE id = ?1",
            params![id.0],
        ),
        Record::Hold(hold) => put_hold(transaction, hold),
        Record::HoldEnded(ProgramKey { server, program }) => execute(
            transaction,
            r#"DELETE FROM holds WHERE server = ?1 AND "group" = ?2 AND name = ?3"#,
            params![server.as_str(), &*program.group, &*program.name],
        ),
        Record::Audit(entry) => execute(
            transaction,
            "INSERT INTO audit (document) VALUES (?1)",
            params![document(entry)?],
        ),
    }
}

fn put_hold(transaction: &Transaction<'_>, hold: &Hold) -> rusqlite::Result<()> {
    execute(
        transaction,
        r#"INSERT INTO holds (server, "group", name, document) VALUES (?1, ?2, ?3, ?4)
           ON CONFLICT DO UPDATE SET document = excluded.document"#,
        params![
            hold.key.server.as_str(),
            &*hold.key.program.group,
            &*hold.key.program.name,
            document(hold)?
        ],
    )
}

fn insert_transition(
    transaction: &Transaction<'_>,
    transition: &Transition,
) -> rusqlite::Result<()> {
    let stored = transition.stored().map_err(unwritable)?;
    execute(
        transaction,
        r#"INSERT INTO transitions (time, server, "group", name, document)
           VALUES (?1, ?2, ?3, ?4, ?5)"#,
        params![
            transition.time.as_millisecond(),
            transition.server.as_str(),
            transition.group,
            transition.name,
            document(&stored)?
        ],
    )
}

fn put_incident(transaction: &Transaction<'_>, incident: &Incident) -> rusqlite::Result<()> {
    let program = incident.program.as_ref();
    execute(
        transaction,
        r#"INSERT INTO incidents (id, server, "group", name, opened_at, closed_at, document)
           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
           ON CONFLICT DO UPDATE SET
               server = excluded.server, "group" = excluded."group", name = excluded.name,
               opened_at = excluded.opened_at, closed_at = excluded.closed_at,
               document = excluded.document"#,
        params![
            incident.id.0,
            incident.server.as_str(),
            program.map_or("", |program| &program.group),
            program.map_or("", |program| &program.name),
            incident.opened_at.as_millisecond(),
            incident.closed_at.map(Timestamp::as_millisecond),
            document(incident)?
        ],
    )
}

fn put_notice(
    transaction: &Transaction<'_>,
    channel: &str,
    notice: &Notice,
) -> rusqlite::Result<()> {
    execute(
        transaction,
        "INSERT INTO notices (channel, id, time, document) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET time = excluded.time, document = excluded.document",
        params![
            channel,
            notice.id.0,
            notice.time.as_millisecond(),
            document(notice)?
        ],
    )
}

fn execute(
    transaction: &Transaction<'_>,
    sql: &str,
    values: &[&dyn rusqlite::ToSql],
) -> rusqlite::Result<()> {
    transaction.execute(sql, values).map(|_| ())
}

fn document<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(unwritable)
}

fn unwritable(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(error.into())
}
