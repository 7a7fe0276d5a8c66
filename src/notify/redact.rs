//! Pure: what a program's log may show to others.
//!
//! Log lines leave the host, so secrets go out of them before they are stored or sent. Every rule is
//! a regular expression of the `regex` crate, which takes time linear in the text. What is done once
//! changes nothing when it is done again.

use std::{borrow::Cow, sync::LazyLock};

use regex::{Captures, Regex};

/// What stands in for a secret.
const MASK: &str = "***";

/// The most characters of one line: some four lines of a phone's screen are ten times less, and a
/// stack trace's line rarely has more.
const LINE_MAX: usize = 400;

/// The most bytes that are looked at, from the end: far more than any tail of lines needs.
const TEXT_MAX: usize = 64 * 1024;

/// Keys whose value is a secret.
const SECRET_KEY: &str = "pass(?:word|wd|phrase)|pwd|secret|token|credential|\
     (?:api|access|private|secret|auth|sign(?:ing)?|encryption)[_.-]?key(?:[_.-]?(?:id|secret))?";

/// The built-in rules, in the order in which they are applied.
static RULES: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    sources()
        .iter()
        .filter_map(|source| Regex::new(source).ok())
        .collect()
});

/// Terminal sequences: CSI, OSC, and the short ones.
static TERMINAL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])").ok()
});

/// The last `max` lines of a log, fit to be shown: no secrets, no terminal sequences, no empty lines,
/// each at most 400 characters. `redact` holds the user's own rules.
pub fn tail_lines(text: &str, max: usize, redact: &[Regex]) -> Vec<String> {
    if max == 0 {
        return Vec::new();
    }
    let text = hide(&plain(last_part(text)), redact);
    let mut lines: Vec<String> = text
        .lines()
        .rev()
        .map(|line| cut(line.trim_end(), LINE_MAX))
        .filter(|line| !line.trim().is_empty())
        .take(max)
        .collect();
    lines.reverse();
    lines
}

/// Any text as one line of at most `max` characters, fit to be shown.
pub(super) fn line(text: &str, max: usize, redact: &[Regex]) -> String {
    let text = hide(&plain(text), redact);
    let words: Vec<&str> = text.split_whitespace().collect();
    cut(&words.join(" "), max)
}

/// The last [`TEXT_MAX`] bytes, from the start of a character.
fn last_part(text: &str) -> &str {
    let start = text.len().saturating_sub(TEXT_MAX);
    (start..=text.len())
        .find_map(|start| text.get(start..))
        .unwrap_or(text)
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

/// Characters that show nothing, or turn the order of others around (Unicode's bidirectional
/// controls).
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The text with a mask in place of every secret.
fn hide(text: &str, user: &[Regex]) -> String {
    let mut text = text.to_owned();
    for rule in RULES.iter() {
        text = rule.replace_all(&text, mask_groups).into_owned();
    }
    for rule in user {
        text = rule
            .replace_all(&text, |found: &Captures<'_>| {
                // An expression that matches nothing at all hides nothing.
                let empty = found.get(0).is_none_or(|whole| whole.is_empty());
                if empty { "" } else { MASK }
            })
            .into_owned();
    }
    text
}

/// `before`, the mask and `after`; what is masked already stays as it is.
fn mask_groups(found: &Captures<'_>) -> String {
    let part = |name| found.name(name).map_or("", |part| part.as_str());
    let secret = part("secret");
    if !secret.is_empty() && secret.chars().all(|c| matches!(c, '*' | '…')) {
        return found.get(0).map_or("", |whole| whole.as_str()).to_owned();
    }
    format!("{}{MASK}{}", part("before"), part("after"))
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

/// The built-in expressions; `before` and `after` are kept, the rest of a match is masked.
fn sources() -> Vec<String> {
    vec![
        // a key in PEM, also with its end or its beginning cut off
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)"
            .to_owned(),
        r"(?m)(?:^[A-Za-z0-9+/=]{8,}[ \r]*\n)+-----END [A-Z0-9 ]*PRIVATE KEY-----".to_owned(),
        // scheme://user:password@
        r#"(?P<before>\b[A-Za-z][A-Za-z0-9+.-]*://)(?P<secret>[^\s/"'<>]*)(?P<after>@)"#.to_owned(),
        // Authorization: Bearer ...
        r"(?i)(?P<before>\b(?:bearer|basic|digest|apikey)[ ]+)(?P<secret>[A-Za-z0-9._~+/=-]{6,})"
            .to_owned(),
        // a JSON web token
        r"\beyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?".to_owned(),
        // keys of AWS, Alibaba Cloud and Tencent Cloud, GitHub, GitLab and Slack
        r"\b(?:AKIA|ASIA)[0-9A-Z]{12,}".to_owned(),
        r"\b(?:LTAI|AKID)[0-9A-Za-z]{10,}".to_owned(),
        r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abposr]-)[0-9A-Za-z_-]{10,}".to_owned(),
        // key = value, key: "value", ?key=value
        format!(
            r#"(?i)(?P<before>[\w.-]*(?:{SECRET_KEY})s?[\w.-]*["']?\s*(?:=>|[=:])\s*)(?P<secret>"(?:[^"\\\n]|\\.)*\\?"?[^\s,;&"'}}\])]*|'(?:[^'\\\n]|\\.)*\\?'?[^\s,;&"'}}\])]*|[^\s,;&"'}}\])]+)"#
        ),
        // --password value
        format!(
            r#"(?i)(?P<before>(?:^|\s)--?[\w-]*(?:{SECRET_KEY})[ ]+)(?P<secret>"[^"\n]*"?\S*|'[^'\n]*'?\S*|[^\s-]\S*)"#
        ),
    ]
}

#[cfg(test)]
#[path = "redact_tests.rs"]
mod tests;
