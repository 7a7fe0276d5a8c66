//! The engine: what is seen -> what it means -> what to do about it.
//!
//! A pure value. It takes an [`Input`] and the present [`Moment`] and gives [`Effect`]s; it reads no
//! clock, does no I/O and cannot fail: a failed poll is an input like any other. One task owns it.
//!
//! | module | answers |
//! |---|---|
//! | `tracker`, `step` | what happened to a program between two looks |
//! | `input`, `effect` | what it is told, and what it wants done |
//! | `account`, `course` | what the feeds told of it, and where that leads |
//! | `evidence` | what a look and an account prove together |
//! | `ends` | ends that no look shows |
//! | `looks` | when a program is looked at by itself |
//! | `program` | what is remembered of a program, and whether something is wrong with it |
//! | `heartbeat` | when people are told that supervigil watches |
//! | `incident` | when an incident opens, escalates and closes |
//! | `reminder` | when people are reminded of an incident |
//! | `retry`, `backoff` | when a program is started, and what came of it |
//! | `attempts` | the same for all programs of a supervisord at once |
//! | `outcome` | what can come of a start, and why one may wait |
//! | `gate` | what holds all starts of a supervisord back |
//! | `server` | what a poll of one supervisord means: generations, the baseline |
//! | `silence` | when a supervisord that does not answer is an incident |
//! | `order` | what people order: silences and holds |
//! | `quiet`, `window` | which silences, holds and maintenance windows are in force |
//! | `rules` | which of people's wishes apply to a program |
//! | `targets` | which processes are worth watching |
//! | `view` | how it all looks from outside |
//!
//! Its invariant: every change that must survive a restart is in the same batch of effects as the
//! [`Effect::Record`] that writes it down, and the records come first. What is concluded from time is
//! concluded from looks: a state that was last seen before a limit passed has not outlasted it.

mod account;
mod attempts;
mod backoff;
mod course;
mod effect;
mod ends;
mod evidence;
mod gate;
mod heartbeat;
mod incident;
mod input;
mod looks;
mod order;
mod outcome;
mod program;
mod quiet;
mod reminder;
mod retry;
mod rules;
mod server;
mod settings;
mod silence;
mod step;
mod targets;
mod tracker;
mod view;
mod window;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ulid::Ulid;

pub use effect::Effect;
pub use heartbeat::HeartbeatSettings;
pub use input::{Input, LogReading, Looked, PollFailure};
pub use order::{Order, OrderError, Ordered, Whom};
pub use outcome::{AttemptOutcome, StartOutcome, Wait};
pub use rules::expected_up;
pub use settings::{
    AlertSettings, ProgramRule, RetryRule, RetrySettings, ServerSettings, Settings,
};
pub use targets::{PidTarget, PidTargets};
pub use tracker::exit_of;
pub use window::{Window, day_number};

use crate::model::{
    Moment, Notice, NoticeId, NoticeReason, ProgramKey, ProgramName, Saved, ServerName,
};
use heartbeat::Tally;
use quiet::{Mute, Quiet};
use server::Server;

/// Everything that is known and planned.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
    rng: fastrand::Rng,
    servers: BTreeMap<ServerName, Server>,
    quiet: Quiet,
    /// When a silence, a hold or a window begins or ends next.
    quiet_until: Option<Moment>,
    /// What the next heartbeat tells.
    tally: Tally,
    /// Those that an earlier run knew and that are not configured any more, until that is written
    /// down.
    orphans: Vec<Server>,
}

/// What the parts of the engine work with while one input is handled.
struct Context<'a> {
    settings: &'a Settings,
    rng: &'a mut fastrand::Rng,
    quiet: &'a Quiet,
    effects: Vec<Effect>,
    /// Incidents to tell about, once the plan of what happens next is part of them.
    tell: Vec<(ProgramKey, NoticeReason)>,
    now: Moment,
}

impl Context<'_> {
    fn ulid(&mut self) -> String {
        ulid(self.rng, self.now)
    }

    /// Why people are not told of a program, or of a supervisord itself; none: they are.
    fn mutes(&self, server: &ServerName, program: Option<&ProgramName>) -> Option<Mute> {
        let windows = &self.settings.maintenance;
        self.quiet.mutes(server, program, windows, self.now)
    }

    /// Counts something that people are not told.
    fn suppressed(&mut self, why: Mute) {
        self.effects.push(Effect::Suppressed { why: why.name() });
    }
}

/// An identity that sorts by time.
fn ulid(rng: &mut fastrand::Rng, now: Moment) -> String {
    let millis = u64::try_from(now.wall.as_millisecond()).unwrap_or(0);
    Ulid::from_parts(millis, rng.u128(..)).to_string()
}

