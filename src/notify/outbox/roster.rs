//! What receivers that hold alerts are to hold: every incident that people are told of, and those that
//! ended lately.
//!
//! An incident under one kind and severity is one alert. Where it gets worse it becomes another alert,
//! and the former one ends. That is known for as long as the program runs: an alert that ended while
//! nobody could be told ends by itself when it is not posted again.

use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Unbounded},
    time::Duration,
};

use crate::model::{Incident, Kind, Moment, Notice, ProgramName, ServerName, Severity};

/// How long an ended alert is posted again, so that a receiver that was away hears of its end: as long
/// as Prometheus does (rules/alerting.go, `resolvedRetention`).
const ENDED_FOR: Duration = Duration::from_secs(15 * 60);

/// A program, or a supervisord itself.
pub(super) type Place = (ServerName, Option<ProgramName>);

/// The alerts of each place: one at most for each kind and severity.
#[derive(Debug, Default)]
pub(super) struct Roster {
    places: BTreeMap<Place, Vec<Incident>>,
}

impl Roster {
    /// As an earlier run left it; the incidents are sorted from the oldest.
    pub(super) fn restored(incidents: Vec<Incident>, now: Moment) -> Self {
        let mut roster = Self::default();
        for incident in incidents {
            if incident.told_at.is_some() {
                roster.put(&incident.as_told(), now);
            }
        }
        roster.forget(now);
        roster
    }

    /// People are told of incidents.
    pub(super) fn tell(&mut self, notice: &Notice, now: Moment) {
        for incident in &notice.incidents {
            if incident.is_open() || self.own(incident).next().is_none() {
                self.put(incident, now);
            } else {
                self.update(incident);
            }
        }
    }

    /// An incident is known better, or over. That it got worse is nothing before people are told so, and
    /// one that they are not told of at all does not matter here.
    pub(super) fn update(&mut self, incident: &Incident) {
        let alerts = self.places.get_mut(&place(incident));
        let own = alerts.into_iter().flatten();
        for alert in own.filter(|alert| alert.id == incident.id && alert.is_open()) {
            *alert = Incident {
                kind: alert.kind,
                severity: alert.severity,
                ..incident.clone()
            };
        }
    }

    fn put(&mut self, incident: &Incident, now: Moment) {
        let alerts = self.places.entry(place(incident)).or_default();
        alerts.retain(|alert| identity(alert) != identity(incident));
        for former in alerts.iter_mut().filter(|alert| alert.id == incident.id) {
            former.closed_at = former.closed_at.or(Some(now.wall));
        }
        alerts.push(incident.clone());
    }

    /// Forgets what ended long ago.
    pub(super) fn forget(&mut self, now: Moment) {
        let is_fresh = |alert: &Incident| {
            let ended_at = alert.closed_at;
            ended_at.is_none_or(|at| now.wall_since(at) < ENDED_FOR)
        };
        self.places.retain(|_, alerts| {
            alerts.retain(is_fresh);
            !alerts.is_empty()
        });
    }

    /// The alerts that an incident is by now. One that is not on the roster ended long ago; where
    /// something else has become of its alert since, there is nothing to say of it.
    pub(super) fn alerts_of(&self, told: &Incident) -> Vec<Incident> {
        let own: Vec<_> = self.own(told).cloned().collect();
        let is_replaced = || {
            let alerts = self.at(told).iter();
            alerts.map(identity).any(|other| other == identity(told))
        };
        if own.is_empty() && !told.is_open() && !is_replaced() {
            vec![told.clone()]
        } else {
            own
        }
    }

    /// The alerts that an incident was and is.
    fn own<'a>(&'a self, incident: &'a Incident) -> impl Iterator<Item = &'a Incident> {
        let alerts = self.at(incident).iter();
        alerts.filter(|alert| alert.id == incident.id)
    }

    /// The alerts of an incident's place.
    fn at(&self, incident: &Incident) -> &[Incident] {
        let alerts = self.places.get(&place(incident));
        alerts.map_or(&[], Vec::as_slice)
    }

    /// The places behind one, or all of them, with their alerts.
    pub(super) fn behind(
        &self,
        place: Option<&Place>,
    ) -> impl Iterator<Item = (&Place, &[Incident])> {
        let from = place.map_or(Unbounded, Excluded);
        let places = self.places.range((from, Unbounded));
        places.map(|(place, alerts)| (place, alerts.as_slice()))
    }
}

