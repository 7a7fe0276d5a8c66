//! Private keys in PEM (RFC 7468), also where the log's end shows only a part of one.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

use super::MASK;

/// The most bytes of a key: an RSA key of 16384 bits has 12,700. A first line and a last line that are
/// further apart are not of one key.
const KEY_BYTES_MAX: usize = 16 * 1024;

/// The first and the last lines.
static ENDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"-----(?P<end>BEGIN|END) [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----").ok()
});

/// The text with every private key masked, or as much of one as there is of it.
pub(super) fn hide(text: &str) -> String {
    let mut hidden = String::with_capacity(text.len());
    let mut kept_from = 0;
    for key in keys(text) {
        hidden.push_str(text.get(kept_from..key.start).unwrap_or_default());
        hidden.push_str(MASK);
        kept_from = key.end;
    }
    hidden.push_str(text.get(kept_from..).unwrap_or_default());
    hidden
}

/// Where the keys are, in order.
fn keys(text: &str) -> Vec<Range<usize>> {
    let mut keys: Vec<Range<usize>> = Vec::new();
    let body = leading_body(text);
    if !body.is_empty() {
        keys.push(body);
    }
    let mut open: Option<Range<usize>> = None;
    let marks = ENDS.iter().flat_map(|ends| ends.captures_iter(text));
    for mark in marks {
        let Some(whole) = mark.get(0) else { continue };
        let is_end = mark.name("end").is_some_and(|end| end.as_str() == "END");
        let before = keys.last().map_or(0, |key| key.end);
        match (is_end, open.take()) {
            (true, Some(begin)) if whole.end() - begin.start <= KEY_BYTES_MAX => {
                keys.push(begin.start..whole.end());
            }
            (true, begin) => {
                keys.extend(begin.map(|begin| begin.start..body_end(text, begin.end)));
                let before = keys.last().map_or(before, |key| key.end);
                let start = body_start(text, before, whole.start());
                keys.push(start.max(before)..whole.end());
            }
            (false, None) => open = Some(whole.range()),
            (false, Some(begin)) => {
                let end = body_end(text, begin.end).min(whole.start());
                keys.push(begin.start..end);
                open = Some(whole.range());
            }
        }
    }
    keys.extend(open.map(|begin| begin.start..body_end(text, begin.end)));
    merged(keys)
}

/// Ranges that touch or overlap as one.
fn merged(keys: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(keys.len());
    for key in keys {
        match merged.last_mut() {
            Some(last) if key.start <= last.end => last.end = last.end.max(key.end),
            _ => merged.push(key),
        }
    }
    merged
}

/// Where the body ends whose first line ends at `from`: the rest of that line, and the lines that may
/// be the key's.
fn body_end(text: &str, from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    let mut end = from;
    for (number, line) in rest.split_inclusive('\n').enumerate() {
        if number > 0 && !is_body(line) {
            break;
        }
        end += line.len();
    }
    without_newline(text, end).max(from)
}

/// The newline stays: what follows is another line.
fn without_newline(text: &str, end: usize) -> usize {
    let key = text.get(..end).unwrap_or_default();
    key.strip_suffix('\n').unwrap_or(key).len()
}

/// Where the body begins whose last line begins at `to`, no earlier than `from`: the characters right
/// before it, and the lines above that may be the key's.
fn body_start(text: &str, from: usize, to: usize) -> usize {
    let above = text.get(from..to).unwrap_or_default();
    let line_start = above.rfind('\n').map_or(0, |newline| newline + 1);
    let line = above.get(line_start..).unwrap_or_default();
    // A key in JSON is one line, with its newlines written as \n.
    let right_before = line.trim_end_matches(|c| is_base64(c) || c == '\\');
    let mut start = line_start + right_before.len();
    if !right_before.trim().is_empty() {
        return from + start;
    }
    start = line_start;
    let lines = above.get(..line_start).unwrap_or_default();
    for line in lines.split_inclusive('\n').rev() {
        if !is_body(line) {
            break;
        }
        start -= line.len();
    }
    from + start
}

/// The body of a key that goes on from above the text: lines of exactly 64 or 76 characters that are no
/// hexadecimal digest.
fn leading_body(text: &str) -> Range<usize> {
    let mut end = 0;
    let mut count = 0;
    for line in text.split_inclusive('\n') {
        let body = line.trim();
        let is_full = matches!(body.len(), 64 | 76) && body.chars().all(is_base64);
        let has = |test: fn(&char) -> bool| body.chars().any(|c| test(&c));
        if !(is_full && has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase)) {
            if count > 1 && body.chars().all(is_base64) {
                end += body.len();
            }
            break;
        }
        count += 1;
        end += line.len();
    }
    if count > 1 {
        0..without_newline(text, end)
    } else {
        0..0
    }
}

/// Whether a line may be of a key's body, also behind what a logger puts before each line.
fn is_body(line: &str) -> bool {
    let line = line.trim();
    let headers = ["Proc-Type:", "DEK-Info:", "Version:", "Comment:"];
    let last = line.rsplit(' ').next().unwrap_or_default();
    let is_long = last.len() >= 24 && last.chars().all(is_base64);
    line.chars().all(is_base64) || is_long || headers.iter().any(|header| line.starts_with(header))
}

fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";

    #[test]
    fn a_key_goes_whole_and_in_every_part() {
        let key = format!(
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n{BODY}\n{BODY}\nMzEfYyjiWA4R\n\
             -----END RSA PRIVATE KEY-----\n"
        );
        let log = format!("before\n{key}after\n");
        assert_eq!(hide(&log), "before\n***\nafter\n");
        // Wherever the log's end begins, at a line.
        for (start, _) in log.match_indices('\n') {
            let shown = hide(log.get(start + 1..).unwrap());
            assert!(!shown.contains("MIIE"), "{shown}");
            assert!(shown.contains("after") || start + 1 == log.len());
        }
        // Wherever it ends.
        for end in 0..log.len() {
            let shown = hide(log.get(..end).unwrap());
            let secret = shown.replace("before", "");
            assert!(!secret.contains("MIIEvQ"), "{end}: {shown}");
        }
    }

    #[test]
    fn a_key_behind_what_a_logger_writes_goes() {
        let log = format!(
            "12:00 INFO key: -----BEGIN PRIVATE KEY-----\n12:00 INFO {BODY}\n12:01 INFO done\n"
        );
        assert_eq!(hide(&log), "12:00 INFO key: ***\n12:01 INFO done\n");
        let json = format!(r#"{{"key":"{BODY}\n{BODY}\n-----END PRIVATE KEY-----\n","a":1}}"#);
        assert_eq!(hide(&json), r#"{"key":"***\n","a":1}"#);
    }

    #[test]
    fn what_only_mentions_a_key_keeps_its_surroundings() {
        let log = "no -----BEGIN PRIVATE KEY----- in server.pem\nERROR cannot start, giving up\n";
        assert_eq!(hide(log), "no ***\nERROR cannot start, giving up\n");
        let digests = format!("{0}\n{0}\n{0}\n", "0a1b2c3d".repeat(8));
        assert_eq!(hide(&digests), digests);
        let certificate =
            format!("-----BEGIN CERTIFICATE-----\n{BODY}\n{BODY}\n-----END CERTIFICATE-----\n");
        assert_eq!(hide(&certificate), certificate);
    }

    #[test]
    fn a_part_from_the_middle_goes() {
        let log = format!("{BODY}\n{BODY}\nERROR after\n");
        assert_eq!(hide(&log), "***\nERROR after\n");
    }
}
