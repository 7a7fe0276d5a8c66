//! Which incident the latest count of a counter belongs to: exemplars, which OpenMetrics alone has.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use jiff::Timestamp;
use prometheus::proto::LabelPair;

use super::{
    events::{RETRY_ATTEMPTS, Retried},
    family::seconds,
    programs::EXITS_NAME,
};
use crate::model::{Exit, Incident, IncidentId, Published};

/// An incident, and when it was counted.
type Exemplar<'a> = (&'a IncidentId, Timestamp);

/// The exemplars of all counters that have some, by server, group, name, and kind or outcome.
pub(super) struct Exemplars<'a> {
    exits: BTreeMap<[&'a str; 4], Exemplar<'a>>,
    retries: &'a Retried,
}

impl<'a> Exemplars<'a> {
    /// Those of the latest incidents of each program.
    pub(super) fn of(published: &'a Published, retries: &'a Retried) -> Self {
        let mut exits = BTreeMap::new();
        // The newest come first, and the last one to be put in stays.
        for incident in published.incidents.iter().rev() {
            if let Some(program) = &incident.program {
                let place = [
                    incident.server.as_str(),
                    &*program.group,
                    &*program.name,
                    kind(incident),
                ];
                exits.insert(place, (&incident.id, incident.opened_at));
            }
        }
        Self { exits, retries }
    }

    /// Adds the exemplar of a series, where it has one.
    pub(super) fn write(&self, f: &mut String, name: &str, labels: &[LabelPair]) -> fmt::Result {
        let label = |name: &str| {
            let mut labels = labels.iter();
            labels
                .find(|pair| pair.name() == name)
                .map_or("", |pair| pair.value())
        };
        let place = |last| ["server", "group", "name", last].map(label);
        let found = match name {
            EXITS_NAME if label("expected") == "false" => self.exits.get(&place("kind")).copied(),
            RETRY_ATTEMPTS => {
                let place = place("outcome").map(str::to_owned);
                self.retries
                    .get(&place)
                    .map(|(incident, at)| (incident, *at))
            }
            _ => None,
        };
        match found {
            Some((incident, at)) => write!(f, " # {{incident=\"{incident}\"}} 1 {}", seconds(at)),
            None => Ok(()),
        }
    }
}

/// The label `kind` of the end that an incident is about.
fn kind(incident: &Incident) -> &'static str {
    match incident.exit {
        Some(Exit::Code(_)) => "code",
        Some(Exit::Signal { .. } | Exit::UnknownSignal) => "signal",
        None => "unknown",
    }
}
