//! What the text of a value means: durations, names, globs, addresses.
//!
//! Pure: text in, value or [`Fault`] out. Where the text stands is the business of [`super::raw`].

use std::{ops::RangeInclusive, time::Duration};

use globset::{Glob, GlobMatcher};
use jiff::civil::Time;
use regex::Regex;
use reqwest::Url;

use super::problem::Fault;
use crate::notify;

/// The longest duration, ten years: more is a slip of the hand, and dates would overflow.
pub(super) const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Characters of a name: it becomes a label of every series and a part of every message.
const MAX_NAME: usize = 64;

/// Characters of a value that a message repeats.
const MAX_QUOTED: usize = 60;

/// `text` in quotes, on one line and not too long.
pub(super) fn quote(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let head: String = line.chars().take(MAX_QUOTED).collect();
    if head.len() < text.len() {
        format!("{head:?}…")
    } else {
        format!("{text:?}")
    }
}

/// A duration such as `1h30m`, within bounds.
pub(super) fn duration(text: &str, bounds: &RangeInclusive<Duration>) -> Result<Duration, Fault> {
    let (least, most) = (spell(*bounds.start()), spell(*bounds.end()));
    let Ok(duration) = humantime::parse_duration(text) else {
        return Err(Fault::new(
            format!("{} is not a duration", quote(text)),
            "write numbers with the units ms, s, m, h, d, such as \"100ms\" or \"1h30m\"",
        ));
    };
    let wrong = if duration < *bounds.start() {
        format!("{} is too short", quote(text))
    } else if duration > *bounds.end() {
        format!("{} is too long", quote(text))
    } else {
        return Ok(duration);
    };
    Err(Fault::new(wrong, format!("use {least} to {most}")))
}

/// A duration as people write it.
pub(super) fn spell(duration: Duration) -> String {
    const DAY: u64 = 24 * 3600;
    let seconds = duration.as_secs();
    if seconds > 0 && seconds.is_multiple_of(DAY) && duration.subsec_nanos() == 0 {
        return format!("{}d", seconds / DAY);
    }
    humantime::format_duration(duration).to_string()
}

/// A whole number within bounds.
///
/// `too_many` says why a larger one is wrong: "is too many", "is more than DingTalk takes".
pub(super) fn whole(
    number: i128,
    bounds: &RangeInclusive<u32>,
    too_many: &str,
) -> Result<u32, Fault> {
    let wrong = if number > i128::from(*bounds.end()) {
        too_many
    } else {
        "is too few"
    };
    u32::try_from(number)
        .ok()
        .filter(|number| bounds.contains(number))
        .ok_or_else(|| {
            Fault::new(
                format!("{number} {wrong}"),
                format!("use {} to {}", bounds.start(), bounds.end()),
            )
        })
}

/// One of a closed set of words.
pub(super) fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, Fault> {
    choices
        .iter()
        .find(|(word, _)| *word == text)
        .map(|(_, value)| *value)
        .ok_or_else(|| {
            let words: Vec<_> = choices.iter().map(|(word, _)| quote(word)).collect();
            Fault::new(
                format!("{} has no meaning here", quote(text)),
                format!("use {}", listing(&words, "or")),
            )
        })
}

/// A name of a supervisord or a channel.
pub(super) fn name(text: &str) -> Result<String, Fault> {
    if text.trim().is_empty() {
        return Err(Fault::new(
            "the name is empty",
            "give it a name such as \"main\"",
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(Fault::new(
            "the name holds a control character",
            "use letters, digits, - and _",
        ));
    }
    if text.chars().count() > MAX_NAME {
        return Err(Fault::new(
            "the name is too long",
            format!("use at most {MAX_NAME} characters"),
        ));
    }
    Ok(text.to_owned())
}

/// A pattern over programs' names, in which `*` crosses every character.
pub(super) fn glob(text: &str) -> Result<GlobMatcher, Fault> {
    if text.is_empty() {
        return Err(Fault::new(
            "the pattern is empty and would match no program",
            "write a program's name, or \"*\" for all",
        ));
    }
    match Glob::new(text) {
        Ok(glob) => Ok(glob.compile_matcher()),
        Err(error) => Err(Fault::new(
            format!("{} is not a pattern: {}", quote(text), error.kind()),
            "use * ? [a-z] {a,b}, and \\ before one of these to mean itself",
        )),
    }
}

/// What to write where a time of day belongs and something else than text stands.
pub(super) const TIME_HINT: &str = "write a time in quotes, such as \"02:00\"";

/// A time of day; the end of a day is its midnight.
pub(super) fn time_of_day(text: &str) -> Result<Time, Fault> {
    if text == "24:00" {
        return Ok(Time::midnight());
    }
    Time::strptime("%H:%M", text).map_err(|_no_time| {
        Fault::new(
            format!("{} is not a time of day", quote(text)),
            "write hours and minutes from \"00:00\" to \"24:00\"",
        )
    })
}

/// A regular expression.
pub(super) fn expression(text: &str) -> Result<Regex, Fault> {
    if text.is_empty() {
        return Err(Fault::new(
            "the expression is empty and would match everywhere",
            "remove it, or write what is to be hidden",
        ));
    }
    notify::expression(text).map_err(|error| {
        if let regex::Error::CompiledTooBig(limit) = error {
            return Fault::new(
                format!(
                    "the expression takes more than {} KiB of memory",
                    limit / 1024
                ),
                "write a smaller one: what is repeated often, as in \\w{1000}, takes the most",
            );
        }
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim();
        let reason = reason.strip_prefix("error: ").unwrap_or(reason);
        Fault::new(
            format!("not a regular expression: {reason}"),
            "mend it; in single quotes TOML leaves a \\ alone",
        )
    })
}

/// A phone number as robots mention it.
pub(super) fn mobile(text: &str) -> Result<String, Fault> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let dialled = digits.chars().all(|c| c.is_ascii_digit() || c == '-');
    if dialled && digits.chars().any(|c| c.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    Err(Fault::new(
        format!("{} is not a phone number", quote(text)),
        "write digits only, such as \"13800000000\", abroad with the country as in \"+852-12345678\"",
    ))
}

/// An address to post to. The message repeats nothing of it: it may hold a token.
pub(super) fn web_address(text: &str) -> Result<Url, Fault> {
    let fix = "write an address such as \"https://example.com/path\"";
    let url = Url::parse(text)
        .map_err(|error| Fault::new(format!("this is not a web address: {error}"), fix))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Fault::new("this is neither http nor https", fix));
    }
    Ok(url)
}

/// Whether a text is the address of a host and nothing else, in which no token can be.
pub(super) fn is_bare_address(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        url.has_host()
            && url.path() == "/"
            && url.query().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    })
}

/// Whether an address stays on this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    })
}

/// `a, b and c`, with `and` as the last word between.
pub(super) fn listing<T: AsRef<str>>(items: &[T], and: &str) -> String {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    match items.split_last() {
        None => String::new(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, first)) => format!("{} {and} {last}", first.join(", ")),
    }
}
