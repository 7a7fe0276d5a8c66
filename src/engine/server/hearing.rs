//! What the feeds of one supervisord bring, and what each of them is good for.
//!
//! Whatever is told makes supervigil look. Only one feed's tellings are kept as an account, for two
//! accounts of one death would be two deaths; and only where exactly one program can be meant, for the
//! main log names no group.

use jiff::civil::DateTime;

use super::Server;
use crate::{
    engine::{
        Context, Effect, LogReading,
        account::{Account, Told},
    },
    model::{Feed, LogLine, Moment, PidNews, ProgramEvent, ProgramName, Telling},
};

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

    /// Whether a look came without all that the main log told before it, though the account is the log's:
    /// the next one, with more of the log, is a moment away, and shows what this one shows and why.
    pub(super) fn falls_short(&self, log: &LogReading) -> bool {
        *log == LogReading::Behind && self.feeds.teller() == Some(Feed::Log)
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
            PidNews::Watched | PidNews::OomKill(_) => {}
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
        let was_teller = self.feeds.teller() == Some(feed);
        self.feeds.set(feed, is_up, context.now);
        self.lose_account_with(feed, was_teller);
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

    /// A feed changed: the account is lost where it was that one's, or is from here on.
    fn lose_account_with(&mut self, feed: Feed, was_teller: bool) {
        if was_teller || self.feeds.teller() == Some(feed) {
            self.lapses = 0;
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
        let was_teller = self.feeds.teller() == Some(feed);
        if self.feeds.set_mute(feed, is_mute) {
            self.lose_account_with(feed, was_teller);
            context.effects.push(Effect::FeedJudged {
                server: self.settings.name.clone(),
                feed,
                is_mute,
            });
        }
    }

    pub(super) fn poll_now(&self, context: &mut Context<'_>) {
        context.effects.push(Effect::PollNow {
            server: self.settings.name.clone(),
        });
    }
}
