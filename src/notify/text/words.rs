//! What a language must have words for.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

use crate::model::{ChannelTrouble, Exit, Heartbeat, Incident, Kind, OomKill, Outcome, Restarts};

/// The words of one language. Every table is exhaustive: what the model can say, each language can.
pub(super) trait Words {
    /// The name of a value, with its colon.
    fn label(&self, label: Label) -> &'static str;
    /// The word for following the handbook.
    fn runbook(&self) -> &'static str;
    /// The short fact that an incident is.
    fn kind(&self, kind: Kind) -> &'static str;
    /// What the fact means, in a sentence.
    fn meaning(&self, incident: &Incident) -> &'static str;
    /// How an incident ended.
    fn outcome(&self, outcome: Option<Outcome>) -> &'static str;
    /// The first line of a message about several incidents, before the host's name.
    fn summary(&self, open: usize, closed: usize) -> String;
    /// Added to a title that names one of several incidents.
    fn and_more(&self, more: usize) -> String;
    /// It was so before supervigil looked.
    fn baseline(&self) -> &'static str;
    /// It got worse since it was told.
    fn escalated(&self) -> &'static str;
    /// Before the fact that a reminder repeats.
    fn reminder_mark(&self) -> &'static str;
    /// It still is so.
    fn reminder(&self, lasted: Duration) -> String;
    /// How long it was so.
    fn lasted(&self, lasted: Duration) -> String;
    /// How many times supervigil started it.
    fn started(&self, attempts: u32) -> String;
    /// A length of time in its two largest units.
    fn duration(&self, duration: Duration) -> String;
    /// How often supervisord started it again.
    fn restarts(&self, restarts: Restarts) -> String;
    /// How a process ended.
    fn ending(&self, ending: &Ending) -> String;
    /// What happens next; none where there is nothing to say.
    fn next(&self, incident: &Incident, clock: &Clock<'_>) -> Option<String>;
    /// Incidents that there was no room for.
    fn not_shown(&self, count: usize) -> String;
    /// Notices that were dropped undelivered.
    fn dropped(&self, count: usize) -> String;
    /// The title of a message about nothing but dropped notices.
    fn dropped_title(&self) -> &'static str;
    /// Another channel needs somebody to mend it, or is to be quiet until a time, or takes messages.
    fn channel(&self, trouble: &ChannelTrouble, until: Option<&str>) -> String;
    /// The title of a message about nothing but that.
    fn channel_title(&self, trouble: &ChannelTrouble) -> String;
    /// That supervigil watches, and what it saw since a time.
    fn heartbeat(&self, heartbeat: &Heartbeat, since: &str) -> String;
    /// The title of a message about nothing but that.
    fn heartbeat_title(&self) -> &'static str;
}

/// The named values of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    /// Where it happened.
    Place,
    /// When.
    Time,
    /// Since when it was known, for what was so before.
    Noticed,
    /// From which state to which.
    Change,
    /// How the process ended.
    Ending,
    /// How long it had been up.
    Uptime,
    /// Why, in supervisord's words.
    Reason,
    /// How often it was started again.
    Restarts,
    /// What comes next.
    Next,
    /// The log's end.
    Log,
    /// Those told in a line each.
    Others,
}

/// How a process ended, as far as there are words for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// It is not known.
    Unknown,
    /// By a signal, and it is not known which.
    UnknownSignal,
    /// With a code.
    Code(i32, CodeMeaning),
    /// By a signal.
    Signal {
        /// `SIGKILL`.
        name: String,
        /// What it usually means.
        meaning: SignalMeaning,
        /// Whether it left a core dump.
        core_dumped: bool,
    },
}

/// What an exit code usually means: by the conventions of shells, in bash(1), "EXIT STATUS".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CodeMeaning {
    /// 0
    Success,
    /// 1
    General,
    /// 2
    Usage,
    /// 126
    NotExecutable,
    /// 127
    NotFound,
    /// 128 + the number of a signal that killed a child of the process, by name.
    Signal(&'static str, SignalMeaning),
    /// It is the program's own.
    Own,
}

/// What a signal usually means (signal(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignalMeaning {
    /// SIGKILL: somebody's `kill -9`, or the kernel short of memory, whose counters may say so.
    Kill(Option<OomKill>),
    /// SIGSEGV, SIGBUS.
    Memory,
    /// SIGILL.
    Instruction,
    /// SIGFPE.
    Arithmetic,
    /// SIGABRT: the program gave up by itself.
    Abort,
    /// SIGTERM, SIGINT, SIGHUP, SIGQUIT: somebody asked it to end.
    Asked,
    /// SIGPIPE: it wrote to where nobody reads any more.
    Pipe,
    /// SIGXCPU, SIGXFSZ: a limit of the system's.
    Limit,
    /// SIGSYS: a sandbox forbids what it did.
    Forbidden,
    /// Nothing in particular.
    Other,
}

