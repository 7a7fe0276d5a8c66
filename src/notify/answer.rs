//! What a receiver answered, as far as it decides what happens next.
//!
//! Owns the closed set of verdicts. Which answer is which verdict is for the channels to say
//! (`dingtalk/verdict.rs`, `webhook.rs`, `alertmanager/verdict.rs`, ...); what follows from a verdict is
//! for the outbox.

use std::time::Duration;

/// What became of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What it means.
    pub verdict: Verdict,
    /// One sentence for people: what was answered and what to do. It holds no secret. Where the message
    /// was taken it is empty, or says which members of a cluster did not take it.
    pub detail: String,
    /// For how long the receiver asks to be left alone, where it says so.
    pub wait: Option<Duration>,
}

impl Answer {
    /// An answer that says `detail`.
    pub fn new(verdict: Verdict, detail: impl Into<String>) -> Self {
        Self {
            verdict,
            detail: detail.into(),
            wait: None,
        }
    }

    /// The same, where the receiver asks to be left alone for so long.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self {
            wait: Some(wait),
            ..self
        }
    }

    /// The receiver took the message.
    pub fn taken() -> Self {
        Self::new(Verdict::Taken, "")
    }
}

/// The meaning of an answer. Those that another attempt may well change come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// The receiver has it.
    Taken,
    /// No answer in time.
    TimedOut,
    /// The connection broke after the request was on its way.
    ConnectionLost,
    /// The receiver's server failed (HTTP 5xx).
    ServerError,
    /// The receiver is busy.
    Busy,
    /// An answer that cannot be read.
    Unreadable,
    /// No connection came about: nothing was sent.
    Unreachable,
    /// Too many messages: the robot takes none for a while.
    Throttled,
    /// The quota is used up.
    Quota,
    /// The whole address is blocked for a while.
    Blocked,
    /// The message is too long.
    TooLong,
    /// Something in the message is not allowed.
    Content,
    /// The signature's time is not right.
    Clock,
    /// The receiver's conditions are not met: keyword, signature, address.
    Misconfigured,
    /// There is no such receiver, or it is switched off.
    Dead,
    /// The request is malformed: a mistake of supervigil's.
    Rejected,
    /// Any other refusal.
    Refused,
}

impl Verdict {
    /// Every verdict, for label sets.
    pub const ALL: [Self; 17] = [
        Self::Taken,
        Self::TimedOut,
        Self::ConnectionLost,
        Self::ServerError,
        Self::Busy,
        Self::Unreadable,
        Self::Unreachable,
        Self::Throttled,
        Self::Quota,
        Self::Blocked,
        Self::TooLong,
        Self::Content,
        Self::Clock,
        Self::Misconfigured,
        Self::Dead,
        Self::Rejected,
        Self::Refused,
    ];

    /// The name in labels and logs.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::TimedOut => "timeout",
            Self::ConnectionLost => "connection_lost",
            Self::ServerError => "server_error",
            Self::Busy => "busy",
            Self::Unreadable => "unreadable",
            Self::Unreachable => "unreachable",
            Self::Throttled => "throttled",
            Self::Quota => "quota",
            Self::Blocked => "blocked",
            Self::TooLong => "too_long",
            Self::Content => "content",
            Self::Clock => "clock",
            Self::Misconfigured => "misconfigured",
            Self::Dead => "dead",
            Self::Rejected => "rejected",
            Self::Refused => "refused",
        }
    }
}
