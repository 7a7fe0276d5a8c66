//! The latest transitions and incidents, for the page and the API.

use std::{collections::VecDeque, sync::Arc};

use crate::model::{AuditEntry, Incident, Record, Saved, Transition};

/// Transitions that are kept in memory; ten pages of the API at their largest.
const TRANSITIONS_MAX: usize = 2_000;
/// Closed incidents that are kept in memory.
const CLOSED_MAX: usize = 500;
/// Lines of the audit log that are kept in memory.
const AUDIT_MAX: usize = 500;

/// What happened lately, newest first.
#[derive(Debug, Default)]
pub(super) struct History {
    transitions: VecDeque<Arc<Transition>>,
    shown_transitions: Option<Arc<[Arc<Transition>]>>,
    incidents: VecDeque<Arc<Incident>>,
    audit: Arc<[AuditEntry]>,
}

impl History {
    pub(super) fn restored(saved: &Saved) -> Self {
        let mut history = Self::default();
        for transition in &saved.transitions {
            history.push_transition(transition.clone());
        }
        for incident in &saved.incidents {
            history.put_incident(incident);
        }
        history.audit = saved.audit.iter().rev().cloned().collect();
        history
    }

    /// Takes in what is being written down.
    pub(super) fn take(&mut self, record: &Record) {
        match record {
            Record::Transition(transition) => self.push_transition(transition.clone()),
            Record::Incident(incident) => self.put_incident(incident),
            Record::Audit(entry) => {
                let audit = std::iter::once(entry).chain(self.audit.iter());
                self.audit = audit.take(AUDIT_MAX).cloned().collect();
            }
            Record::Server(_)
            | Record::Program(_)
            | Record::ProgramRemoved(_)
            | Record::NoticeQueued { .. }
            | Record::NoticeDone { .. }
            | Record::Channel(_)
            | Record::Silence(_)
            | Record::SilenceEnded(_)
            | Record::Hold(_)
            | Record::HoldEnded(_) => {}
        }
    }

    /// The latest lines of the audit log, newest first.
    pub(super) fn audit(&self) -> Arc<[AuditEntry]> {
        Arc::clone(&self.audit)
    }

    /// The incident as it is known so far.
    pub(super) fn incident(&self, incident: &Incident) -> Option<&Incident> {
        self.incidents
            .iter()
            .find(|known| known.id == incident.id)
            .map(AsRef::as_ref)
    }

    pub(super) fn incidents(&self) -> Vec<Arc<Incident>> {
        self.incidents.iter().cloned().collect()
    }

    pub(super) fn transitions(&mut self) -> Arc<[Arc<Transition>]> {
        let transitions = &self.transitions;
        let shown = self
            .shown_transitions
            .get_or_insert_with(|| transitions.iter().cloned().collect());
        Arc::clone(shown)
    }

    fn push_transition(&mut self, transition: Transition) {
        self.transitions.push_front(Arc::new(transition));
        self.transitions.truncate(TRANSITIONS_MAX);
        self.shown_transitions = None;
    }

    fn put_incident(&mut self, incident: &Incident) {
        let incident = Arc::new(incident.clone());
        let place = self
            .incidents
            .iter_mut()
            .find(|known| known.id == incident.id);
        if let Some(place) = place {
            *place = incident;
        } else {
            self.incidents.push_front(incident);
        }
        let closed = self
            .incidents
            .iter()
            .filter(|incident| !incident.is_open())
            .count();
        if closed > CLOSED_MAX
            && let Some(oldest) = self
                .incidents
                .iter()
                .rposition(|incident| !incident.is_open())
        {
            self.incidents.remove(oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        model::{IncidentId, Moment, Outcome},
        notify::samples,
    };

    fn incident(number: usize, is_open: bool) -> Incident {
        let now = Moment {
            monotonic: Duration::ZERO,
            wall: "2026-11-23T05:41:18Z".parse().unwrap(),
        };
        let sample = samples(now).remove(0).incidents.remove(0);
        Incident {
            id: IncidentId(format!("{number:06}")),
            closed_at: (!is_open).then_some(now.wall),
            outcome: (!is_open).then_some(Outcome::Recovered),
            ..sample
        }
    }

    #[test]
    fn only_closed_incidents_are_forgotten_and_the_oldest_first() {
        let mut history = History::default();
        for number in 0..CLOSED_MAX + 10 {
            history.take(&Record::Incident(incident(number, number < 3)));
        }
        let kept: Vec<_> = history.incidents();
        assert_eq!(kept.len(), CLOSED_MAX + 3);
        let ids: Vec<_> = kept.iter().map(|incident| &*incident.id.0).collect();
        assert_eq!(ids[0], format!("{:06}", CLOSED_MAX + 9));
        assert_eq!(
            ids[CLOSED_MAX - 1..],
            ["000010", "000002", "000001", "000000"]
        );
    }

    #[test]
    fn an_incident_that_changes_keeps_its_place() {
        let mut history = History::default();
        for number in 0..3 {
            history.take(&Record::Incident(incident(number, true)));
        }
        history.take(&Record::Incident(incident(1, false)));
        let open: Vec<_> = history.incidents().iter().map(|it| it.is_open()).collect();
        assert_eq!(open, [true, false, true]);
    }
}
