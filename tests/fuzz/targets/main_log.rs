//! The main log's text: whatever comes, nothing panics, and no line tells what is not in it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use supervigil::{
    model::Telling,
    supervisord::main_log::{LogPlace, read_line},
};

/// The length of `2026-11-25 03:20:11,123 INFO `.
const BEFORE_TEXT: usize = 29;

fn check(line: &str) {
    let Some(told) = read_line(line) else {
        return;
    };
    assert!(line.is_char_boundary(BEFORE_TEXT));
    if let Telling::Program { group, name, .. } = told.telling {
        assert!(group.is_none() && !name.is_empty());
        assert!(line.contains(&*name) || line.contains("\\x"), "{name}");
    }
}

// The first byte says how long the readings are.
fuzz_target!(|data: &[u8]| {
    let Some((size, log)) = data.split_first() else {
        return;
    };
    let log = String::from_utf8_lossy(log);
    log.lines().for_each(check);
    let mut place = LogPlace::default();
    for end in (0..log.len()).step_by(usize::from(*size).max(1)) {
        let asked = place.window();
        let begin = end.saturating_sub(asked as usize);
        if let Some(text) = log.get(begin..end) {
            place.read(text, asked);
        }
    }
});
