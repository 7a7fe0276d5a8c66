//! Prometheus: what is observed, and what supervigil itself does.
//!
//! Owns the registry, every metric's name, type and labels, and the text format. What is observed is
//! read from the published picture at each scrape (`collector`); what merely happens is counted as it
//! happens ([`Events`]). It leaves serving to `http`, and it never asks supervisord.
//!
//! Invariant: a program, supervisord or channel that is not in the published picture has no series,
//! and neither has a program beyond `max_processes`.

mod collector;
mod events;
mod exemplars;
mod family;
mod own_process;
mod programs;
mod servers;
mod settings;
mod supervigil;
mod text;

use std::{fmt, sync::Arc};

use prometheus::Registry;
use tokio::sync::watch;

use crate::model::{ExpositionFormat, Moment, Published};
use exemplars::Exemplars;

pub use events::{Events, POLL_RESULTS, RETRY_OUTCOMES};
pub use settings::Settings;
pub use supervigil::STORE;

/// Tells the present; handed down from the one reader of time.
pub type Now = Arc<dyn Fn() -> Moment + Send + Sync>;

/// All metrics of the program. Clones show the same.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    events: Events,
    observed: collector::Observed,
}

impl Metrics {
    /// Metrics over the published picture.
    ///
    /// It fails only where this program declares a metric wrongly.
    pub fn new(
        settings: Settings,
        published: watch::Receiver<Arc<Published>>,
        now: Now,
    ) -> Result<Self, MetricsError> {
        let registry = Registry::new();
        let events = Events::registered(&registry)?;
        registry.register(Box::new(own_process::OwnProcess::new()?))?;
        Ok(Self {
            registry,
            events,
            observed: collector::Observed::new(settings, published, now),
        })
    }

    /// Where the daemon counts what happens.
    pub fn events(&self) -> Events {
        self.events.clone()
    }

    /// Everything, in a format.
    pub fn exposition(&self, format: ExpositionFormat) -> String {
        let (published, max_processes) = self.observed.shown();
        self.events.follow(&published, max_processes);
        let retried = self.events.retried();
        let exemplars = Exemplars::of(&published, &retried);
        let mut text = String::new();
        for family in self.registry.gather() {
            text::write(&mut text, &family, format, &exemplars);
        }
        self.observed
            .each_family(&mut |family| text::write(&mut text, &family, format, &exemplars));
        if format == ExpositionFormat::OpenMetrics {
            text.push_str(text::END);
        }
        text
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// A metric is declared wrongly.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the metrics, which is a mistake in supervigil: please report it")]
pub struct MetricsError(#[from] prometheus::Error);