impl Ending {
    /// Classifies an exit. `oom_kill` is what the kernel's counters say of the time.
    pub(super) fn of(exit: Option<Exit>, oom_kill: Option<OomKill>) -> Self {
        match exit {
            None => Self::Unknown,
            Some(Exit::UnknownSignal) => Self::UnknownSignal,
            Some(Exit::Code(code)) => Self::Code(code, CodeMeaning::of(code, oom_kill)),
            Some(
                exit @ Exit::Signal {
                    number,
                    core_dumped,
                },
            ) => Self::Signal {
                name: exit
                    .signal_name()
                    .map_or_else(|| format!("SIG{number}"), ToOwned::to_owned),
                meaning: SignalMeaning::of(number, oom_kill),
                core_dumped,
            },
        }
    }
}

impl CodeMeaning {
    fn of(code: i32, oom_kill: Option<OomKill>) -> Self {
        match code {
            0 => Self::Success,
            1 => Self::General,
            2 => Self::Usage,
            126 => Self::NotExecutable,
            127 => Self::NotFound,
            code => {
                let number = code.saturating_sub(128);
                let signal = Exit::Signal {
                    number,
                    core_dumped: false,
                };
                signal.signal_name().map_or(Self::Own, |name| {
                    Self::Signal(name, SignalMeaning::of(number, oom_kill))
                })
            }
        }
    }
}

impl SignalMeaning {
    fn of(number: i32, oom_kill: Option<OomKill>) -> Self {
        match number {
            1 | 2 | 3 | 15 => Self::Asked,
            4 => Self::Instruction,
            6 => Self::Abort,
            7 | 11 => Self::Memory,
            8 => Self::Arithmetic,
            9 => Self::Kill(oom_kill),
            13 => Self::Pipe,
            24 | 25 => Self::Limit,
            31 => Self::Forbidden,
            _ => Self::Other,
        }
    }
}

/// How times are written: in the host's zone.
#[derive(Debug, Clone)]
pub(super) struct Clock<'a> {
    /// The host's zone.
    pub(super) zone: &'a TimeZone,
    /// When the message's fact came about: its date goes without saying.
    pub(super) told_at: Timestamp,
}

impl Clock<'_> {
    /// Date, time and offset.
    pub(super) fn full(&self, time: Timestamp) -> String {
        let zoned = time.to_zoned_datetime(self.zone.clone());
        zoned.strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
    }

    /// The time; with the date where it is another day's.
    pub(super) fn brief(&self, time: Timestamp) -> String {
        let zoned = time.to_zoned_datetime(self.zone.clone());
        let same_day = zoned.date() == self.told_at.to_zoned_datetime(self.zone.clone()).date();
        let format = if same_day {
            "%H:%M:%S"
        } else {
            "%m-%d %H:%M:%S"
        };
        zoned.strftime(format).to_string()
    }
}

/// The two largest units of a length of time, largest first: days, hours, minutes, seconds.
pub(super) fn largest_units(duration: Duration) -> [u64; 4] {
    let seconds = duration.as_secs();
    let units = [
        seconds / 86_400,
        seconds / 3_600 % 24,
        seconds / 60 % 60,
        seconds % 60,
    ];
    match units {
        [0, 0, ..] => units,
        [0, hours, minutes, _] => [0, hours, minutes, 0],
        [days, hours, ..] => [days, hours, 0, 0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::{Language, fixtures::voice};

    /// The end by a signal; SIGABRT leaves a core dump.
    fn killed(number: i32) -> Exit {
        Exit::Signal {
            number,
            core_dumped: number == 6,
        }
    }

    #[test]
    fn every_exit_has_words() {
        for language in [Language::Zh, Language::En] {
            let words = voice(language).words();
            let mut lines = Vec::new();
            for exit in [0, 1, 2, 3, 126, 127, 134, 137, 139, 143, -1]
                .map(|code| Some(Exit::Code(code)))
                .into_iter()
                .chain(
                    [1, 4, 6, 8, 9, 11, 13, 15, 24, 30, 31, 64].map(|number| Some(killed(number))),
                )
                .chain([Some(Exit::UnknownSignal), None])
            {
                lines.push(words.ending(&Ending::of(exit, None)));
            }
            for kill in [OomKill::Group, OomKill::Host] {
                for exit in [Exit::Code(137), killed(9), killed(11)] {
                    lines.push(words.ending(&Ending::of(Some(exit), Some(kill))));
                }
            }
            insta::assert_snapshot!(format!("exits_{language:?}"), lines.join("\n"));
        }
    }
}
