//! The one picture of everything, made anew after each turn for HTTP and the metrics.

use std::sync::Arc;

use super::turn::Turn;
use crate::model::Published;

impl Turn {
    /// Shows how things stand.
    pub(super) fn publish(&mut self) {
        let servers = &self.servers;
        let views = self.engine.views(|name| {
            servers.get(name).map_or_else(Default::default, |watched| {
                (watched.watching.client.url(), watched.interval)
            })
        });
        let published = Published {
            started_at: self.started_at.wall,
            servers: views.into_iter().map(Arc::new).collect(),
            incidents: self.history.incidents(),
            transitions: self.history.transitions(),
            notices: self.notices.shown(),
            channels: self.outbox.views(),
            silences: self.engine.silences(),
            holds: self.engine.holds(),
            windows: self.engine.open_windows(self.parts.clock.now()),
            audit: self.history.audit(),
            store: self.parts.store.view(),
            config: self.config_view.clone(),
        };
        self.parts.publish.send_replace(Arc::new(published));
        self.parts.beat.send_replace(self.parts.clock.now());
    }
}
