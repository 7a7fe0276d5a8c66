//! English.

use std::time::Duration;

use super::words::{Clock, CodeMeaning, Ending, Label, SignalMeaning, Words, largest_units};
use crate::model::{
    ChannelTrouble, Heartbeat, Incident, Kind, Next, OomKill, Outcome, ProcessState, Restarts,
};

/// The words of English.
#[derive(Debug)]
pub(super) struct En;

impl Words for En {
    fn label(&self, label: Label) -> &'static str {
        match label {
            Label::Place => "Where: ",
            Label::Time => "When: ",
            Label::Noticed => "Noticed: ",
            Label::Change => "State: ",
            Label::Ending => "Ended: ",
            Label::Uptime => "Was up: ",
            Label::Reason => "Why: ",
            Label::Restarts => "Restarts: ",
            Label::Next => "Next: ",
            Label::Log => "End of its log:",
            Label::Others => "The others",
        }
    }

    fn runbook(&self) -> &'static str {
        "Runbook"
    }

    fn kind(&self, kind: Kind) -> &'static str {
        match kind {
            Kind::Backoff => "Keeps failing to start",
            Kind::UnexpectedExit => "Unexpected exit",
            Kind::CrashLoop => "Crash loop",
            Kind::Fatal => "FATAL",
            Kind::Flapping => "Flapping",
            Kind::Unreachable => "supervisord does not answer",
        }
    }

    fn meaning(&self, incident: &Incident) -> &'static str {
        match (incident.kind, incident.to) {
            (Kind::Backoff, _) => "It keeps failing to start; supervisord is still trying.",
            (Kind::UnexpectedExit, Some(ProcessState::Exited)) => {
                "It ended unexpectedly and supervisord leaves it down."
            }
            (Kind::UnexpectedExit, _) => "It ended unexpectedly.",
            (Kind::CrashLoop, _) => "It keeps dying and supervisord keeps starting it.",
            (Kind::Fatal, _) => "supervisord gave up starting it; it is not running.",
            (Kind::Flapping, _) => "It fails and recovers over and over.",
            (Kind::Unreachable, _) => {
                "supervisord does not answer; how its programs are is unknown."
            }
        }
    }

    fn outcome(&self, outcome: Option<Outcome>) -> &'static str {
        match outcome {
            Some(Outcome::Recovered) => "Recovered",
            Some(Outcome::StoppedByOperator) => "Stopped by an operator",
            Some(Outcome::Removed) => "No longer configured",
            None => "Over",
        }
    }

    fn summary(&self, open: usize, closed: usize) -> String {
        match (open, closed) {
            (open, 0) => format!("{open} failing"),
            (0, closed) => format!("{closed} over"),
            (open, closed) => format!("{open} failing, {closed} over"),
        }
    }

    fn and_more(&self, more: usize) -> String {
        format!(" and {more} more")
    }

    fn baseline(&self) -> &'static str {
        " It was so already when supervigil started."
    }

    fn escalated(&self) -> &'static str {
        " It got worse since the last message."
    }

    fn reminder_mark(&self) -> &'static str {
        "Reminder · "
    }

    fn reminder(&self, lasted: Duration) -> String {
        format!(" Still so, after {}.", self.duration(lasted))
    }

    fn lasted(&self, lasted: Duration) -> String {
        format!("lasted {}", self.duration(lasted))
    }

    fn started(&self, attempts: u32) -> String {
        match attempts {
            1 => "started once by supervigil".to_owned(),
            attempts => format!("started {attempts} times by supervigil"),
        }
    }

    fn duration(&self, duration: Duration) -> String {
        let [days, hours, minutes, seconds] = largest_units(duration);
        let parts: Vec<String> = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, unit)| format!("{count} {unit}"))
            .collect();
        if parts.is_empty() {
            "less than 1 s".to_owned()
        } else {
            parts.join(" ")
        }
    }

    fn restarts(&self, restarts: Restarts) -> String {
        let within = self.duration(Duration::from_secs(restarts.within_seconds));
        format!("{} within {within}", restarts.count)
    }

    fn ending(&self, ending: &Ending) -> String {
        match ending {
            Ending::Unknown => "unknown (neither exit code nor signal was seen)".to_owned(),
            Ending::UnknownSignal => {
                "killed by a signal (supervisord does not tell which)".to_owned()
            }
            Ending::Code(code, meaning) => format!("exit code {code}{}", code_meaning(meaning)),
            Ending::Signal {
                name,
                meaning,
                core_dumped,
            } => {
                let core = if *core_dumped { ", core dumped" } else { "" };
                let words = match signal_meaning(*meaning) {
                    "" => String::new(),
                    words => format!(" ({words})"),
                };
                format!("killed by {name}{words}{core}")
            }
        }
    }

    fn next(&self, incident: &Incident, clock: &Clock<'_>) -> Option<String> {
        let program = incident.program.as_ref().map(ToString::to_string);
        let start = program.map_or_else(String::new, |name| {
            format!(" start it with: supervisorctl start {name}")
        });
        Some(match &incident.next {
            Next::Nothing => return nothing(incident, &start),
            Next::Attempt { number, of, at } => format!(
                "supervigil starts it at {} (attempt {number} of {of})",
                clock.brief(*at)
            ),
            Next::Starting { number, of } if number <= of => {
                format!("supervigil has just started it (attempt {number} of {of})")
            }
            Next::Starting { .. } => "supervigil has just started it once more".to_owned(),
            Next::Probe {
                attempts,
                at: Some(at),
            } => format!(
                "all {attempts} attempts of supervigil failed; it tries once more at {};{start}",
                clock.brief(*at)
            ),
            Next::Probe { attempts, at: None } => {
                format!("all {attempts} attempts of supervigil failed; it makes no more;{start}")
            }
            Next::NeedsHuman { why, at } => {
                let again = at.map_or_else(String::new, |at| {
                    format!("; supervigil tries once more at {}", clock.brief(at))
                });
                format!("needs a human: {why}{again}; mend it, then{start}")
            }
            Next::HostGuard {
                fatal,
                programs,
                until,
            } => format!(
                "{fatal} of {programs} programs went FATAL at about the same time, which looks like \
                 trouble of the host: supervigil starts nothing until {}",
                clock.brief(*until)
            ),
            Next::Suspended => "supervisord is shutting down; supervigil starts nothing".to_owned(),
            Next::Held { by, until } => {
                let who = by.as_ref().map_or_else(
                    || "a maintenance window".to_owned(),
                    |by| format!("the hold of {by}"),
                );
                let until = until.map_or_else(String::new, |until| {
                    format!(" until {}", clock.brief(until))
                });
                format!("supervigil does not start it{until}: {who} says so{start}")
            }
            Next::Runs => "it runs again; it is told as recovered when that has lasted".to_owned(),
        })
    }

    fn not_shown(&self, count: usize) -> String {
        format!("{count} more do not fit; supervigil status shows them all.")
    }

    fn dropped(&self, count: usize) -> String {
        match count {
            1 => {
                "⚠ 1 earlier notice could not be delivered and was dropped; see supervigil status."
                    .to_owned()
            }
            count => format!(
                "⚠ {count} earlier notices could not be delivered and were dropped; see supervigil \
                 status."
            ),
        }
    }

    fn dropped_title(&self) -> &'static str {
        "Notices were not delivered"
    }

    fn channel(&self, trouble: &ChannelTrouble, until: Option<&str>) -> String {
        let name = &trouble.name;
        match (&trouble.why, until) {
            (Some(why), Some(until)) => format!(
                "⚠ The channel {name} is sent nothing until {until}: {why}. What waits for it goes out \
                 as one message then."
            ),
            (Some(why), None) => format!(
                "⚠ The channel {name} takes no messages until somebody mends it: {why}. Its messages \
                 are kept for a day."
            ),
            (None, _) => format!("✅ The channel {name} takes messages again."),
        }
    }

    fn channel_title(&self, trouble: &ChannelTrouble) -> String {
        let name = &trouble.name;
        match (&trouble.why, trouble.until) {
            (Some(_), Some(_)) => format!("Channel {name} is to be quiet"),
            (Some(_), None) => format!("Channel {name} takes no messages"),
            (None, _) => format!("Channel {name} takes messages again"),
        }
    }

    fn heartbeat(&self, heartbeat: &Heartbeat, since: &str) -> String {
        let Heartbeat {
            supervisords,
            silent,
            programs,
            failing,
            deaths,
            opened,
            starts,
            ..
        } = heartbeat;
        let silent = match silent {
            0 => String::new(),
            silent => format!(" ({silent} do not answer)"),
        };
        format!(
            "supervigil watches. supervisords: {supervisords}{silent}; programs: {programs}, failing: {failing}. \
             Since {since}: {deaths} ends of processes, {opened} incidents, {starts} starts by supervigil."
        )
    }

    fn heartbeat_title(&self) -> &'static str {
        "supervigil watches"
    }
}

