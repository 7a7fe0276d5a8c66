//! The parts of a message, and the forms of DingTalk and of plain text that they are written in.
//!
//! DingTalk's phones render headings, quotes, bold, links and lists; code blocks, tables and HTML
//! they do not. Text that came from outside is escaped, but only where markdown would take it for
//! something: a phone that shows the backslashes must still show a readable line.

use reqwest::Url;

/// A part of a message. Its text is raw: as it is meant to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    /// The first line.
    Heading(String),
    /// The first line about one incident of several.
    Subheading(String),
    /// A sentence.
    Paragraph(String),
    /// A line of a list.
    Line(String),
    /// A named value: the label with its colon, then the value.
    Field(String, String),
    /// A named address.
    Link(&'static str, String),
    /// Lines of a log, under a label.
    Quote(String, Vec<String>),
}

/// DingTalk's markdown.
pub(super) fn markdown(blocks: &[Block]) -> String {
    join(blocks, |block| match block {
        Block::Heading(text) => format!("### {}", escape(text)),
        Block::Subheading(text) => format!("#### {}", escape(text)),
        Block::Paragraph(text) => escape(text),
        Block::Line(text) => format!("- {}", escape(text)),
        Block::Field(label, value) => format!("- **{}**{}", trim_colon(label), tail(label, value)),
        Block::Link(label, url) => format!("- [{label}]({})", escape_url(url)),
        Block::Quote(label, lines) => {
            let lines: Vec<String> = lines
                .iter()
                .map(|line| format!("> {}", escape_line(line)))
                .collect();
            // Two spaces at the end of a line break it.
            format!("**{}**\n\n{}", trim_colon(label), lines.join("  \n"))
        }
    })
}

/// Plain text.
pub(super) fn plain(blocks: &[Block]) -> String {
    join(blocks, |block| match block {
        Block::Heading(text) | Block::Paragraph(text) => text.clone(),
        Block::Subheading(text) => format!("■ {text}"),
        Block::Line(text) => format!("- {text}"),
        Block::Field(label, value) => format!("{label}{value}"),
        Block::Link(label, url) => format!("{label}: {url}"),
        Block::Quote(label, lines) => {
            let lines: Vec<String> = lines.iter().map(|line| format!("| {line}")).collect();
            format!("{label}\n{}", lines.join("\n"))
        }
    })
}

/// Blocks below each other: list lines close together, everything else with an empty line between.
pub(super) fn join(blocks: &[Block], write: impl Fn(&Block) -> String) -> String {
    let mut text = String::new();
    let mut before: Option<&Block> = None;
    for block in blocks {
        if let Some(before) = before {
            text.push('\n');
            if !(is_listed(before) && is_listed(block)) {
                text.push('\n');
            }
        }
        text.push_str(&write(block));
        before = Some(block);
    }
    text
}

/// Whether the block is a line of a list.
fn is_listed(block: &Block) -> bool {
    match block {
        Block::Line(_) | Block::Field(..) | Block::Link(..) => true,
        Block::Heading(_) | Block::Subheading(_) | Block::Paragraph(_) | Block::Quote(..) => false,
    }
}

/// The label without its colon, which bold type makes superfluous or takes inside.
pub(super) fn trim_colon(label: &str) -> &str {
    label.trim_end_matches([':', '：', ' '])
}

/// The colon of the label, and the value.
fn tail(label: &str, value: &str) -> String {
    let colon = label.strip_prefix(trim_colon(label)).unwrap_or_default();
    format!("{colon}{}", escape(value))
}

/// One line of a log: besides what [`escape`] does, its beginning must not become a heading, a list,
/// a quote or a line under a heading.
fn escape_line(line: &str) -> String {
    let line = line.trim_start();
    let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let after_digits = line.get(digits..).unwrap_or_default();
    if digits > 0 && after_digits.starts_with(['.', ')']) {
        let number = line.get(..digits).unwrap_or_default();
        return format!("{number}\\{}", escape(after_digits));
    }
    if line.starts_with(['#', '>', '-', '+', '=']) {
        return format!("\\{}", escape(line));
    }
    escape(line)
}

/// Text with everything escaped that markdown or HTML would take for something else.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (before, c, after) in neighbours(text) {
        match c {
            '<' => escaped.push_str("&lt;"),
            '&' if after == '#' || after.is_ascii_alphabetic() => escaped.push_str("&amp;"),
            '*' | '`' | '~' => escaped.extend(['\\', c]),
            // Within a word an underscore is nothing but itself.
            '_' if !(before.is_alphanumeric() && after.is_alphanumeric()) => {
                escaped.extend(['\\', c]);
            }
            // A link needs `](`.
            ']' if after == '(' => escaped.push_str("\\]"),
            '\\' if after.is_ascii_punctuation() => escaped.push_str("\\\\"),
            '\n' => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Each character with the one before and the one after it; spaces stand around the text.
pub(super) fn neighbours(text: &str) -> impl Iterator<Item = (char, char, char)> {
    let before = std::iter::once(' ').chain(text.chars());
    let after = text.chars().skip(1).chain(std::iter::once(' '));
    before
        .zip(text.chars())
        .zip(after)
        .map(|((before, c), after)| (before, c, after))
}

/// Whether an address is one that a link may lead to. What is none stays text: services refuse it, or
/// take it for something else.
pub(super) fn is_web_address(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

/// The full-width twin of a character of ASCII: it reads the same and is no markup anywhere.
pub(super) fn twin(c: char) -> char {
    const DISTANCE: u32 = 0xfee0;
    match c {
        '!'..='~' => char::from_u32(u32::from(c) + DISTANCE).unwrap_or(c),
        c => c,
    }
}

/// An address as the target of a link.
pub(super) fn escape_url(url: &str) -> String {
    url.chars()
        .map(|c| match c {
            '(' => "%28".to_owned(),
            ')' => "%29".to_owned(),
            '<' => "%3C".to_owned(),
            '>' => "%3E".to_owned(),
            ' ' => "%20".to_owned(),
            c => c.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_markdown_would_take_for_something_is_escaped() {
        for (text, expected) in [
            ("<script>", "&lt;script>"),
            ("*bold* `code` ~~gone~~", r"\*bold\* \`code\` \~\~gone\~\~"),
            ("[a](http://evil)", r"[a\](http://evil)"),
            ("__init__", r"\_\_init\_\_"),
            ("a&lt;b", "a&amp;lt;b"),
            (r"C:\*", r"C:\\\*"),
        ] {
            assert_eq!(escape(text), expected);
        }
    }

    #[test]
    fn what_is_only_itself_stays_readable() {
        for text in [
            "es_node_a",
            "[2026-11-23T05:41:18][ERROR] a && b",
            "at org.Foo(Foo.java:42) C:\\dir",
            "a > b # c",
        ] {
            assert_eq!(escape(text), text);
        }
    }

    #[test]
    fn a_log_line_never_becomes_structure() {
        for (line, expected) in [
            ("# not a heading", r"\# not a heading"),
            ("---", r"\---"),
            ("    1. not a list", r"1\. not a list"),
            ("> not a quote", r"\> not a quote"),
            ("2026-11-23 fine", "2026-11-23 fine"),
        ] {
            assert_eq!(escape_line(line), expected);
        }
    }
}
