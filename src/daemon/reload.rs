//! The configuration comes into force: at the start, and whenever it is read anew.

use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::{
    carry::Todo,
    feeds::Heard,
    say,
    turn::{Turn, Watched},
    watching::{Surroundings, Watching},
    with_causes,
};
use crate::{
    config::{Config, ConfigError},
    model::ConfigView,
    notify::Channels,
};

impl Turn {
    /// Watches each supervisord, in place of those that were watched before.
    pub(super) fn watch_all(&mut self) {
        self.polling.cancel();
        self.polling = CancellationToken::new();
        self.epoch = self.epoch.wrapping_add(1);
        self.servers.clear();
        self.heard = Heard::default();
        for settings in &self.config.supervisords {
            let around = Surroundings {
                clock: self.parts.clock,
                events: self.parts.events.clone(),
                tasks: self.parts.tasks.clone(),
                stop: self.polling.clone(),
                epoch: self.epoch,
            };
            let watched = Watched {
                watching: Watching::start(settings, around),
                interval: settings.poll_interval,
                failure: None,
            };
            self.servers.insert(settings.name.clone(), watched);
        }
    }

    /// Takes a configuration that was read anew into force, or keeps the old one.
    pub(super) async fn reload(&mut self, outcome: Result<Config, ConfigError>) {
        let now = self.parts.clock.now();
        let config = match outcome {
            Ok(config) => config,
            Err(problems) => return self.keep_old(&problems.to_string()),
        };
        let channels = match Channels::new(&config.notify) {
            Ok(channels) => channels,
            Err(problem) => return self.keep_old(&with_causes(&problem)),
        };
        if let Err(problem) = self.log.set_level(config.log.level) {
            return self.keep_old(&with_causes(&problem));
        }
        self.channels = channels;
        say::unchanged_until_restart(&self.config, &config);
        say::configuration(&config);
        let mut todos: Vec<_> = self
            .engine
            .reconfigure(config.engine.clone(), now)
            .into_iter()
            .map(Todo::Engine)
            .collect();
        let effects = self.outbox.reconfigure(&config.notify, now);
        todos.extend(effects.into_iter().map(Todo::Outbox));
        self.config = config;
        self.config_view = ConfigView {
            last_reload_ok: true,
            loaded_at: now.wall,
        };
        self.watch_all();
        info!("configuration reloaded");
        self.carry_out(todos, now).await;
    }

    fn keep_old(&mut self, problem: &str) {
        error!("the configuration was not reloaded and the old one stays in force:\n{problem}");
        self.config_view.last_reload_ok = false;
        self.publish();
    }
}
