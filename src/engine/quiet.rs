//! What people asked to be left alone: silences, holds and maintenance windows.
//!
//! Owns which of them are in force, and writes down how they begin and end. A silence or an open window
//! keeps people from being told; what is not told then is withheld by the incident itself, and told
//! when it is over (`incident.rs`). A hold, or a window with `pause_retries`, keeps programs from being
//! started (`attempts.rs`).

use std::collections::BTreeMap;

use globset::{Glob, GlobMatcher};
use jiff::Timestamp;

use super::{Effect, Window};
use crate::model::{
    Action, AuditEntry, Hold, Moment, Next, OpenWindow, ProgramKey, ProgramName, Record, Saved,
    ServerName, Silence, SilenceId,
};

/// Who ends what runs out, in the audit log.
const ITSELF: &str = "supervigil";

/// The silences and holds in force.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    silences: Vec<(Silence, GlobMatcher)>,
    holds: BTreeMap<ProgramKey, Hold>,
}

/// Why people are not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mute {
    Silence,
    Maintenance,
}

impl Mute {
    /// The name in labels.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::Maintenance => "maintenance",
        }
    }
}

impl Quiet {
    /// What an earlier run wrote down. A pattern is checked before that.
    pub(super) fn restored(saved: &Saved) -> Self {
        let silences = saved.silences.iter().filter_map(|silence| {
            let matcher = Glob::new(&silence.pattern).ok()?.compile_matcher();
            Some((silence.clone(), matcher))
        });
        let holds = saved.holds.iter();
        Self {
            silences: silences.collect(),
            holds: holds.map(|hold| (hold.key.clone(), hold.clone())).collect(),
        }
    }

    pub(super) fn silences(&self) -> impl ExactSizeIterator<Item = &Silence> {
        self.silences.iter().map(|(silence, _)| silence)
    }

    pub(super) fn holds(&self) -> impl ExactSizeIterator<Item = &Hold> {
        self.holds.values()
    }

    /// A silence begins.
    pub(super) fn silence(&mut self, silence: Silence, matcher: GlobMatcher) -> Vec<Effect> {
        let entry = about_silence(&silence, Action::Silence, &silence.author, silence.since);
        let effects = records([Record::Silence(silence.clone()), Record::Audit(entry)]);
        self.silences.push((silence, matcher));
        effects
    }

    /// A silence ends before its time; none where there is no such silence.
    pub(super) fn end_silence(
        &mut self,
        id: &SilenceId,
        author: &str,
        now: Moment,
    ) -> Option<(Silence, Vec<Effect>)> {
        let place = self.silences.iter().position(|(one, _)| one.id == *id)?;
        let (silence, _) = self.silences.remove(place);
        let effects = silence_ended(&silence, Action::EndSilence, author, now);
        Some((silence, effects))
    }

    /// A hold begins, or takes the place of the one before.
    pub(super) fn hold(&mut self, hold: Hold) -> Vec<Effect> {
        let entry = about_hold(&hold, Action::Hold, &hold.author, hold.since);
        let effects = records([Record::Hold(hold.clone()), Record::Audit(entry)]);
        self.holds.insert(hold.key.clone(), hold);
        effects
    }

    /// A hold ends; none where the program is not held.
    pub(super) fn release(
        &mut self,
        key: &ProgramKey,
        author: &str,
        now: Moment,
    ) -> Option<(Hold, Vec<Effect>)> {
        let hold = self.holds.remove(key)?;
        let effects = hold_ended(&hold, Action::Release, author, now);
        Some((hold, effects))
    }

