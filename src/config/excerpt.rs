//! A source line under a mistake, without the secrets in it.
//!
//! Invariant: nothing is shown but keys, punctuation, and the values that the reader has asked for as
//! plain ones. A secret, the value of a mistyped key, a comment and the rubble around a syntax error
//! are each replaced by an ellipsis. So a key that nobody thought of leaks nothing.

use std::{collections::BTreeSet, fmt, ops::Range};

use toml::de::{DeTable, DeValue};

/// Characters of a source line that are shown: a wide terminal's width.
const MAX_WIDTH: usize = 160;

/// What stands for hidden text.
const HIDDEN: char = '…';

/// A line of the file with a place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// The line's number, from 1.
    pub(super) line: usize,
    /// The place's first character, from 1.
    pub(super) column: usize,
    text: String,
    caret: Range<usize>,
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let gutter = number.len();
        let indent = self.caret.start;
        let carets = "^".repeat(self.caret.len().max(1));
        writeln!(f, "{:gutter$} |", "")?;
        writeln!(f, "{number} | {}", self.text)?;
        write!(f, "{:gutter$} | {:indent$}{carets}", "", "")
    }
}

/// Makes excerpts of one file.
#[derive(Debug)]
pub(super) struct Excerpts<'a> {
    text: &'a str,
    keys: Vec<Range<usize>>,
    hidden: Vec<Range<usize>>,
    shown: Vec<Range<usize>>,
    words: BTreeSet<&'static str>,
}

impl<'a> Excerpts<'a> {
    /// For `text`, parsed as `table`, of which the values at `shown` may be seen; `words` are the
    /// keys that the program knows, and a broken file is one that is no TOML throughout.
    pub(super) fn new(
        text: &'a str,
        table: &DeTable<'_>,
        shown: Vec<Range<usize>>,
        words: BTreeSet<&'static str>,
        is_broken: bool,
    ) -> Self {
        let mut excerpts = Self {
            text,
            keys: Vec::new(),
            hidden: Vec::new(),
            shown: Vec::new(),
            words,
        };
        excerpts.collect_keys(table);
        excerpts.shown = shown
            .into_iter()
            .filter(|span| excerpts.may_be_shown(span, is_broken))
            .collect();
        excerpts.collect_values(table);
        excerpts
    }

    /// A text or a list that lacks its end has swallowed others, which may be secrets. So a text over
    /// several lines is never shown, and in a broken file a value only beside its own key.
    fn may_be_shown(&self, span: &Range<usize>, is_broken: bool) -> bool {
        let before = self.text.get(..span.start).unwrap_or_default();
        let line = before.rfind('\n').map_or(0, |newline| newline + 1)..span.start;
        let value = self.text.get(span.clone()).unwrap_or_default();
        let beside_key = || self.keys.iter().any(|key| line.contains(&key.start));
        !value.contains('\n') && (!is_broken || beside_key())
    }

    fn collect_keys(&mut self, table: &DeTable<'_>) {
        for (key, value) in table {
            self.keys.push(key.span());
            for table in tables_in(value.get_ref()) {
                self.collect_keys(table);
            }
        }
    }

    fn collect_values(&mut self, table: &DeTable<'_>) {
        for value in table.values() {
            self.collect_value(value.get_ref(), &value.span());
        }
    }

    fn collect_value(&mut self, value: &DeValue<'_>, span: &Range<usize>) {
        if let Some(table) = value.as_table() {
            self.collect_values(table);
        } else if let Some(items) = value.as_array() {
            for item in items {
                self.collect_value(item.get_ref(), &item.span());
            }
        } else if !self.shown.contains(span) {
            self.hidden.push(span.clone());
        }
    }

    /// The line in which `span` begins.
    pub(super) fn of(&self, span: &Range<usize>) -> Excerpt {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let source = self.text.get(start..).unwrap_or_default();
        let source = source.lines().next().unwrap_or_default();
        let glyphs = self.mask(source, start);
        let first = if span.start < start + source.len() {
            glyphs
                .partition_point(|glyph| glyph.at <= span.start)
                .saturating_sub(1)
        } else {
            glyphs.len()
        };
        let end = glyphs.partition_point(|glyph| glyph.at < span.end);
        let first = first.min(MAX_WIDTH);
        Excerpt {
            line: before.matches('\n').count() + 1,
            column: before.get(start..).unwrap_or_default().chars().count() + 1,
            caret: first..end.clamp(first, MAX_WIDTH),
            text: glyphs
                .iter()
                .take(MAX_WIDTH)
                .map(|glyph| glyph.character)
                .collect(),
        }
    }

    /// The line that begins at byte `start`, as it may be shown.
    fn mask(&self, source: &str, start: usize) -> Vec<Glyph> {
        let header = header_length(source);
        let mut glyphs: Vec<Glyph> = Vec::new();
        for (offset, character) in source.char_indices() {
            let at = start + offset;
            let value = within(&self.hidden, at);
            let seen = if let Some(value) = value {
                matches!(character, '"' | '\'') && (at == value.start || at + 1 == value.end)
            } else if within(&self.shown, at).is_some() || within(&self.keys, at).is_some() {
                true
            } else if character == '#' {
                break;
            } else {
                offset < header
                    || character.is_whitespace()
                    || "[]{}=,\"'.".contains(character)
                    || self.words.contains(word_at(source, offset))
            };
            if seen {
                let character = if character.is_control() {
                    ' '
                } else {
                    character
                };
                glyphs.push(Glyph { at, character });
            } else if glyphs.last().is_none_or(|last| last.character != HIDDEN) {
                let character = HIDDEN;
                glyphs.push(Glyph { at, character });
            }
        }
        while glyphs.last().is_some_and(|last| last.character == ' ') {
            glyphs.pop();
        }
        glyphs
    }
}

/// The tables directly under a value, through any number of lists.
fn tables_in<'t, 'i>(value: &'t DeValue<'i>) -> Vec<&'t DeTable<'i>> {
    if let Some(table) = value.as_table() {
        return vec![table];
    }
    let items = value.as_array().into_iter().flatten();
    items.flat_map(|item| tables_in(item.get_ref())).collect()
}

/// One shown character and the byte of the file that it stands for.
struct Glyph {
    at: usize,
    character: char,
}

fn within(spans: &[Range<usize>], at: usize) -> Option<&Range<usize>> {
    spans.iter().find(|span| span.contains(&at))
}

/// How much of a line is a table's header, whose keys the parser does not always give a place to.
fn header_length(source: &str) -> usize {
    let rest = source.trim_start().trim_start_matches('[');
    if rest.len() == source.len() {
        return 0;
    }
    source.len()
        - rest
            .trim_start_matches(is_word)
            .trim_start_matches(']')
            .len()
}

/// The bare word around a byte of the line.
fn word_at(source: &str, offset: usize) -> &str {
    let (before, after) = source.split_at_checked(offset).unwrap_or_default();
    let start = before.trim_end_matches(is_word).len();
    let end = source.len() - after.trim_start_matches(is_word).len();
    source.get(start..end).unwrap_or_default()
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || character == '-' || character == '.'
}
