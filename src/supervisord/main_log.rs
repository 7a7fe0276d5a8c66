//! The lines of supervisord's main log, word by word.
//!
//! Owns what a line says of a program or of supervisord itself (process.py, supervisord.py and
//! options.py of every release from 3.3 to 4.3 write the same words, but for the level and for the
//! quotes about a name), and which lines are news ([`LogPlace`]). It draws no conclusions, and it knows
//! no group, as no line names one.
//!
//! The log is read by `supervisor.readLog`, in the same call as a look at programs, so that both show
//! one moment. `GET /mainlogtail` would push the lines, and must not be used: supervisord never closes the
//! file that it opens for it (`tail_f_producer` in http.py is part of a reference cycle), and after a
//! `reload`, which closes every descriptor by its number (`cleanup_fds` in options.py), Python's collector
//! closes that number a second time, when it belongs to a program's pipe or to a connection.
//!
//! Invariant: a name stands between words that are sought from the line's two ends, so that no name
//! makes its line say something else. Text of a program's own comes into this log only at loglevel
//! `debug` and finer (dispatchers.py copies output there), where a program can forge whole lines.

mod place;
mod signal;

#[cfg(test)]
mod tests;

use std::{str::FromStr, sync::Arc};

use jiff::civil::DateTime;

use crate::model::{Exit, LogLine, ProgramEvent, Telling};

pub use place::LogPlace;

/// How a line begins (`%(asctime)s ` in options.py and loggers.py), with 0 for any digit.
const STAMP: &str = "0000-00-00 00:00:00,000 ";

/// What a line of the main log tells; none for one that tells nothing of programs or of supervisord's
/// own life, or that supervisord did not write.
///
/// The line comes without its newline.
pub fn read_line(line: &str) -> Option<LogLine> {
    let (written, text) = split_stamp(line)?;
    let telling = read_text(text)?;
    Some(LogLine { written, telling })
}

fn read_text(text: &str) -> Option<Telling> {
    let (subject, rest) = text.split_once(' ')?;
    match subject {
        "spawned:" => spawned(rest),
        "success:" => success(rest),
        "exited:" => exited(rest),
        "stopped:" => stopped(rest),
        "gave" => gave_up(rest),
        "spawnerr:" => spawn_failed(rest),
        "supervisord" => started(rest),
        "received" => received(rest),
        "waiting" => waiting(rest),
        _ => None,
    }
}

/// The time, and the words behind it and the level. The levels are those of the lines that tell something: an
/// end that is not expected is WARN since 4.2.5, and INFO before.
fn split_stamp(line: &str) -> Option<(DateTime, &str)> {
    let (stamp, rest) = line.split_at_checked(STAMP.len())?;
    let is_stamp = stamp
        .bytes()
        .zip(STAMP.bytes())
        .all(|(byte, sample)| match sample {
            b'0' => byte.is_ascii_digit(),
            _ => byte == sample,
        });
    let text = rest
        .strip_prefix("INFO ")
        .or_else(|| rest.strip_prefix("WARN "));
    let text = text.filter(|_| is_stamp)?;
    Some((stamp.trim_end().parse().ok()?, text))
}

/// `'NAME' with pid N`; in 3.x the name is as Python's `repr` shows it.
fn spawned(rest: &str) -> Option<Telling> {
    let (name, pid) = rest.rsplit_once(" with pid ")?;
    let pid = number(pid).filter(|pid| *pid != 0)?;
    program(&unquoted(name)?, ProgramEvent::Spawned { pid: Some(pid) })
}

/// `NAME entered RUNNING state, process has stayed up for > than N seconds (startsecs)`.
fn success(rest: &str) -> Option<Telling> {
    let rest = rest.strip_suffix(" seconds (startsecs)")?;
    let words = " entered RUNNING state, process has stayed up for > than ";
    let (name, seconds) = rest.rsplit_once(words)?;
    number::<u64>(seconds)?;
    program(name, ProgramEvent::Running { pid: None })
}

