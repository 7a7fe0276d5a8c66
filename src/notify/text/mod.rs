//! Pure: notices -> a message that reads well on a phone at three in the morning.
//!
//! `writer.rs` owns what is said and in which order, `zh.rs` and `en.rs` own the words, `markup.rs`,
//! `lines.rs`, `mrkdwn.rs` and `wecom.rs` the forms that they are written in. What is said comes from the incidents alone, so it is true
//! of the time when the notice came about. Nothing that has a name is cut short, and what does not
//! fit is counted.

mod en;
mod items;
mod lines;
mod markup;
mod mrkdwn;
mod wecom;
mod words;
mod writer;
mod zh;

use crate::model::{Exit, Notice, OomKill};

use super::{place::Place, settings::Language};
pub(super) use lines::Line;
use markup::Block;
use words::{Ending, Words};

/// The highest level of brevity.
pub(super) const BREVITY_MAX: u8 = 2;

/// What is to be told, and how much of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    /// The notices, oldest first.
    pub(super) notices: &'a [&'a Notice],
    /// How many notices were dropped since the last message.
    pub(super) dropped: usize,
    /// 0: everything; 1: without log lines; 2: a line each.
    pub(super) brevity: u8,
    /// The most incidents that are told in a line each; the rest is counted.
    pub(super) lines_max: usize,
}

/// In whose words, and from where.
#[derive(Debug, Clone)]
pub(super) struct Voice {
    /// The language.
    pub(super) language: Language,
    /// The host.
    pub(super) place: Place,
}

impl Voice {
    fn words(&self) -> &'static dyn Words {
        match self.language {
            Language::Zh => &zh::Zh,
            Language::En => &en::En,
        }
    }

    /// How a process ended.
    pub(super) fn ending(&self, exit: Exit, oom_kill: Option<OomKill>) -> String {
        self.words().ending(&Ending::of(Some(exit), oom_kill))
    }
}

/// A message, not yet in the form of any channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// The short fact that shows in the list of conversations.
    pub(super) title: String,
    /// Whether it is worth making phones ring.
    pub(super) mentions: bool,
    /// Phones to mention that the programs' own settings name.
    pub(super) mobiles: Vec<String>,
    blocks: Vec<Block>,
}

impl Message {
    /// As DingTalk's markdown.
    pub(super) fn markdown(&self) -> String {
        markup::markdown(&self.blocks)
    }

    /// As WeCom's markdown.
    pub(super) fn wecom_markdown(&self) -> String {
        wecom::markdown(&self.blocks)
    }

    /// As Slack's mrkdwn.
    pub(super) fn slack_mrkdwn(&self) -> String {
        mrkdwn::mrkdwn(&self.blocks)
    }

    /// As a heading and the lines below it, without any markup.
    pub(super) fn lines(&self) -> (String, Vec<Line>) {
        lines::lines(&self.title, &self.blocks)
    }

    /// As plain text.
    pub(super) fn plain(&self) -> String {
        markup::plain(&self.blocks)
    }
}

/// Puts a subject into words.
pub(super) fn compose(subject: &Subject<'_>, voice: &Voice) -> Message {
    let items = items::of(subject.notices);
    let channels = items::channels(subject.notices);
    let others = writer::Others {
        channels: &channels,
        heartbeat: items::heartbeat(subject.notices),
    };
    let writer = writer::Writer::new(voice.words(), &voice.place, &items, others);
    let ringing = || items.iter().filter(|item| item.rings());
    Message {
        title: writer.title(subject.dropped),
        mentions: ringing().next().is_some(),
        mobiles: ringing()
            .flat_map(|item| item.incident.at_mobiles.iter().cloned())
            .collect(),
        blocks: writer.blocks(subject),
    }
}

#[cfg(test)]
mod others_tests;
#[cfg(test)]
mod tests;