    /// Ends what has run out.
    pub(super) fn expire(&mut self, now: Moment) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.silences.retain(|(silence, _)| {
            let is_over = silence.until <= now.wall;
            if is_over {
                effects.extend(silence_ended(silence, Action::SilenceOver, ITSELF, now));
            }
            !is_over
        });
        self.holds.retain(|_, hold| {
            let is_over = hold.until.is_some_and(|until| until <= now.wall);
            if is_over {
                effects.extend(hold_ended(hold, Action::HoldOver, ITSELF, now));
            }
            !is_over
        });
        effects
    }

    /// Why people are not told of a program, or of a supervisord itself; none: they are.
    pub(super) fn mutes(
        &self,
        server: &ServerName,
        program: Option<&ProgramName>,
        windows: &[Window],
        now: Moment,
    ) -> Option<Mute> {
        let names = names(server, program);
        let meant = |matcher: &GlobMatcher| names.iter().any(|name| matcher.is_match(name));
        if self.silences.iter().any(|(_, matcher)| meant(matcher)) {
            return Some(Mute::Silence);
        }
        let is_open = |window: &Window| window.open_until(now.wall).is_some();
        let mut windows = windows.iter();
        windows
            .any(|window| meant(&window.matcher) && is_open(window))
            .then_some(Mute::Maintenance)
    }

    pub(super) fn is_held(&self, key: &ProgramKey) -> bool {
        self.holds.contains_key(key)
    }

    /// Why nothing is started of a program; none where it may be.
    pub(super) fn held(&self, key: &ProgramKey, windows: &[Window], now: Moment) -> Option<Next> {
        if let Some(hold) = self.holds.get(key) {
            return Some(Next::Held {
                by: Some(hold.author.clone()),
                until: hold.until,
            });
        }
        let names = names(&key.server, Some(&key.program));
        let pausing = windows.iter().filter(|window| {
            window.pause_retries && names.iter().any(|name| window.matcher.is_match(name))
        });
        let until = pausing
            .filter_map(|window| window.open_until(now.wall))
            .max()?;
        Some(Next::Held {
            by: None,
            until: Some(until),
        })
    }

    /// When something begins or ends next by itself.
    pub(super) fn next_change(&self, windows: &[Window], now: Moment) -> Option<Moment> {
        let silences = self.silences().map(|silence| silence.until);
        let holds = self.holds().filter_map(|hold| hold.until);
        let windows = windows
            .iter()
            .filter_map(|window| window.next_change(now.wall));
        let next = silences.chain(holds).chain(windows).min()?;
        Some(now.of_wall(next))
    }
}

/// The windows that are open.
pub(super) fn open_windows(windows: &[Window], now: Moment) -> Vec<OpenWindow> {
    let open = windows.iter().filter_map(|window| {
        Some(OpenWindow {
            pattern: window.matcher.glob().glob().to_owned(),
            until: window.open_until(now.wall)?,
            pause_retries: window.pause_retries,
        })
    });
    open.collect()
}

/// The names by which a pattern may mean it.
fn names(server: &ServerName, program: Option<&ProgramName>) -> Vec<String> {
    let Some(program) = program else {
        return vec![format!("{server}/")];
    };
    let full = program.full();
    vec![program.name.to_string(), format!("{server}/{full}"), full]
}

fn silence_ended(silence: &Silence, action: Action, author: &str, now: Moment) -> Vec<Effect> {
    let entry = about_silence(silence, action, author, now.wall);
    let ended = Record::SilenceEnded(silence.id.clone());
    records([ended, Record::Audit(entry)])
}

fn hold_ended(hold: &Hold, action: Action, author: &str, now: Moment) -> Vec<Effect> {
    let entry = about_hold(hold, action, author, now.wall);
    let ended = Record::HoldEnded(hold.key.clone());
    records([ended, Record::Audit(entry)])
}

fn about_silence(silence: &Silence, action: Action, author: &str, time: Timestamp) -> AuditEntry {
    AuditEntry {
        time,
        author: author.to_owned(),
        action,
        subject: silence.pattern.clone(),
        until: Some(silence.until),
        reason: silence.reason.clone(),
    }
}

fn about_hold(hold: &Hold, action: Action, author: &str, time: Timestamp) -> AuditEntry {
    AuditEntry {
        time,
        author: author.to_owned(),
        action,
        subject: hold.key.to_string(),
        until: hold.until,
        reason: hold.reason.clone(),
    }
}

fn records(records: [Record; 2]) -> Vec<Effect> {
    records.into_iter().map(Effect::Record).collect()
}