/// What supervigil does where it does not start anything.
fn nothing(incident: &Incident, start: &str) -> Option<String> {
    match (incident.kind, incident.to) {
        (Kind::Fatal, _) | (Kind::UnexpectedExit, Some(ProcessState::Exited)) => {
            Some(format!("supervigil does not start it by itself;{start}"))
        }
        (Kind::UnexpectedExit, _) => None,
        (Kind::CrashLoop | Kind::Backoff, _) => {
            Some("supervisord goes on starting it; supervigil keeps watching".to_owned())
        }
        (Kind::Flapping, _) => {
            Some("supervigil keeps watching and does not tell of each time".to_owned())
        }
        (Kind::Unreachable, _) => {
            Some("supervigil keeps asking; check that supervisord is running".to_owned())
        }
    }
}

fn code_meaning(meaning: &CodeMeaning) -> String {
    match meaning {
        CodeMeaning::Success => " (it ended by itself, without an error)".to_owned(),
        CodeMeaning::General => " (a general error)".to_owned(),
        CodeMeaning::Usage => " (often wrong arguments)".to_owned(),
        CodeMeaning::NotExecutable => " (the command cannot be executed)".to_owned(),
        CodeMeaning::NotFound => " (command not found)".to_owned(),
        CodeMeaning::Signal(name, meaning) => match signal_meaning(*meaning) {
            "" => format!(" (128 + {name})"),
            words => format!(" (128 + {name}: {words})"),
        },
        CodeMeaning::Own => String::new(),
    }
}

fn signal_meaning(meaning: SignalMeaning) -> &'static str {
    match meaning {
        SignalMeaning::Kill(None) => "kill -9, or perhaps the OOM killer",
        SignalMeaning::Kill(Some(OomKill::Group)) => {
            "probably out of memory: the OOM killer was at work in its cgroup at that time"
        }
        SignalMeaning::Kill(Some(OomKill::Host)) => {
            "probably out of memory: the OOM killer was at work on this host at that time"
        }
        SignalMeaning::Memory => "a bad memory access",
        SignalMeaning::Instruction => "an illegal instruction",
        SignalMeaning::Arithmetic => "an arithmetic error, such as a division by zero",
        SignalMeaning::Abort => "it aborted itself",
        SignalMeaning::Asked => "somebody asked it to end",
        SignalMeaning::Pipe => "it wrote to a pipe or connection that was closed",
        SignalMeaning::Limit => "a limit of the system was exceeded",
        SignalMeaning::Forbidden => "a sandbox forbids what it did",
        SignalMeaning::Other => "",
    }
}
