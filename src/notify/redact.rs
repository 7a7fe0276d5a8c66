//! Pure: what a program's log may show to others.
//!
//! Log lines leave the host, so secrets go out of them before they are stored or sent. `decode` makes
//! text of bytes, `pem` finds keys in PEM, `rules` everything that one line shows to be a secret, and
//! `keys` says which names name one. Every rule is a regular expression of the `regex` crate, which
//! takes time linear in the text, and the text has a limit. What is done once changes nothing when it is
//! done again.

mod decode;
mod keys;
mod pem;
mod rules;

use std::{borrow::Cow, sync::LazyLock};

use regex::{Captures, Regex, RegexBuilder};
use secrecy::{ExposeSecret as _, SecretString};

/// What stands in for a secret.
const MASK: &str = "***";

/// The most characters of one line: some four lines of a phone's screen are ten times less, and a
/// stack trace's line rarely has more.
const LINE_MAX: usize = 400;

/// The most bytes that are looked at, from the end: far more than any tail of lines needs, and room for
/// the beginning of a key whose end would be shown.
const TEXT_MAX: usize = 64 * 1024;

/// The least length of a secret that is hidden wherever it appears: anything shorter is part of many words.
const KNOWN_MIN: usize = 6;

/// How often the rules are applied, unless nothing changes before: rarely what one of them leaves is what
/// an earlier one looks for, and the second time settles it.
const ROUNDS_MAX: usize = 4;

/// The most memory that one expression of the user's may take when it is compiled: some hundred times
/// what a long list of words needs, and a tenth of the regex crate's own limit, as there may be many.
const EXPRESSION_BYTES_MAX: usize = 1024 * 1024;

/// The most expressions of the user's: each is a pass over the text.
pub const EXPRESSIONS_MAX: usize = 100;

/// Terminal sequences: CSI, OSC, and the short ones.
static TERMINAL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])").ok()
});

/// What is hidden beside what the built-in rules find.
#[derive(Debug, Clone, Default)]
pub struct Redaction {
    expressions: Vec<Regex>,
    known: Vec<SecretString>,
}

impl Redaction {
    /// The user's own expressions.
    pub fn new(expressions: Vec<Regex>) -> Self {
        Self {
            expressions,
            known: Vec::new(),
        }
    }

    /// Hides a secret of supervigil's own too, wherever it appears; unless it is a word or a number, as a
    /// password may be, `supervisor` for one.
    #[must_use]
    pub fn knowing(mut self, secret: &str) -> Self {
        if secret.len() >= KNOWN_MIN && !keys::is_word(secret) {
            self.known.push(secret.to_owned().into());
        }
        self
    }
}

/// Compiles an expression of the user's, within bounds.
pub fn expression(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text)
        .size_limit(EXPRESSION_BYTES_MAX)
        .build()
}

/// The last `max` lines of a log, fit to be shown: no secrets, no terminal sequences, no empty lines,
/// each at most 400 characters.
///
/// `end` is how the log ends; `is_cut` says that it begins somewhere within the log. Then what stands
/// before the first whole line is left out, or, where there is none, what may be the rest of a secret.
pub fn tail_lines(end: &[u8], is_cut: bool, max: usize, redaction: &Redaction) -> Vec<String> {
    if max == 0 {
        return Vec::new();
    }
    let begin = end.len().saturating_sub(TEXT_MAX);
    let is_cut = is_cut || begin > 0;
    let end = end.get(begin..).unwrap_or(end);
    let text = plain(&decode::text(end, is_cut));
    let (text, is_part) = if is_cut {
        without_beginning(&text)
    } else {
        (text.as_str(), false)
    };
    let text = hide(text, redaction);
    let mut lines: Vec<String> = text
        .lines()
        .rev()
        .map(str::trim_end)
        .filter(|line| !line.trim().is_empty())
        .take(max)
        .map(|line| {
            if is_part {
                cut_front(line, LINE_MAX)
            } else {
                cut(line, LINE_MAX)
            }
        })
        .collect();
    lines.reverse();
    lines
}

/// Any text as one line of at most `max` characters, fit to be shown.
pub(super) fn line(text: &str, max: usize) -> String {
    let text = hide(&plain(text), &Redaction::default());
    let words: Vec<&str> = text.split_whitespace().collect();
    cut(&words.join(" "), max)
}

/// The whole lines of a text that begins within a line; or, where there are none, the part of a line
/// from where no secret can go on, and that it is one.
fn without_beginning(text: &str) -> (&str, bool) {
    let whole = text.split_once('\n').map(|(_, rest)| rest);
    if let Some(whole) = whole.filter(|whole| !whole.trim().is_empty()) {
        return (whole, false);
    }
    // Secrets are ASCII, and few hold one of these.
    let ends = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '}' | ']') || !c.is_ascii();
    let begin = text.find(ends).unwrap_or(text.len());
    (text.get(begin..).unwrap_or_default(), true)
}

/// The text without terminal sequences and control characters. A lone carriage return ends a line,
/// as progress bars mean it.
fn plain(text: &str) -> String {
    let text = match TERMINAL.as_ref() {
        Some(terminal) => terminal.replace_all(text, ""),
        None => Cow::Borrowed(text),
    };
    text.chars()
        .filter_map(|c| match c {
            '\n' | '\r' => Some('\n'),
            '\t' => Some(' '),
            c if c.is_control() || is_invisible(c) => None,
            c => Some(c),
        })
        .collect()
}

/// Characters that show nothing, turn the order of others around (Unicode's bidirectional controls), or
/// are none (its noncharacters, which XML forbids in part).
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{fdd0}'..='\u{fdef}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

/// The text with a mask in place of every secret.
fn hide(text: &str, redaction: &Redaction) -> String {
    let mut text = text.to_owned();
    for _ in 0..ROUNDS_MAX {
        let hidden = hide_once(&text, redaction);
        if hidden == text {
            break;
        }
        text = hidden;
    }
    text
}

fn hide_once(text: &str, redaction: &Redaction) -> String {
    let mut text = text.to_owned();
    for known in &redaction.known {
        text = text.replace(known.expose_secret(), MASK);
    }
    text = rules::hide(&pem::hide(&text));
    for expression in &redaction.expressions {
        text = expression
            .replace_all(&text, |found: &Captures<'_>| {
                // An expression that matches nothing at all hides nothing.
                let empty = found.get(0).is_none_or(|whole| whole.is_empty());
                if empty { "" } else { MASK }
            })
            .into_owned();
    }
    text
}

/// The text, or its beginning and an ellipsis, in at most `max` characters.
pub(super) fn cut(text: &str, max: usize) -> String {
    if text.chars().nth(max).is_none() {
        return text.to_owned();
    }
    let mut text: String = text.chars().take(max.saturating_sub(1)).collect();
    text.push('…');
    text
}

/// An ellipsis and the end of the text, in at most `max` characters.
fn cut_front(text: &str, max: usize) -> String {
    let count = text.chars().count();
    let kept = max.saturating_sub(1);
    let end = text.chars().skip(count.saturating_sub(kept));
    std::iter::once('…').chain(end).collect()
}

#[cfg(test)]
mod tests;
