//! The reader on what supervisords write, and on what they do not.

use proptest::prelude::*;

use super::*;
use crate::model::ProgramEvent;

fn event(serial: u64, name: &str, payload: &str, len: usize) -> Vec<u8> {
    format!(
        "ver:3.0 server:supervisor serial:{serial} pool:supervigil poolserial:{serial} \
         eventname:{name} len:{len}\n{payload}"
    )
    .into_bytes()
}

/// As Python 3 writes it.
fn by_characters(serial: u64, name: &str, payload: &str) -> Vec<u8> {
    event(serial, name, payload, payload.chars().count())
}

/// As Python 2 writes it.
fn by_bytes(serial: u64, name: &str, payload: &str) -> Vec<u8> {
    event(serial, name, payload, payload.len())
}

fn exited(program: &str) -> String {
    format!("processname:{program} groupname:{program} from_state:RUNNING expected:0 pid:4711")
}

fn all(reader: &mut Reader) -> Vec<Event> {
    std::iter::from_fn(|| reader.next_event()).collect()
}

fn read(bytes: &[u8]) -> Vec<Event> {
    let mut reader = Reader::default();
    reader.feed(bytes);
    all(&mut reader)
}

fn serials(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.serial).collect()
}

fn is_exit_of(event: &Event, program: &str) -> bool {
    event.telling
        == Some(Telling::Program {
            group: Some(program.into()),
            name: program.into(),
            event: ProgramEvent::Exited {
                pid: Some(4711),
                exit: None,
                expected: false,
            },
        })
}

#[test]
fn an_event_is_read() {
    let events = read(&by_characters(
        7,
        "PROCESS_STATE_EXITED",
        &exited("es_node_a"),
    ));
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].serial, events[0].pool_serial), (7, 7));
    assert_eq!(events[0].name, "PROCESS_STATE_EXITED");
    assert!(is_exit_of(&events[0], "es_node_a"), "{events:?}");
}

#[test]
fn an_event_without_a_payload_is_whole_at_once() {
    let events = read(&by_characters(0, "SUPERVISOR_STATE_CHANGE_STOPPING", ""));
    assert_eq!(events[0].telling, Some(Telling::Stopping));
}

#[test]
fn characters_that_are_counted_are_found_out_from_the_first_event_on() {
    // An answer is due before anything else comes, so nothing may be waited for.
    let events = read(&by_characters(1, "PROCESS_STATE_EXITED", &exited("中文")));
    assert!(is_exit_of(&events[0], "中文"), "{events:?}");
}

#[test]
fn bytes_that_are_counted_are_found_out_by_the_silence_after_them() {
    let mut reader = Reader::default();
    reader.feed(&by_bytes(1, "PROCESS_STATE_EXITED", &exited("中文")));
    assert_eq!(reader.next_event(), None);
    assert!(reader.is_undecided());
    let event = reader.settle().unwrap();
    assert!(is_exit_of(&event, "中文"), "{event:?}");
    assert!(!reader.is_undecided());
    reader.feed(&by_bytes(2, "PROCESS_STATE_EXITED", &exited("中文")));
    let event = reader.next_event().expect("no silence is needed any more");
    assert!(is_exit_of(&event, "中文"), "{event:?}");
    assert_eq!(reader.skipped(), 0);
}

#[test]
fn a_wrong_conclusion_from_silence_is_taken_back() {
    let whole = by_characters(1, "PROCESS_STATE_EXITED", &exited("中文"));
    let mut reader = Reader::default();
    // The pause comes where a payload counted by bytes would end: 4 characters of 3 bytes each.
    let (early, late) = whole.split_at(whole.len() - 8);
    reader.feed(early);
    assert_eq!(reader.next_event(), None);
    assert_eq!(
        serials(&reader.settle().into_iter().collect::<Vec<_>>()),
        [1]
    );
    reader.feed(late);
    reader.feed(&by_characters(2, "PROCESS_STATE_EXITED", &exited("中文")));
    let events = all(&mut reader);
    assert_eq!(serials(&events), [2]);
    assert!(is_exit_of(&events[0], "中文"), "{events:?}");
    assert_eq!(reader.skipped(), 8);
}

#[test]
fn bytes_of_another_encoding_are_counted_as_bytes() {
    let mut payload = b"processname:".to_vec();
    payload.extend_from_slice(b"\xd6\xd0\xce\xc4 groupname:g from_state:RUNNING");
    let mut bytes = event(1, "PROCESS_STATE_FATAL", "", payload.len());
    bytes.extend_from_slice(&payload);
    assert_eq!(serials(&read(&bytes)), [1]);
}

#[test]
fn an_identifier_may_hold_anything() {
    let bytes = b"ver:3.0 server:my server:9 serial:1 len:3 serial:4 pool:p poolserial:2 \
                  eventname:TICK_5 len:6\nwhen:1";
    let events = read(bytes);
    assert_eq!(serials(&events), [4]);
    assert_eq!((events[0].pool_serial, &events[0].telling), (2, &None));
}

#[test]
fn a_payload_beyond_the_limit_is_passed_over_and_its_event_answered() {
    let mut bytes = by_characters(1, "PROCESS_LOG_STDOUT", &"x".repeat(PAYLOAD_LEN_MAX + 1));
    bytes.extend(by_characters(2, "PROCESS_STATE_EXITED", &exited("a")));
    assert_eq!(serials(&read(&bytes)), [1, 2]);
}