/// `NAME (END; expected)` or `NAME (END; not expected)`. An end while it was being started reads the
/// same, so whether it is one is for a look to tell.
fn exited(rest: &str) -> Option<Telling> {
    let rest = rest.strip_suffix(')')?;
    let (rest, expected) = match rest.strip_suffix("; not expected") {
        Some(rest) => (rest, false),
        None => (rest.strip_suffix("; expected")?, true),
    };
    let (name, exit) = name_and_exit(rest)?;
    let event = ProgramEvent::Exited {
        pid: None,
        exit,
        expected,
    };
    program(name, event)
}

/// `NAME (END)`.
fn stopped(rest: &str) -> Option<Telling> {
    let (name, exit) = name_and_exit(rest.strip_suffix(')')?)?;
    program(name, ProgramEvent::Stopped { pid: None, exit })
}

/// `NAME (END`, with END as `decode_wait_status` of options.py says it.
fn name_and_exit(rest: &str) -> Option<(&str, Option<Exit>)> {
    let (rest, core_dumped) = match rest.strip_suffix(" (core dumped)") {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let (name, end) = rest.rsplit_once(" (")?;
    let exit = if let Some(signal) = end.strip_prefix("terminated by ") {
        Some(signal::exit(signal, core_dumped)?)
    } else if core_dumped {
        return None;
    } else if let Some(code) = end.strip_prefix("exit status ") {
        Some(Exit::Code(number::<u8>(code)?.into()))
    } else {
        let status = end.strip_prefix("unknown termination cause 0x")?;
        i64::from_str_radix(status, 16).ok()?;
        None
    };
    Some((name, exit))
}

/// `up: NAME entered FATAL state, too many start retries too quickly`.
fn gave_up(rest: &str) -> Option<Telling> {
    let name = rest
        .strip_prefix("up: ")?
        .strip_suffix(" entered FATAL state, too many start retries too quickly")?;
    program(name, ProgramEvent::GaveUp)
}

fn spawn_failed(why: &str) -> Option<Telling> {
    let is_told = !why.trim().is_empty();
    is_told.then(|| Telling::SpawnFailed {
        why: why.to_owned(),
    })
}

/// `started with pid N`: after a reload too.
fn started(rest: &str) -> Option<Telling> {
    number::<u32>(rest.strip_prefix("started with pid ")?)?;
    Some(Telling::Started)
}

/// The signals that supervisord obeys (`handle_signal` in supervisord.py).
fn received(rest: &str) -> Option<Telling> {
    match rest {
        "SIGTERM indicating exit request"
        | "SIGINT indicating exit request"
        | "SIGQUIT indicating exit request"
        | "SIGHUP indicating restart request" => Some(Telling::Stopping),
        _ => None,
    }
}

/// `for NAME, NAME to die`: on its way down it repeats this every three seconds. A shutdown or a
/// reload that was asked for by XML-RPC writes nothing else, and nothing at all where nothing runs.
/// (`waiting for NAME to stop` is about one program.)
fn waiting(rest: &str) -> Option<Telling> {
    let names = rest.strip_prefix("for ")?.strip_suffix(" to die")?;
    (!names.is_empty()).then_some(Telling::Stopping)
}

fn program(name: &str, event: ProgramEvent) -> Option<Telling> {
    let is_named = !name.is_empty();
    is_named.then(|| Telling::Program {
        group: None,
        name: Arc::from(name),
        event,
    })
}

/// A name without its quotes. Python 2's `repr`, in 3.x, takes the other quotes where a name holds
/// single ones, and shows bytes that are not ASCII by number; 4.x shows every name as it is.
fn unquoted(quoted: &str) -> Option<String> {
    let within = |quote| quoted.strip_prefix(quote)?.strip_suffix(quote);
    let name = within('\'').or_else(|| within('"'))?;
    Some(bytes_by_number(name).unwrap_or_else(|| name.to_owned()))
}

/// The name behind `\xe8\x8a\x82`; none where the text is no such form, which is 4.x's then.
fn bytes_by_number(text: &str) -> Option<String> {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        let byte = u8::from_str_radix(digits, 16).ok()?;
        if byte.is_ascii() {
            return None;
        }
        bytes.push(byte);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// A number of digits alone: no sign.
fn number<T: FromStr>(digits: &str) -> Option<T> {
    let are_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| are_digits)
}
