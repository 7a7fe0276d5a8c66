//! What the feeds of one supervisord bring, and the looks that follow.
//!
//! Whatever is told makes supervigil look. Only one feed's tellings are kept as an account, for two
//! accounts of one death would be two deaths; and only where exactly one program can be meant, for the
//! main log names no group.

use std::time::Duration;

use jiff::civil::DateTime;

use super::Server;
use crate::{
    engine::{
        Context, Effect, LogReading, Looked,
        account::{Account, Told},
        program::{Look, Program},
    },
    model::{Feed, LogLine, Moment, PidNews, ProgramEvent, ProgramName, Telling},
};

/// Programs that are looked at in one call: an answer about so many takes supervisord some
/// milliseconds.
const LOOKS_MAX: usize = 32;
/// How long a look that shows a change may wait for what the feeds owe: a listener's event comes within
/// a second where nothing else wakes supervisord, a longer reading of its log with the next look.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(10));
/// How often the main log is read where nothing else says when: it costs supervisord about a millisecond.
const LOG_EVERY: Duration = Duration::from_secs(1);
/// Changes in a row that a feed owed and did not tell before it counts as mute. A rotation of the log
/// may swallow one.
const LAPSES_MAX: u32 = 2;

impl Server {
    /// Takes in what the main log told up to the moment of a look that began so; whether the account
    /// holds all of it.
    pub(super) fn read_log(
        &mut self,
        log: LogReading,
        begun: Moment,
        context: &mut Context<'_>,
    ) -> bool {
        let was_up = self.feeds.is_set_up(Feed::Log);
        let news = match log {
            LogReading::None | LogReading::Behind => return false,
            LogReading::Unavailable => {
                if was_up {
                    self.feed_changed(Feed::Log, false, context);
                }
                return false;
            }
            LogReading::News(news) => news,
        };
        // An answer that was overtaken shows less than what was told by the other.
        let is_latest = self
            .log_read_at
            .is_none_or(|at| at.monotonic <= begun.monotonic);
        if is_latest {
            self.log_read_at = Some(begun);
        }
        if !was_up {
            self.feed_changed(Feed::Log, true, context);
        }
        if news.lost {
            self.feed_lost(Feed::Log);
        }
        for LogLine { written, telling } in &news.lines {
            self.told(Feed::Log, telling, (begun, Some(*written)), context);
        }
        is_latest && self.feeds.teller() == Some(Feed::Log)
    }

    /// supervisord told something: when it was heard, and when it was written.
    pub(super) fn told(
        &mut self,
        feed: Feed,
        telling: &Telling,
        when: (Moment, Option<DateTime>),
        context: &mut Context<'_>,
    ) {
        match telling {
            Telling::Program { group, name, event } => {
                if let ProgramEvent::Spawned { .. } = event {
                    self.tells_again(feed, context);
                }
                let (event, (at, written)) = (*event, when);
                let heard = context.now;
                let told = Told {
                    event,
                    at,
                    heard,
                    written,
                };
                self.told_of(feed, group.as_deref(), name, told, context);
            }
            Telling::GroupsChanged | Telling::Started => self.poll_now(context),
            // The looks at what fails to start, and the polls that fail, show the rest.
            Telling::SpawnFailed { .. } | Telling::Stopping => {}
        }
    }

    fn told_of(
        &mut self,
        feed: Feed,
        group: Option<&str>,
        name: &str,
        told: Told,
        context: &mut Context<'_>,
    ) {
        let is_meant = |program: &ProgramName| {
            *program.name == *name && group.is_none_or(|group| *program.group == *group)
        };
        let is_account = self.feeds.teller() == Some(feed);
        let meant = self.programs.iter_mut();
        let mut meant: Vec<_> = meant.filter(|(program, _)| is_meant(program)).collect();
        for (_, program) in &mut meant {
            program.looks.hinted(context.now);
        }
        match meant.as_mut_slice() {
            [] => self.poll_now(context),
            [(name, program)] if is_account => {
                program.account.hear(told);
                let name = (*name).clone();
                if program.held.is_some() {
                    self.reconsider(&name, context);
                }
            }
            [..] => {}
        }
    }