#[test]
fn events_mean_what_supervisord_means_by_them() {
    let program = |event| {
        Some(Telling::Program {
            group: Some("g".into()),
            name: "p".into(),
            event,
        })
    };
    let pid = Some(12);
    let (exit, expected) = (None, true);
    for (name, more, meant) in [
        (
            "STARTING",
            "tries:0",
            program(ProgramEvent::Spawned { pid: None }),
        ),
        ("RUNNING", "pid:12", program(ProgramEvent::Running { pid })),
        (
            "EXITED",
            "expected:1 pid:12",
            program(ProgramEvent::Exited {
                pid,
                exit,
                expected,
            }),
        ),
        ("EXITED", "pid:12", None),
        (
            "STOPPING",
            "pid:12",
            program(ProgramEvent::Stopping { pid }),
        ),
        (
            "STOPPED",
            "pid:12",
            program(ProgramEvent::Stopped { pid, exit }),
        ),
        (
            "STOPPED",
            "pid:0",
            program(ProgramEvent::Stopped { pid: None, exit }),
        ),
        ("BACKOFF", "tries:1", program(ProgramEvent::Backoff)),
        ("FATAL", "", program(ProgramEvent::GaveUp)),
        ("UNKNOWN", "", None),
    ] {
        let payload = format!("processname:p groupname:g from_state:X {more}");
        assert_eq!(
            telling(&format!("PROCESS_STATE_{name}"), &payload),
            meant,
            "{name} {more}"
        );
    }
    let changed = Some(Telling::GroupsChanged);
    assert_eq!(telling("PROCESS_GROUP_ADDED", "groupname:g\n"), changed);
    assert_eq!(telling("PROCESS_GROUP_REMOVED", "groupname:g\n"), changed);
    assert_eq!(
        telling("SUPERVISOR_STATE_CHANGE_RUNNING", ""),
        Some(Telling::Started)
    );
    assert_eq!(telling("TICK_5", "when:1"), None);
    assert_eq!(telling("PROCESS_STATE_FATAL", ""), None);
}

/// Programs as people name them.
fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_]{1,12}",
        "[一-龠]{1,6}",
        "[a-z一-龠éß😀]{1,12}",
        Just("ver".to_owned()),
        Just("中ver".to_owned()),
    ]
}

/// What a program that writes where it should not leaves between two events.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        Just(b"ver:".to_vec()),
        Just(b"\nver:3.0 server:x serial:1 poo".to_vec()),
        Just(b"ver:3.0 server:x serial:1 pool:x poolserial:1 eventname:Y len:z\n".to_vec()),
        proptest::collection::vec(
            any::<u8>().prop_filter("starts no header", |b| *b != b'v'),
            0..40
        ),
    ]
}

fn in_chunks(bytes: &[u8], cuts: &[usize]) -> Vec<Event> {
    let mut reader = Reader::default();
    let mut events = Vec::new();
    let mut rest = bytes;
    for cut in cuts.iter().cycle() {
        let (chunk, after) = rest.split_at((*cut).min(rest.len()));
        reader.feed(chunk);
        events.extend(all(&mut reader));
        rest = after;
        if rest.is_empty() {
            return events;
        }
    }
    events
}

proptest! {
    #[test]
    fn characters_and_any_chunks_give_every_event(
        programs in proptest::collection::vec((names(), garbage()), 1..8),
        cuts in proptest::collection::vec(1_usize..40, 1..6),
    ) {
        let mut bytes = Vec::new();
        for (serial, (program, garbage)) in (0..).zip(&programs) {
            bytes.extend(garbage);
            bytes.extend(by_characters(serial, "PROCESS_STATE_EXITED", &exited(program)));
        }
        let events = in_chunks(&bytes, &cuts);
        prop_assert_eq!(events.len(), programs.len());
        for (event, (program, _)) in events.iter().zip(&programs) {
            prop_assert!(is_exit_of(event, program), "{:?}", event);
        }
    }

    #[test]
    fn bytes_and_any_chunks_give_every_event(
        programs in proptest::collection::vec(names(), 1..8),
        cuts in proptest::collection::vec(1_usize..40, 1..6),
    ) {
        let mut bytes = Vec::new();
        for (serial, program) in (0..).zip(&programs) {
            bytes.extend(by_bytes(serial, "PROCESS_STATE_EXITED", &exited(program)));
        }
        // A header follows the last one, too.
        bytes.extend(by_bytes(99, "SUPERVISOR_STATE_CHANGE_STOPPING", ""));
        let events = in_chunks(&bytes, &cuts);
        prop_assert_eq!(events.len(), programs.len() + 1);
        for (event, program) in events.iter().zip(&programs) {
            prop_assert!(is_exit_of(event, program), "{:?}", event);
        }
    }

    #[test]
    fn an_event_answered_one_by_one_is_never_waited_for_in_vain(
        programs in proptest::collection::vec(names(), 1..8),
        counts_bytes in any::<bool>(),
    ) {
        let mut reader = Reader::default();
        for (serial, program) in (0..).zip(&programs) {
            let write = if counts_bytes { by_bytes } else { by_characters };
            reader.feed(&write(serial, "PROCESS_STATE_EXITED", &exited(program)));
            let event = reader.next_event().or_else(|| reader.settle());
            prop_assert!(event.is_some_and(|event| is_exit_of(&event, program)));
        }
        prop_assert_eq!(reader.skipped(), 0);
    }

    #[test]
    fn whatever_comes_nothing_breaks(
        chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..8),
        program in names(),
        cut in any::<prop::sample::Index>(),
    ) {
        let whole = by_characters(1, "PROCESS_STATE_EXITED", &exited(&program));
        let mut reader = Reader::default();
        for chunk in chunks.iter().map(Vec::as_slice).chain([&whole[..cut.index(whole.len())]]) {
            reader.feed(chunk);
            all(&mut reader);
            reader.settle();
        }
    }
}
