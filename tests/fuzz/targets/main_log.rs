//! The main log's lines: whatever comes, nothing panics, and where it is cut changes nothing.

#![no_main]

use libfuzzer_sys::fuzz_target;
use supervigil::{
    model::Telling,
    supervisord::main_log::{LINE_BYTES_MAX, LineSplitter, read_line},
};

/// The length of `2026-11-25 03:20:11,123 INFO `.
const BEFORE_TEXT: usize = 29;

fn check(line: &str) {
    // A character that is not UTF-8 is one byte, and three when it is replaced.
    assert!(line.len() <= 3 * LINE_BYTES_MAX);
    assert!(!line.contains('\n'));
    let Some(telling) = read_line(line) else {
        return;
    };
    assert!(line.is_char_boundary(BEFORE_TEXT));
    if let Telling::Program { group, name, .. } = telling {
        assert!(group.is_none() && !name.is_empty());
        assert!(line.contains(&*name) || line.contains("\\x"), "{name}");
    }
}

// The first byte says how long the chunks are.
fuzz_target!(|data: &[u8]| {
    let Some((size, log)) = data.split_first() else {
        return;
    };
    let whole = LineSplitter::default().push(log);
    let mut splitter = LineSplitter::default();
    let pieced: Vec<_> = log
        .chunks(usize::from(*size).max(1))
        .flat_map(|chunk| splitter.push(chunk))
        .collect();
    assert_eq!(whole, pieced);
    whole.iter().for_each(|line| check(line));
    check(&String::from_utf8_lossy(log).replace('\n', " "));
});