    /// The kernel says something of a program's process.
    pub(super) fn pid_news(
        &mut self,
        name: &ProgramName,
        pid: u32,
        news: PidNews,
        context: &mut Context<'_>,
    ) {
        let Some(program) = self.programs.get_mut(name) else {
            return;
        };
        program.account.note(pid, news, context.now);
        match news {
            PidNews::Watched => {}
            PidNews::Dead => program.looks.hinted(context.now),
            // Where the look that shows the death is there already, this is what it waits for.
            PidNews::Ended(_) if program.held.is_some() => self.reconsider(name, context),
            PidNews::Ended(_) => program.looks.hinted(context.now),
        }
    }

    /// Whether what is told of a program can be known to be about it: the main log names no group.
    pub(super) fn has_account_of(&self, name: &ProgramName) -> bool {
        self.feeds.teller() != Some(Feed::Log) || !self.namesakes.contains(&name.name)
    }

    /// A feed came up or went down.
    pub(super) fn feed_changed(&mut self, feed: Feed, is_up: bool, context: &mut Context<'_>) {
        self.lapses = 0;
        self.feeds.set(feed, is_up, context.now);
        self.lose_account();
        if is_up && feed == Feed::Listener {
            // What happened before it was up it does not tell.
            self.poll_now(context);
        }
    }

    /// A feed lost some of what it was to tell.
    pub(super) fn feed_lost(&mut self, feed: Feed) {
        if self.feeds.teller() == Some(feed) {
            self.lose_account();
        }
    }

    pub(super) fn lose_account(&mut self) {
        self.accounts().for_each(Account::lose);
    }

    fn accounts(&mut self) -> impl Iterator<Item = &mut Account> {
        self.programs
            .values_mut()
            .map(|program| &mut program.account)
    }

    fn tells_again(&mut self, feed: Feed, context: &mut Context<'_>) {
        // Another one that tells does not make up for what the teller owes.
        if self.feeds.teller() == Some(feed) {
            self.lapses = 0;
        }
        self.judge_feed(feed, false, context);
    }

    /// Something that a feed owed was not told in time.
    pub(super) fn lapsed(&mut self, context: &mut Context<'_>) {
        self.lapses = self.lapses.saturating_add(1);
        if let Some(feed) = self.feeds.teller().filter(|_| self.lapses >= LAPSES_MAX) {
            self.judge_feed(feed, true, context);
        }
    }

    fn judge_feed(&mut self, feed: Feed, is_mute: bool, context: &mut Context<'_>) {
        if self.feeds.set_mute(feed, is_mute) {
            self.lapses = 0;
            self.lose_account();
            context.effects.push(Effect::FeedJudged {
                server: self.settings.name.clone(),
                feed,
                is_mute,
            });
        }
    }

    /// Programs were looked at by themselves. None stands for one that supervisord does not know.
    pub(super) fn looked(&mut self, looked: Looked, begun: Moment, context: &mut Context<'_>) {
        let Looked {
            supervisord,
            programs,
            log,
        } = looked;
        self.is_looking = false;
        let is_known = self
            .identity
            .as_ref()
            .is_some_and(|known| known.pid == supervisord);
        if !is_known || programs.iter().any(|(_, process)| process.is_none()) {
            self.poll_now(context);
        }
        // What the log says is read once, whoever answers.
        let has_log = self.read_log(log, begun, context);
        if !is_known {
            return;
        }
        for (name, process) in programs {
            if let Some(process) = process {
                let look = Look {
                    process,
                    begun,
                    same_supervisord: true,
                    is_poll: false,
                    has_log: has_log && self.has_account_of(&name),
                };
                let known = self.programs.get(&name);
                let had_life = known.is_some_and(|program| program.process.start != 0);
                let is_anew = self.look_at(&name, look, context) == Some(true);
                if let Some(program) = self.programs.get_mut(&name) {
                    program.anew_since_poll |= had_life && is_anew;
                }
            }
        }
        self.settle(context);
    }

    /// A look brought nothing; the polls say why.
    pub(super) fn look_failed(&mut self) {
        self.is_looking = false;
    }

