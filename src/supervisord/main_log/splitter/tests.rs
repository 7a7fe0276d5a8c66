//! Lines out of chunks, wherever they are cut.

use proptest::{collection::vec, prelude::*};

use super::{super::read_line, *};

fn lines_of(chunks: &[&[u8]]) -> Vec<String> {
    let mut splitter = LineSplitter::default();
    chunks
        .iter()
        .flat_map(|chunk| splitter.push(chunk))
        .collect()
}

#[test]
fn lines_are_put_together() {
    let node = "节点\n".as_bytes();
    assert_eq!(lines_of(&[&node[..1], &node[1..5], &node[5..]]), ["节点"]);
    assert_eq!(lines_of(&[b"a\n\nb\nc"]), ["a", "", "b"]);
    assert_eq!(lines_of(&[b"\xb4\xed\n"]), ["\u{fffd}\u{fffd}"]);
}

#[test]
fn a_line_that_is_too_long_is_left_out() {
    let longest = vec![b'x'; LINE_BYTES_MAX];
    let lines = lines_of(&[&longest, b"\n", &longest, b"x", b"xx\nafter\n"]);
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0].len(), LINE_BYTES_MAX);
    assert_eq!(lines[1], "after");
}

#[test]
fn a_line_that_has_begun_can_be_dropped() {
    let mut splitter = LineSplitter::default();
    splitter.drop_begun();
    assert_eq!(splitter.push(b"a\nfrag"), ["a"]);
    splitter.drop_begun();
    assert_eq!(splitter.push(b"ment\nb\n"), ["b"]);
}

/// Bytes that look like a log more often than chance would have it.
fn logs() -> impl Strategy<Value = Vec<u8>> {
    let words = prop_oneof![
        any::<Vec<u8>>(),
        "\\PC{0,8}".prop_map(String::into_bytes),
        prop::sample::select(vec![
            "2026-11-25 03:20:11,123 INFO ",
            "2026-11-25 03:20:11,123 WARN ",
            "exited: ",
            "spawned: '",
            "' with pid ",
            "stopped: ",
            " (terminated by ",
            "SIGKILL",
            "signal ",
            " (core dumped)",
            " (exit status ",
            "; not expected)",
            "; expected)",
            "gave up: ",
            " entered FATAL state, too many start retries too quickly",
            "\\xe8",
            "7",
            "\n",
            "\0",
        ])
        .prop_map(|word| word.as_bytes().to_vec()),
    ];
    vec(words, 0..40).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn chunks_change_nothing(log in logs(), cuts in vec(any::<prop::sample::Index>(), 0..20)) {
        let whole = lines_of(&[&log]);
        let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(log.len() + 1)).collect();
        ends.push(log.len());
        ends.sort_unstable();
        let mut start = 0;
        let mut chunks = Vec::new();
        for end in ends {
            chunks.push(&log[start..end]);
            start = end;
        }
        let pieced = lines_of(&chunks);
        prop_assert_eq!(&whole, &pieced);
        for line in &whole {
            drop(read_line(line));
        }
    }
}
