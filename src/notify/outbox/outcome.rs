//! What follows from an answer.
//!
//! | verdict | then |
//! |---|---|
//! | `taken` | done; what had no room follows at once |
//! | `timeout`, `connection_lost`, `server_error`, `busy`, `unreadable` | the same bytes again, 1 s to 60 s |
//! | `unreachable` | rendered anew, 1 s to 60 s |
//! | `throttled`, `quota`, `blocked` | quiet for 10 min, 1 h, 5 min, then everything as one message |
//! | `too_long`, `content` | at once with less detail, then with fewer notices; a single line is dropped |
//! | `clock` | signed again at once, the second time as misconfigured |
//! | `misconfigured` | 60 s to 10 min |
//! | `dead` | every 10 min |
//! | `rejected` | dropped |
//! | `refused` | 1 s to 10 min, soon with less detail |
//!
//! Where the receiver asks for a longer wait than these delays, it gets it, up to 10 min.
//!
//! The other channels are told of a channel that is quiet or needs mending, and that it takes messages
//! again (`trouble.rs`).
//!
//! "Rendered anew" holds only where no earlier attempt of the same bytes may have arrived; else a
//! refusal of this attempt says nothing of that one, and the bytes stay. A refusal for what is in the
//! bytes says it of every attempt. For who holds alerts each attempt is made anew (`rounds.rs`).

use std::time::Duration;

use fastrand::Rng;

use super::{
    Effect,
    channel::{Channel, Phase, done},
    pace::Backoff,
    standing::Standing,
};
use crate::{
    model::{ChannelTrouble, Delivery, Moment},
    notify::{
        answer::{Answer, Verdict},
        compose::Limits,
        text::BREVITY_MAX,
    },
};

/// How long DingTalk throttles a robot that got more than 20 messages in a minute (its page on custom
/// robots).
const THROTTLED: Duration = Duration::from_secs(600);

/// Quotas are counted by day or month, and nothing tells which; an hour wastes few calls.
const QUOTA: Duration = Duration::from_secs(3600);

/// How long a whole address is blocked after 10,000 calls in 20 s (DingTalk's page on limits).
const BLOCKED: Duration = Duration::from_secs(300);

/// How often a dead receiver is tried, so that one that was mended works without a restart here.
const DEAD: Duration = Duration::from_secs(600);

/// The longest wait that a receiver can ask for: after that it is tried, whatever it said.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(600);

/// Refusals without a known reason before the next attempt leaves detail out: by then it is no
/// passing trouble, and it may lie in the text.
const REFUSALS_BEFORE_BREVITY: u32 = 3;

