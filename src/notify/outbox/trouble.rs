//! What the other channels are told of a channel: that it is quiet for a time or needs mending, each
//! once, and that it takes messages again.

use super::channel::Channel;
use crate::{
    model::{ChannelTrouble, Trouble},
    notify::answer::Verdict,
};

impl Channel {
    /// What is the matter after such an answer; what passes by itself within a minute is nobody's news.
    pub(super) fn trouble_after(&self, verdict: Verdict) -> Trouble {
        match verdict {
            Verdict::Taken => Trouble::None,
            Verdict::Dead | Verdict::Misconfigured => Trouble::Broken,
            Verdict::Clock if self.signed_again => Trouble::Broken,
            // A receiver that needs mending is not mended by wanting quiet.
            Verdict::Throttled | Verdict::Quota | Verdict::Blocked => match self.trouble {
                Trouble::None | Trouble::Frozen => Trouble::Frozen,
                Trouble::Broken => Trouble::Broken,
            },
            Verdict::Clock
            | Verdict::TimedOut
            | Verdict::ConnectionLost
            | Verdict::ServerError
            | Verdict::Busy
            | Verdict::Unreadable
            | Verdict::Unreachable
            | Verdict::TooLong
            | Verdict::Content
            | Verdict::Rejected
            | Verdict::Refused => self.trouble,
        }
    }

    /// What is to be told to the others, who were `told` that; `detail` is what the receiver answered.
    pub(super) fn news(&self, told: Trouble, detail: String) -> Option<ChannelTrouble> {
        if told == self.trouble {
            return None;
        }
        let (why, until) = match self.trouble {
            Trouble::None => (None, None),
            Trouble::Frozen => (Some(detail), self.pace.frozen_until()),
            Trouble::Broken => (Some(detail), None),
        };
        Some(ChannelTrouble {
            name: self.name().to_owned(),
            why,
            until,
        })
    }
}