impl Engine {
    /// An engine that knows what an earlier run wrote down. `seed` is for jitter and identities.
    pub fn new(settings: Settings, saved: &Saved, seed: u64, now: Moment) -> Self {
        let servers = settings
            .servers
            .iter()
            .map(|server| {
                (
                    server.name.clone(),
                    Server::restored(server.clone(), saved, now),
                )
            })
            .collect();
        let orphans = orphans(&settings, saved);
        let orphans = orphans.map(|orphan| Server::restored(orphan, saved, now));
        let quiet = Quiet::restored(saved);
        Self {
            orphans: orphans.collect(),
            quiet_until: quiet.next_change(&settings.maintenance, now),
            quiet,
            tally: Tally::new(settings.heartbeat.as_ref(), now),
            settings,
            rng: fastrand::Rng::with_seed(seed),
            servers,
        }
    }

    /// Takes new settings in. A supervisord that is not among them is forgotten.
    pub fn reconfigure(&mut self, settings: Settings, now: Moment) -> Vec<Effect> {
        self.tally.reconfigure(settings.heartbeat.as_ref(), now);
        self.settings = settings;
        let mut before = std::mem::take(&mut self.servers);
        for server in &self.settings.servers {
            let kept = before.remove(&server.name);
            let kept = kept.map(|known| known.reconfigured(server.clone()));
            let known =
                kept.unwrap_or_else(|| Server::restored(server.clone(), &Saved::default(), now));
            self.servers.insert(server.name.clone(), known);
        }
        self.in_context(now, |_, context| {
            for mut server in before.into_values() {
                server.forget(context);
            }
        })
    }

    /// Begins no start from here on; what is under way goes on being observed.
    pub fn stop_starting(&mut self) {
        for server in self.servers.values_mut() {
            server.gate.stopping = true;
        }
    }

    /// Takes one input in and says what is to be done.
    pub fn handle(&mut self, input: Input, now: Moment) -> Vec<Effect> {
        self.in_context(now, |servers, context| match input.server() {
            Some(name) => {
                if let Some(server) = servers.get_mut(name) {
                    server.take(input, context);
                }
            }
            None => {
                for server in servers.values_mut() {
                    server.woken(context);
                }
            }
        })
    }

    /// When [`Input::Woken`] is due; none: only an input can change anything.
    pub fn next_wake(&self) -> Option<Moment> {
        let wakes = self
            .servers
            .values()
            .filter_map(|server| server.next_wake(&self.settings));
        wakes
            .chain(self.quiet_until)
            .chain(self.tally.due())
            .min_by_key(|moment| moment.monotonic)
    }

    /// The processes that are alive under a supervisord, as far as is known.
    pub fn pid_targets(&self, server: &ServerName) -> PidTargets {
        self.servers
            .get(server)
            .map(PidTargets::of)
            .unwrap_or_default()
    }

    /// The programs that are known under a supervisord.
    pub fn programs(&self, server: &ServerName) -> Vec<ProgramName> {
        self.servers
            .get(server)
            .map(Server::program_names)
            .unwrap_or_default()
    }

    /// Tells people that supervigil watches, where that is due.
    fn heartbeat(&mut self, now: Moment) -> Option<Effect> {
        let settings = self.settings.heartbeat.as_ref();
        let heartbeat = self.tally.beat(settings, &self.servers, now)?;
        Some(Effect::Notice(Notice {
            heartbeat: Some(Box::new(heartbeat)),
            ..Notice::of(
                NoticeId(self.ulid(now)),
                NoticeReason::Digest,
                now.wall,
                Vec::new(),
            )
        }))
    }

    fn ulid(&mut self, now: Moment) -> String {
        ulid(&mut self.rng, now)
    }

    fn in_context(
        &mut self,
        now: Moment,
        act: impl FnOnce(&mut BTreeMap<ServerName, Server>, &mut Context<'_>),
    ) -> Vec<Effect> {
        let over = self.quiet.expire(now);
        let mut context = Context {
            settings: &self.settings,
            rng: &mut self.rng,
            quiet: &self.quiet,
            effects: over,
            tell: Vec::new(),
            now,
        };
        for mut orphan in std::mem::take(&mut self.orphans) {
            orphan.forget(&mut context);
        }
        act(&mut self.servers, &mut context);
        for server in self.servers.values_mut() {
            server.ask_for_looks(&mut context);
        }
        let mut effects = context.effects;
        self.tally.count(&effects);
        effects.extend(self.heartbeat(now));
        self.quiet_until = self.quiet.next_change(&self.settings.maintenance, now);
        effects.sort_by_key(|effect| !matches!(effect, Effect::Record(_)));
        effects
    }
}

/// The supervisords of which something is written down though they are not configured.
fn orphans(settings: &Settings, saved: &Saved) -> impl Iterator<Item = ServerSettings> {
    let programs = saved.programs.iter().map(|record| &record.key.server);
    let open = saved.incidents.iter().filter(|incident| incident.is_open());
    let mut names: BTreeSet<_> = programs
        .chain(open.map(|incident| &incident.server))
        .collect();
    for server in &settings.servers {
        names.remove(&server.name);
    }
    names.into_iter().map(|name| ServerSettings {
        name: name.clone(),
        must_answer: false,
        poll_interval: Duration::ZERO,
        itself: None,
    })
}
