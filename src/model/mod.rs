//! The words of the program: plain values that every floor shares.
//!
//! Owns the vocabulary (names, states, snapshots, transitions, incidents, notices, records) and the
//! forms in which it is written down. It decides nothing: what follows from a value is the business
//! of the floors above. Nothing here reads a clock, does I/O or is asynchronous.

mod hint;
mod incident;
mod kind;
mod moment;
mod name;
mod notice;
mod order;
mod published;
mod record;
mod snapshot;
mod state;
mod told;
mod transition;

pub use hint::{Feed, LogLine, LogNews, PidNews, ProgramEvent, Telling};
pub use incident::{Incident, IncidentId, IncidentView, Next, Restarts};
pub use kind::{Kind, Outcome, Severity};
pub use moment::Moment;
pub use name::{ProgramKey, ProgramName, ServerName};
pub use notice::{ChannelTrouble, Heartbeat, Notice, NoticeId, NoticeReason, Trouble};
pub use order::{Action, AuditEntry, Hold, OpenWindow, Silence, SilenceId};
pub use published::{
    ChannelView, ConfigView, Counters, DeliveryState, Exits, ExpositionFormat, NoticeView,
    ProcessView, Published, RetryView, ServerView, StoreView,
};
pub use record::{
    ChannelRecord, CycleRecord, Delivery, ProgramRecord, Record, RetryRecord, Saved, ServerRecord,
};
pub use snapshot::{Identity, Process, Snapshot};
pub use state::ProcessState;
pub use told::{Batch, Told};
pub use transition::{Cause, Exit, OomKill, SeenBy, Transition};