fn place(incident: &Incident) -> Place {
    (incident.server.clone(), incident.program.clone())
}

/// What makes an alert of a place the same one.
fn identity(incident: &Incident) -> (Kind, Severity) {
    (incident.kind, incident.severity)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{NoticeReason, Outcome},
        notify::{fixtures::moment, samples},
    };

    fn backoff() -> Incident {
        samples(moment()).remove(2).incidents.remove(0)
    }

    fn notice(incident: &Incident, reason: NoticeReason) -> Notice {
        Notice {
            reason,
            incidents: vec![incident.clone()],
            ..samples(moment()).remove(0)
        }
    }

    fn alerts(roster: &Roster) -> Vec<(Kind, bool)> {
        let alerts = roster.behind(None).flat_map(|(_, alerts)| alerts);
        alerts.map(|it| (it.kind, it.is_open())).collect()
    }

    #[test]
    fn what_people_are_not_told_of_is_no_alert() {
        let mut roster = Roster::default();
        roster.update(&backoff());
        assert_eq!(alerts(&roster), []);

        roster.tell(&notice(&backoff(), NoticeReason::Opened), moment());
        let fatal = Incident {
            kind: Kind::Fatal,
            ..backoff()
        };
        roster.update(&fatal);
        assert_eq!(alerts(&roster), [(Kind::Backoff, true)]);
        let ended = Incident {
            closed_at: Some(moment().wall),
            outcome: Some(Outcome::Recovered),
            ..fatal
        };
        roster.update(&ended);
        roster.tell(&notice(&ended, NoticeReason::Closed), moment());
        assert_eq!(alerts(&roster), [(Kind::Backoff, false)]);
    }

    #[test]
    fn what_ended_is_forgotten_in_the_end() {
        let mut roster = Roster::default();
        let ended = Incident {
            closed_at: Some(moment().wall),
            outcome: Some(Outcome::Recovered),
            ..backoff()
        };
        roster.tell(&notice(&ended, NoticeReason::Closed), moment());
        roster.forget(moment().after(ENDED_FOR.saturating_sub(Duration::from_secs(1))));
        assert_eq!(alerts(&roster).len(), 1);
        roster.forget(moment().after(ENDED_FOR));
        assert_eq!(roster.behind(None).count(), 0);
    }

    #[test]
    fn an_old_end_says_nothing_of_what_failed_since() {
        let mut roster = Roster::default();
        let ended = Incident {
            id: crate::model::IncidentId("earlier".to_owned()),
            closed_at: Some(moment().wall),
            outcome: Some(Outcome::Recovered),
            ..backoff()
        };
        assert_eq!(roster.alerts_of(&ended), std::slice::from_ref(&ended));
        roster.tell(&notice(&backoff(), NoticeReason::Opened), moment());
        assert_eq!(roster.alerts_of(&ended), []);
        assert_eq!(roster.alerts_of(&backoff()), [backoff()]);
    }

    #[test]
    fn only_what_was_told_is_taken_over_from_an_earlier_run() {
        let told = Incident {
            told_at: Some(moment().wall),
            ..backoff()
        };
        let roster = Roster::restored(vec![backoff()], moment());
        assert_eq!(alerts(&roster), []);
        let roster = Roster::restored(vec![told], moment());
        assert_eq!(alerts(&roster), [(Kind::Backoff, true)]);
    }

    #[test]
    fn what_a_silence_withholds_is_not_taken_over_from_an_earlier_run() {
        let mut incident = backoff();
        incident.tell(NoticeReason::Opened, moment().wall);
        incident.kind = Kind::Fatal;
        incident.withhold(NoticeReason::Escalated);
        let roster = Roster::restored(vec![incident.clone()], moment());
        assert_eq!(alerts(&roster), [(Kind::Backoff, true)]);

        incident.closed_at = Some(moment().wall);
        incident.tell(NoticeReason::Closed, moment().wall);
        let roster = Roster::restored(vec![incident], moment());
        assert_eq!(alerts(&roster), [(Kind::Backoff, false)]);
    }
}
