//! What is no TOML, and how it goes together with the other mistakes.
//!
//! The parser goes on after an error, so the rest of the file is read as well. What follows from the
//! error itself is left out: further errors of the same line, other mistakes of that line, and keys
//! that are missing, for they may be in the part that was lost.

use std::collections::BTreeSet;

use toml::{
    Spanned,
    de::{DeTable, Error},
};

use super::problem::{Fault, Place, Problem};

/// How the parser's messages begin about a value that is mostly text without quotes.
const UNQUOTED: [&str; 4] = [
    "string values must be quoted",
    "invalid float",
    "invalid integer",
    "invalid boolean",
];

/// Parses as much as can be.
pub(super) fn parse(text: &str) -> (Spanned<DeTable<'_>>, Vec<Error>) {
    DeTable::parse_recoverable(text)
}

/// The errors of the parser and the problems of the reading, as one list.
pub(super) fn merge(text: &str, mut errors: Vec<Error>, problems: Vec<Problem>) -> Vec<Problem> {
    errors.sort_by_key(start);
    let lines: BTreeSet<usize> = errors
        .iter()
        .map(|error| line_of(text, start(error)))
        .collect();
    let unexplained = problems.into_iter().filter(|problem| {
        let on_broken_line = problem
            .place
            .span
            .as_ref()
            .is_some_and(|span| lines.contains(&line_of(text, span.start)));
        let explained = on_broken_line || (problem.absent && !lines.is_empty());
        !explained
    });
    let rest: Vec<_> = unexplained.collect();
    let mut told = BTreeSet::new();
    let mut merged = Vec::new();
    for error in &errors {
        if told.insert(line_of(text, start(error))) {
            merged.push(problem(text, error));
        }
        if swallows_the_rest(error, &errors) {
            break;
        }
    }
    merged.extend(rest);
    merged
}

/// Whether an error is the first sign of a list or inline table that takes in all that follows, for
/// want of its closing bracket.
fn swallows_the_rest(error: &Error, errors: &[Error]) -> bool {
    ["array", "inline table"].iter().any(|noun| {
        error.message().contains(noun)
            && errors
                .iter()
                .any(|other| other.message().starts_with(&format!("unclosed {noun}")))
    })
}

fn start(error: &Error) -> usize {
    error.span().unwrap_or_default().start
}

fn problem(text: &str, error: &Error) -> Problem {
    let span = error.span().unwrap_or_default();
    let message = error.message();
    let fault = match message.split_once(", expected ") {
        _ if message == "duplicate key" => Fault::new(
            "this key or table stands twice",
            "keep one of the two; a list of tables has [[two brackets]] above each",
        ),
        _ if UNQUOTED.iter().any(|start| message.starts_with(start)) => Fault::new(
            "this is no text in quotes, no number and neither true nor false",
            "put text in quotes",
        ),
        Some(("missing comma between array elements", _)) => Fault::new(
            "the list does not go on like this",
            "close it with ] before this, or put a comma between its items",
        ),
        Some((what, "nothing")) => Fault::new(what, "remove this, or put text in quotes"),
        Some((what, expected)) => Fault::new(what, format!("expected here: {expected}")),
        None => Fault::new(message, "write key = value, with text in quotes"),
    };
    Problem {
        place: Place {
            path: path_at(text, span.start),
            span: Some(span),
        },
        fault,
        absent: false,
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or(text).matches('\n').count()
}

/// The key path that a line belongs to, as far as its text and the headers above it tell.
fn path_at(text: &str, at: usize) -> String {
    let lines: Vec<&str> = text.lines().take(line_of(text, at) + 1).collect();
    let header = lines
        .iter()
        .rposition(|line| line.trim_start().starts_with('['));
    let table = header.and_then(|index| {
        let line = lines.get(index)?.trim();
        let name = header_name(line);
        let is_list = line.starts_with("[[");
        let earlier = lines
            .iter()
            .take(index)
            .filter(|other| other.trim_start().starts_with("[[") && header_name(other) == name)
            .count();
        Some(if is_list {
            format!("{name}[{earlier}]")
        } else {
            name.to_owned()
        })
    });
    let key = lines
        .last()
        .filter(|_| header.is_none_or(|index| index + 1 < lines.len()))
        .and_then(|line| leading_key(line));
    match (table, key) {
        (Some(table), Some(key)) => format!("{table}.{key}"),
        (Some(table), None) => table,
        (None, Some(key)) => key.to_owned(),
        (None, None) => "this file".to_owned(),
    }
}

fn header_name(line: &str) -> &str {
    line.trim()
        .trim_start_matches('[')
        .split([']', '#', ' ', '\t'])
        .next()
        .unwrap_or_default()
}

/// The key before an equals sign; any other text might be a secret.
fn leading_key(line: &str) -> Option<&str> {
    let (key, _) = line.split_once('=')?;
    let key = key.trim();
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '.';
    (!key.is_empty() && key.chars().all(bare)).then_some(key)
}