    /// Takes a look at a program in; returns whether supervisord made it anew, where that is known.
    pub(super) fn look_at(
        &mut self,
        name: &ProgramName,
        look: Look,
        context: &mut Context<'_>,
    ) -> Option<bool> {
        let begun = look.begun;
        let (patience, poll_interval) = (self.patience(), self.settings.poll_interval);
        let has_account = self.has_account_of(name);
        let program = self.programs.get_mut(name)?;
        let seen = program.observe(look, patience, context.now);
        // By then nothing is on its way any more of what was before.
        let is_quiet = program.account.told().is_empty()
            && begun.since(program.changed_at) >= patience
            && seen.as_ref().is_some_and(|seen| seen.steps.is_empty());
        let teller_since = self.feeds.teller_since();
        if is_quiet
            && has_account
            && teller_since.is_some_and(|since| begun.since(since) >= patience)
        {
            program.account.synced = true;
        }
        // What an overtaken look brought may be a hint.
        if seen.is_some() || !program.looks.is_due(context.now) {
            program.plan_look(context.now, poll_interval);
        }
        let seen = seen?;
        self.follow(name, &seen.steps, context);
        if seen.lapsed {
            self.lapsed(context);
        }
        Some(seen.is_anew)
    }

    /// Weighs the look again that a program keeps; where it was waited for in vain, the latest.
    fn reconsider(&mut self, name: &ProgramName, context: &mut Context<'_>) {
        let patience = self.patience();
        let program = self.programs.get(name);
        let look = program
            .and_then(|program| program.held.as_ref())
            .map(|held| {
                if context.now.since(held.since) < patience {
                    held.look.clone()
                } else {
                    held.latest.clone()
                }
            });
        if let Some(look) = look {
            self.look_at(name, look, context);
            self.settle(context);
        }
    }

    /// Takes in the looks that have waited long enough.
    pub(super) fn take_held(&mut self, context: &mut Context<'_>) {
        let patience = self.patience();
        let is_due = |program: &Program| {
            let held = program.held.as_ref();
            held.is_some_and(|held| context.now.since(held.since) >= patience)
        };
        let due = self.programs.iter().filter(|(_, program)| is_due(program));
        let due: Vec<_> = due.map(|(name, _)| name.clone()).collect();
        for name in due {
            self.reconsider(&name, context);
        }
    }

    /// Asks for the looks that are due, one call at a time.
    pub(in crate::engine) fn ask_for_looks(&mut self, context: &mut Context<'_>) {
        if self.is_looking || !self.gate.reachable {
            return;
        }
        let log_due = self.log_due();
        let programs = self.programs.iter_mut();
        let mut due: Vec<_> = programs
            .filter(|(_, program)| program.looks.is_due(context.now))
            .collect();
        due.sort_by_key(|(_, program)| program.looks.due().map(|due| due.monotonic));
        due.truncate(LOOKS_MAX);
        let log_is_due = log_due.is_some_and(|due| due.monotonic <= context.now.monotonic);
        if due.is_empty() && !log_is_due {
            return;
        }
        let programs = due.into_iter().map(|(name, program)| {
            program.looks.asked(context.now);
            name.clone()
        });
        let programs = programs.collect();
        self.is_looking = true;
        self.asked_at = Some(context.now);
        context.effects.push(Effect::Look {
            server: self.settings.name.clone(),
            programs,
        });
    }

    /// When the looks want the engine to be woken.
    pub(super) fn looks_wake(&self) -> Option<Moment> {
        let patience = self.patience();
        let programs = self.programs.values();
        let wakes = programs.flat_map(|program| {
            let look = program.looks.due().filter(|_| !self.is_looking);
            let held = program.held.as_ref();
            let held = held.map(|held| held.since.after(patience));
            look.into_iter().chain(held)
        });
        let log = self.log_due().filter(|_| !self.is_looking);
        wakes.chain(log).min_by_key(|moment| moment.monotonic)
    }

    /// When the main log is to be read by itself: where the kernel does not say when something happens.
    fn log_due(&self) -> Option<Moment> {
        let is_needed = self.feeds.is_up(Feed::Log) && !self.feeds.is_up(Feed::Pidfd);
        // A look that failed is not made again at once.
        let last = self.asked_at.or(self.log_read_at).filter(|_| is_needed);
        last.map(|at| at.after(LOG_EVERY.min(self.settings.poll_interval)))
    }

    fn patience(&self) -> Duration {
        let (least, most) = PATIENCE;
        self.settings.poll_interval.clamp(least, most)
    }

    fn poll_now(&self, context: &mut Context<'_>) {
        context.effects.push(Effect::PollNow {
            server: self.settings.name.clone(),
        });
    }
}
