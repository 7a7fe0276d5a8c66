//! What is different with a receiver that holds alerts: it is posted what holds by now rather than
//! what happened, and in rounds everything again, because it forgets what it does not hear of.
//!
//! News waits in the queue as any other notice, so that it survives a restart, and goes out as the
//! alerts that its incidents are by then. So an attempt may be made anew at any time, whether or not
//! an earlier one arrived. A round waits nowhere: one that fails is made up for by the next.

use super::{
    Effect,
    channel::Channel,
    outcome::WAIT_MAX,
    pace::later,
    roster::{Place, Roster},
    standing::Standing,
    surroundings::Surroundings,
};
use crate::{
    model::{Delivery, Incident, Moment, Notice, NoticeId, NoticeReason},
    notify::{
        alertmanager::{BATCH_MAX, RESEND_EVERY},
        answer::{Answer, Verdict},
        compose::{self, Stamp},
        settings::ChannelSettings,
    },
};

/// The rounds of one channel.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    /// When the next one begins, or when the one under way began.
    at: Option<Moment>,
    /// Behind which place the one under way goes on.
    behind: Option<Place>,
}

impl Rounds {
    /// A round is due from here on.
    pub(super) fn begin(&mut self, now: Moment) {
        *self = Self {
            at: Some(now),
            behind: None,
        };
    }

    /// Lets a round come up where there is something to post, and none where there is not.
    fn plan(&mut self, has_alerts: bool, now: Moment) {
        if !has_alerts {
            *self = Self::default();
        } else if self.at.is_none() {
            self.begin(now.after(RESEND_EVERY));
        }
    }

    /// The incidents of the next part; after the last one the next round is an interval away.
    fn next_part(
        &mut self,
        roster: &Roster,
        settings: &ChannelSettings,
        now: Moment,
    ) -> Vec<Incident> {
        let behind = self.behind.take();
        let mut places = roster
            .behind(behind.as_ref())
            .filter(|(_, alerts)| wanted(settings, alerts).next().is_some())
            .peekable();
        let mut part = Vec::new();
        let mut last = None;
        for (place, alerts) in places.by_ref().take(BATCH_MAX) {
            part.extend(wanted(settings, alerts).cloned());
            last = Some(place.clone());
        }
        if places.peek().is_some() {
            self.behind = last;
        } else {
            let next = self.at.map_or(now, |begun| begun.after(RESEND_EVERY));
            self.begin(later(now, next));
        }
        part
    }
}

impl Channel {
    /// Has a round begin at once.
    pub(super) fn begin_round(&mut self, surroundings: &Surroundings, now: Moment) {
        self.rounds.begin(now);
        self.plan_round(surroundings, now);
    }

    /// Plans the next round.
    pub(super) fn plan_round(&mut self, surroundings: &Surroundings, now: Moment) {
        let holds_alerts = self.settings.kind.holds_alerts() && !surroundings.is_stopping;
        let mut places = surroundings.roster.behind(None);
        let has_alerts = places.any(|(_, alerts)| wanted(&self.settings, alerts).next().is_some());
        self.rounds.plan(holds_alerts && has_alerts, now);
    }

    /// When something is to be posted. Who holds alerts groups them by itself, so news waits no longer
    /// than for what comes with it.
    pub(super) fn alerts_due(&self, surroundings: &Surroundings) -> Option<Moment> {
        let waiting_since = self.queue.waiting_since();
        let news = waiting_since.map(|since| since.after(surroundings.group_wait));
        let round = self.rounds.at.filter(|_| !surroundings.is_stopping);
        [news, round]
            .into_iter()
            .flatten()
            .min_by_key(|at| at.monotonic)
    }

    /// The news, or as much of it as fits; where there is none, the next part of the round.
    pub(super) fn render_alerts(
        &mut self,
        surroundings: &mut Surroundings,
        now: Moment,
    ) -> Delivery {
        let uuid = surroundings.ulid(now);
        let roster = &surroundings.roster;
        let news = self.news_of_alerts(roster);
        let is_round = news.is_empty();
        let notices = if is_round {
            let incidents = self.rounds.next_part(roster, &self.settings, now);
            vec![nobodys_news(incidents, &uuid, now)]
        } else {
            news
        };
        let composed = compose::compose(
            &self.settings,
            &surroundings.voice,
            &notices.iter().collect::<Vec<_>>(),
            0,
            self.limits,
            Stamp { uuid: &uuid, now },
        );
        self.has_rest = composed.carried < notices.len();
        let news = notices.into_iter().filter(|_| !is_round);
        let carried = news.take(composed.carried).map(|notice| notice.id);
        let carried = carried.collect();
        composed.delivery(uuid, carried, now)
    }

    /// The notices that wait, with the alerts that their incidents are by now.
    fn news_of_alerts(&self, roster: &Roster) -> Vec<Notice> {
        let current = self.queue.notices().into_iter().map(|notice| {
            let told = notice.incidents.iter();
            let alerts: Vec<_> = told.flat_map(|told| roster.alerts_of(told)).collect();
            Notice::of(
                notice.id.clone(),
                notice.reason,
                notice.time,
                wanted(&self.settings, &alerts).cloned().collect(),
            )
        });
        current.collect()
    }

    /// Whether a delivery is a part of a round: it carries no news.
    pub(super) fn is_round(&self, delivery: &Delivery) -> bool {
        self.settings.kind.holds_alerts() && delivery.notices.is_empty()
    }

    /// Takes the answer to a part of a round.
    pub(super) fn round_answered(
        &mut self,
        Answer {
            verdict,
            detail,
            wait,
        }: Answer,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        if verdict == Verdict::Taken {
            self.last_success_at = Some(now.wall);
            self.note(Standing::taken(detail), effects);
        } else {
            let wait = wait.unwrap_or_default().clamp(RESEND_EVERY, WAIT_MAX);
            self.rounds.begin(now.after(wait));
            self.note(Standing::Fails(detail), effects);
        }
    }
}

/// A notice that stands for a part of a round.
fn nobodys_news(incidents: Vec<Incident>, uuid: &str, now: Moment) -> Notice {
    let id = NoticeId(uuid.to_owned());
    Notice::of(id, NoticeReason::Digest, now.wall, incidents)
}

/// The alerts that a channel is told of.
fn wanted<'a>(
    settings: &'a ChannelSettings,
    alerts: &'a [Incident],
) -> impl Iterator<Item = &'a Incident> {
    let told = &settings.severities;
    alerts.iter().filter(|alert| told.contains(&alert.severity))
}
