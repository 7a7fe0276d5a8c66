//! How a channel stands: whether its receiver takes what it is sent.

use super::{Effect, channel::Channel};

/// What became of the last attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// It was taken, or none was made yet.
    Works,
    /// Some members of a cluster took it; which did not, and why.
    WorksPartly(String),
    /// It failed, and why.
    Fails(String),
}

impl Standing {
    /// After an attempt that was taken; `detail` says who did not take it.
    pub(super) fn taken(detail: String) -> Self {
        if detail.is_empty() {
            Self::Works
        } else {
            Self::WorksPartly(detail)
        }
    }

    pub(super) fn is_up(&self) -> bool {
        match self {
            Self::Works | Self::WorksPartly(_) => true,
            Self::Fails(_) => false,
        }
    }

    pub(super) fn error(&self) -> Option<&str> {
        match self {
            Self::Works => None,
            Self::WorksPartly(detail) | Self::Fails(detail) => Some(detail),
        }
    }
}

impl Channel {
    /// Notes what became of an attempt; of a cluster it is said where it is another matter than before.
    pub(super) fn note(&mut self, standing: Standing, effects: &mut Vec<Effect>) {
        if self.settings.kind.holds_alerts() && standing != self.standing {
            effects.push(Effect::Members {
                channel: self.name().to_owned(),
                trouble: standing.error().map(ToOwned::to_owned),
            });
        }
        self.standing = standing;
    }
}
