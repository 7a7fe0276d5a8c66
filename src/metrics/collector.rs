//! What is observed: the published picture as metric families, made anew at each scrape.
//!
//! Not a collector of a registry: that would hold all families at once, and a thousand programs' weigh
//! more than the rest of supervigil. They are told one at a time instead.
//!
//! Owns which programs are shown and for how long their gauges outlive the last poll; the families
//! themselves are in `servers`, `programs` and `supervigil`.

use std::sync::Arc;

use prometheus::proto::MetricFamily;
use tokio::sync::watch;

use super::{Now, Settings, programs, servers, supervigil};
use crate::model::{Moment, ProcessView, Published, ServerView};

/// Poll intervals for which a program's gauges outlive the last poll that succeeded: long enough to
/// bridge a single lost poll, short enough that Prometheus soon marks them stale.
const STALE_AFTER_INTERVALS: u32 = 3;

/// The published picture, and how it is shown.
#[derive(Clone)]
pub(super) struct Observed {
    settings: Settings,
    published: watch::Receiver<Arc<Published>>,
    now: Now,
}

impl Observed {
    /// A reader of the published picture.
    pub(super) fn new(
        settings: Settings,
        published: watch::Receiver<Arc<Published>>,
        now: Now,
    ) -> Self {
        Self {
            settings,
            published,
            now,
        }
    }

    /// The picture at present, and how many programs of each supervisord have series.
    pub(super) fn shown(&self) -> (Arc<Published>, usize) {
        let published = Arc::clone(&self.published.borrow());
        (published, self.settings.max_processes)
    }

    /// Tells each family as it is at present, one at a time.
    pub(super) fn each_family(&self, tell: &mut dyn FnMut(MetricFamily)) {
        let published = Arc::clone(&self.published.borrow());
        let now = (self.now)();
        let shown = Shown::all(&published, self.settings.max_processes, now);
        for family in servers::families(&shown) {
            tell(family);
        }
        programs::each_family(&shown, self.settings.compact_state, tell);
        for family in supervigil::families(&published) {
            tell(family);
        }
    }
}

/// One supervisord with those of its programs that have series.
pub(super) struct Shown<'a> {
    /// The supervisord.
    pub(super) server: &'a ServerView,
    /// Its programs, up to the cap.
    pub(super) programs: &'a [ProcessView],
    /// Whether what was last seen of the programs may still be told as the present.
    pub(super) fresh: bool,
}

impl<'a> Shown<'a> {
    fn all(published: &'a Published, max_processes: usize, now: Moment) -> Vec<Self> {
        published
            .servers
            .iter()
            .map(|server| Self {
                server,
                programs: up_to(server, max_processes),
                fresh: is_fresh(server, now),
            })
            .collect()
    }
}

/// The programs that have series; the picture has them sorted, so it is always the same ones.
pub(super) fn up_to(server: &ServerView, max_processes: usize) -> &[ProcessView] {
    server
        .processes
        .get(..max_processes)
        .unwrap_or(&server.processes)
}

fn is_fresh(server: &ServerView, now: Moment) -> bool {
    let patience = server.poll_interval.saturating_mul(STALE_AFTER_INTERVALS);
    server.up
        || server
            .last_success_at
            .is_some_and(|last| now.wall_since(last) <= patience)
}