impl Channel {
    /// Takes the answer to the delivery under way; one to any other is out of date. Returns what the
    /// other channels are to be told of this one.
    pub(super) fn answered(
        &mut self,
        uuid: &str,
        answer: Answer,
        rng: &mut Rng,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) -> Option<ChannelTrouble> {
        let delivery = match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Sending(delivery) if delivery.uuid == uuid => delivery,
            other
            @ (Phase::Idle | Phase::Sending(_) | Phase::Again { .. } | Phase::Anew { .. }) => {
                self.phase = other;
                return None;
            }
        };
        let trouble = self.trouble_after(answer.verdict);
        let told = std::mem::replace(&mut self.trouble, trouble);
        let detail = answer.detail.clone();
        let is_round = self.is_round(&delivery);
        if is_round {
            self.round_answered(answer, now, effects);
        } else if answer.verdict == Verdict::Taken {
            self.taken(answer.detail, delivery, now, effects);
        } else {
            self.failed(answer, delivery, rng, now, effects);
        }
        let news = self.news(told, detail);
        if is_round && news.is_some() {
            effects.push(self.record());
        }
        news
    }

    fn taken(
        &mut self,
        detail: String,
        delivery: Delivery,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let latencies = delivery
            .notices
            .iter()
            .filter_map(|id| self.queue.remove(id))
            .map(|notice| now.wall_since(notice.time))
            .collect();
        done(self.name(), delivery.notices.clone(), effects);
        self.failures = 0;
        self.limits = Limits::NONE;
        self.signed_again = false;
        self.note(Standing::taken(detail), effects);
        self.last_success_at = Some(now.wall);
        self.told();
        if std::mem::take(&mut self.has_rest) {
            self.phase = Phase::Anew { at: now };
        }
        effects.push(self.record());
        effects.push(Effect::Taken {
            channel: self.name().to_owned(),
            notices: delivery.notices,
            latencies,
        });
    }

    fn failed(
        &mut self,
        Answer {
            verdict,
            detail,
            wait,
        }: Answer,
        delivery: Delivery,
        rng: &mut Rng,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        self.failures = self.failures.saturating_add(1);
        self.standing = Standing::Fails(detail.clone());
        let notices = delivery.notices.clone();
        let goes_on = self.plan(verdict, wait, delivery, rng, now);
        let again_at = match &self.phase {
            Phase::Again { at, .. } | Phase::Anew { at } => {
                Some(self.pace.earliest(*at, self.allowance()))
            }
            Phase::Idle | Phase::Sending(_) => None,
        };
        effects.push(self.record());
        effects.push(Effect::Failed {
            channel: self.name().to_owned(),
            reason: verdict.reason(),
            detail,
            again_at: again_at.filter(|_| goes_on),
        });
        if !goes_on {
            self.told();
            for id in &notices {
                self.queue.remove(id);
            }
            if !notices.is_empty() {
                self.dropped(notices, verdict.reason(), now, effects);
            }
        }
    }

    /// Sets the next phase after a failure; false where the delivery is to be given up.
    fn plan(
        &mut self,
        verdict: Verdict,
        wait: Option<Duration>,
        delivery: Delivery,
        rng: &mut Rng,
        now: Moment,
    ) -> bool {
        let failures = self.failures;
        let asked = wait.unwrap_or_default().min(WAIT_MAX);
        let mut after = |backoff: Backoff| now.after(backoff.delay(failures, rng).max(asked));
        match verdict {
            Verdict::Taken => return false,
            Verdict::TimedOut
            | Verdict::ConnectionLost
            | Verdict::ServerError
            | Verdict::Busy
            | Verdict::Unreadable => self.again(delivery, after(Backoff::Transient)),
            Verdict::Unreachable => self.anew(delivery, after(Backoff::Transient)),
            Verdict::Throttled => self.freeze(delivery, now.after(THROTTLED)),
            Verdict::Quota => self.freeze(delivery, now.after(QUOTA)),
            Verdict::Blocked => self.freeze(delivery, now.after(BLOCKED)),
            Verdict::TooLong | Verdict::Content => return self.shrink(&delivery, now),
            Verdict::Clock if !self.signed_again => {
                self.signed_again = true;
                self.anew(delivery, now);
            }
            Verdict::Clock | Verdict::Misconfigured => {
                self.anew(delivery, after(Backoff::Misconfigured));
            }
            Verdict::Dead => self.anew(delivery, now.after(DEAD)),
            Verdict::Rejected => {
                if std::mem::take(&mut self.has_rest) {
                    self.phase = Phase::Anew { at: now };
                }
                return false;
            }
            Verdict::Refused => {
                let at = after(Backoff::Refused);
                self.refused(delivery, at);
            }
        }
        true
    }

    /// The same bytes once more.
    fn again(&mut self, delivery: Delivery, at: Moment) {
        let delivery = Delivery {
            retry_at: Some(at.wall),
            ..delivery
        };
        self.send_again(delivery, at);
    }

    /// Everything that waits by then as one message; the same bytes where an earlier attempt may have
    /// arrived, which is what a second attempt tells of the first.
    fn anew(&mut self, delivery: Delivery, at: Moment) {
        if delivery.attempts > 1 {
            self.again(delivery, at);
        } else {
            self.phase = Phase::Anew { at };
        }
    }

    fn freeze(&mut self, delivery: Delivery, until: Moment) {
        self.pace.freeze(until);
        self.anew(delivery, until);
    }

    /// Less detail, then half of the notices; false where nothing is left to take away.
    fn shrink(&mut self, delivery: &Delivery, now: Moment) -> bool {
        let count = delivery.notices.len();
        if delivery.brevity < BREVITY_MAX {
            self.limits.brevity = delivery.brevity + 1;
        } else if count > 1 {
            self.limits.notices = count / 2;
        } else {
            self.limits = Limits::NONE;
            self.phase = Phase::Anew { at: now };
            return false;
        }
        self.phase = Phase::Anew { at: now };
        true
    }

    /// A refusal without a known reason: in the end the text itself is put to the test, and a receiver
    /// that takes one notice at a time gets the others first.
    fn refused(&mut self, delivery: Delivery, at: Moment) {
        for id in delivery.notices.iter().filter(|_| self.has_rest) {
            self.queue.postpone(id);
        }
        if self.failures >= REFUSALS_BEFORE_BREVITY {
            self.limits.brevity = (delivery.brevity + 1).min(BREVITY_MAX);
            self.phase = Phase::Anew { at };
        } else {
            self.anew(delivery, at);
        }
    }

    /// The drops that the delivery told of are told.
    fn told(&mut self) {
        let telling = std::mem::take(&mut self.telling);
        self.untold = self
            .untold
            .map(|(count, since)| (count.saturating_sub(telling), since))
            .filter(|(count, _)| *count > 0);
    }
}
