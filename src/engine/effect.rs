//! What the engine wants done.

use std::time::Duration;

use crate::model::{
    Feed, IncidentId, Notice, ProcessState, ProgramKey, ProgramName, Record, SeenBy, ServerName,
};

use super::{AttemptOutcome, Wait};

/// Something to be done.
#[expect(
    clippy::large_enum_variant,
    reason = "effects live for one turn of the loop"
)]
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Write this down, in one batch with the other records of the same input.
    Record(Record),
    /// Tell people.
    Notice(Notice),
    /// Start the program, if it still is as it was seen; then give the answer back.
    Start {
        /// The program.
        key: ProgramKey,
        /// The state it must be in.
        state: ProcessState,
        /// The `start` it must show.
        start: i64,
        /// Which attempt it is.
        number: u32,
    },
    /// Read the end of the program's log for an incident; then give it back.
    ReadLog {
        /// The program.
        key: ProgramKey,
        /// The incident.
        incident: IncidentId,
    },
    /// Look at some programs by themselves, in one call; then give the answer back. There is one such
    /// call on its way to a supervisord at a time.
    Look {
        /// Their supervisord.
        server: ServerName,
        /// Which.
        programs: Vec<ProgramName>,
    },
    /// Poll a supervisord without waiting for its interval.
    PollNow {
        /// Which.
        server: ServerName,
    },
    /// A feed that is up does not tell what it should, or does so again.
    FeedJudged {
        /// Its supervisord.
        server: ServerName,
        /// Which.
        feed: Feed,
        /// Whether it is mute.
        is_mute: bool,
    },
    /// A death became known.
    Detected {
        /// Which feed brought it first.
        seen_by: SeenBy,
        /// How long after the death, or after a feed noticed it.
        latency: Duration,
    },
    /// An attempt to start a program ended.
    AttemptEnded {
        /// The program.
        key: ProgramKey,
        /// How.
        outcome: AttemptOutcome,
        /// What it was to end.
        incident: Option<IncidentId>,
    },
    /// Something is not told, as people wished.
    Suppressed {
        /// Why, of a closed set: `silence`, `maintenance`.
        why: &'static str,
    },
    /// A start that was due waits.
    StartWaits {
        /// The program.
        key: ProgramKey,
        /// Why.
        why: Wait,
    },
}
