//! What each line tells. The lines are as supervisords of these releases wrote them.

use jiff::civil::date;
use proptest::prelude::*;

use super::*;

const KILLED: Exit = Exit::Signal {
    number: 9,
    core_dumped: false,
};

fn about(name: &str, event: ProgramEvent) -> Option<Telling> {
    program(name, event)
}

fn spawned_as(name: &str, pid: u32) -> Option<Telling> {
    about(name, ProgramEvent::Spawned { pid: Some(pid) })
}

fn exited_with(name: &str, exit: impl Into<Option<Exit>>, expected: bool) -> Option<Telling> {
    let exit = exit.into();
    about(
        name,
        ProgramEvent::Exited {
            pid: None,
            exit,
            expected,
        },
    )
}

fn stopped_with(name: &str, exit: Exit) -> Option<Telling> {
    let exit = Some(exit);
    about(name, ProgramEvent::Stopped { pid: None, exit })
}

fn signal(number: i32) -> Exit {
    Exit::Signal {
        number,
        core_dumped: false,
    }
}

/// Lines behind the stamp, and what they tell.
#[track_caller]
fn assert_tell(lines: &[(&str, Option<Telling>)]) {
    for (line, telling) in lines {
        let line = format!("2026-11-25 03:20:11,123 {line}");
        let written = date(2026, 11, 25).at(3, 20, 11, 123_000_000);
        let telling = telling.clone();
        let told = telling.map(|telling| LogLine { written, telling });
        assert_eq!(read_line(&line), told, "{line}");
    }
}

/// process.py, supervisord.py and options.py of 4.3.0; 4.2.5's differ in no line.
#[test]
fn lines_of_4_2_and_4_3() {
    assert_tell(&[
        (
            "INFO supervisord started with pid 1668",
            Some(Telling::Started),
        ),
        (
            "INFO spawned: 'quit3' with pid 1732",
            spawned_as("quit3", 1732),
        ),
        (
            "INFO spawned: '节点' with pid 1744",
            spawned_as("节点", 1744),
        ),
        (
            "INFO spawned: 'it's(a)' with pid 1721",
            spawned_as("it's(a)", 1721),
        ),
        (
            "INFO spawnerr: can't find command '/nonexistent/x'",
            Some(Telling::SpawnFailed {
                why: "can't find command '/nonexistent/x'".to_owned(),
            }),
        ),
        (
            "INFO success: quit3 entered RUNNING state, process has stayed up for > than 1 seconds (startsecs)",
            about("quit3", ProgramEvent::Running { pid: None }),
        ),
        (
            "INFO gave up: early entered FATAL state, too many start retries too quickly",
            about("early", ProgramEvent::GaveUp),
        ),
    ]);
}

/// process.py and supervisord.py of 4.3.0, as before.
#[test]
fn ends_in_4_2_and_4_3() {
    assert_tell(&[
        (
            "WARN exited: quit3 (exit status 3; not expected)",
            exited_with("quit3", Exit::Code(3), false),
        ),
        (
            "INFO exited: quit0 (exit status 0; expected)",
            exited_with("quit0", Exit::Code(0), true),
        ),
        (
            "WARN exited: kill (terminated by SIGKILL; not expected)",
            exited_with("kill", KILLED, false),
        ),
        (
            "WARN exited: segv (terminated by SIGSEGV (core dumped); not expected)",
            exited_with(
                "segv",
                Exit::Signal {
                    number: 11,
                    core_dumped: true,
                },
                false,
            ),
        ),
        (
            "WARN stopped: it's(a) (terminated by SIGTERM)",
            stopped_with("it's(a)", signal(15)),
        ),
        (
            "INFO stopped: a (exit status 0)",
            stopped_with("a", Exit::Code(0)),
        ),
        (
            "WARN received SIGHUP indicating restart request",
            Some(Telling::Stopping),
        ),
        (
            "WARN received SIGTERM indicating exit request",
            Some(Telling::Stopping),
        ),
        (
            "WARN received SIGINT indicating exit request",
            Some(Telling::Stopping),
        ),
        (
            "INFO waiting for it's(a), 节点 to die",
            Some(Telling::Stopping),
        ),
    ]);
}

/// process.py of 4.1.0, and of 4.0.4 word for word: each end is INFO.
#[test]
fn lines_of_4_0_and_4_1() {
    assert_tell(&[
        (
            "INFO spawned: '节点' with pid 1768",
            spawned_as("节点", 1768),
        ),
        (
            "INFO exited: iot (terminated by SIGABRT; not expected)",
            exited_with("iot", signal(6), false),
        ),
        (
            "INFO stopped: 节点 (terminated by SIGTERM)",
            stopped_with("节点", signal(15)),
        ),
    ]);
}

/// process.py of 3.3.0 and 3.4.0 on Python 2.7: `spawned: %r`.
#[test]
fn lines_of_3_3_and_3_4() {
    assert_tell(&[
        (
            "INFO spawned: '\\xe8\\x8a\\x82\\xe7\\x82\\xb9' with pid 10522",
            spawned_as("节点", 10522),
        ),
        (
            "INFO spawned: \"it's(a)\" with pid 10523",
            spawned_as("it's(a)", 10523),
        ),
        (
            "INFO spawned: \"it's\\xe8\\x8a\\x82\" with pid 1",
            spawned_as("it's节", 1),
        ),
        (
            "INFO success: 节点 entered RUNNING state, process has stayed up for > than 1 seconds (startsecs)",
            about("节点", ProgramEvent::Running { pid: None }),
        ),
        (
            "INFO exited: early (exit status 3; not expected)",
            exited_with("early", Exit::Code(3), false),
        ),
        (
            "WARN received SIGHUP indicating restart request",
            Some(Telling::Stopping),
        ),
    ]);
}

/// `signame` of options.py by Python 2.7, 3.6, 3.8 and 3.11.
#[test]
fn signals_by_every_name() {
    for (name, number) in [
        ("signal 16", 16),
        ("SIGSTKFLT", 16),
        ("signal 35", 35),
        ("SIGRTMIN", 34),
        ("SIGRTMAX", 64),
        ("SIGPOLL", 29),
        ("SIGIO", 29),
        ("SIGCLD", 17),
        ("SIGIOT", 6),
        ("signal 127", 127),
    ] {
        let line = format!("WARN exited: a (terminated by {name}; not expected)");
        assert_tell(&[(&line, exited_with("a", signal(number), false))]);
    }
    assert_tell(&[
        (
            "WARN exited: a (terminated by SIGNEW; not expected)",
            exited_with("a", Exit::UnknownSignal, false),
        ),
        (
            "WARN exited: a (unknown termination cause 0x007f; not expected)",
            exited_with("a", None, false),
        ),
    ]);
}

/// No release lets a name hold blanks or colons, and it would change nothing.
#[test]
fn a_name_makes_its_line_say_nothing_else() {
    for name in [
        "a (exit status 0; expected)",
        "a (terminated by SIGKILL",
        "a (core dumped)",
        "a: b",
        "a' with pid 7",
        "'",
        "\"",
        "\\xe8",
        "\\",
        "gave up: b entered FATAL state, too many start retries too quickly",
        "a entered RUNNING state, process has stayed up for > than 1 seconds (startsecs)",
        "节点(主)",
        "\u{0}",
    ] {
        let seconds = "process has stayed up for > than 1 seconds (startsecs)";
        assert_tell(&[
            (
                &format!("INFO spawned: '{name}' with pid 7"),
                spawned_as(name, 7),
            ),
            (
                &format!("INFO success: {name} entered RUNNING state, {seconds}"),
                about(name, ProgramEvent::Running { pid: None }),
            ),
            (
                &format!("WARN exited: {name} (exit status 3; not expected)"),
                exited_with(name, Exit::Code(3), false),
            ),
            (
                &format!("INFO stopped: {name} (terminated by SIGKILL)"),
                stopped_with(name, KILLED),
            ),
            (
                &format!(
                    "INFO gave up: {name} entered FATAL state, too many start retries too quickly"
                ),
                about(name, ProgramEvent::GaveUp),
            ),
        ]);
    }
}

#[test]
fn lines_that_tell_nothing() {
    for line in [
        "",
        "INFO",
        "INFO ",
        "DEBG spawned: 'a' with pid 7",
        "CRIT supervisord started with pid 7",
        "INFO spawned: a with pid 7",
        "INFO spawned: '' with pid 7",
        "INFO spawned: 'a' with pid +7",
        "INFO spawned: 'a' with pid 0",
        "INFO spawned: 'a' with pid 7 ",
        "INFO spawned: 'a' with pid 99999999999",
        "INFO spawned: 'a' with pi",
        "INFO exited: a (exit status 3)",
        "INFO exited: a (exit status 256; expected)",
        "INFO exited: a (exit status 3 (core dumped); expected)",
        "INFO exited: a (exit status -1; expected)",
        "INFO exited: a (terminated by signal 128; not expected)",
        "INFO exited: a (terminated by SIG; not expected)",
        "INFO exited: a (terminated by SIG35; not expected)",
        "INFO exited: a (terminated by bad luck; not expected)",
        "INFO exited:  (exit status 3; not expected)",
        "INFO exited: (exit status 3; not expected)",
        "INFO exited: a (exit status 3; not exp",
        "INFO success: a entered FATAL state, too many start retries too quickly",
        "INFO gave up: a entered RUNNING state",
        "INFO spawnerr: ",
        "INFO supervisord started with pid ",
        "INFO supervisord logreopen",
        "INFO received SIGUSR2 indicating log reopen request",
        "WARN ignored SIGHUP indicating restart request (shutdown in progress)",
        "INFO waiting for a to stop",
        "INFO waiting for  to die",
        "WARN killing 'a' (7) with SIGKILL",
        "INFO reaped unknown pid 7 (exit status 0)",
        "INFO RPC interface 'supervisor' initialized",
    ] {
        assert_tell(&[(line, None)]);
    }
    for line in [
        "==> File truncated <==",
        "INFO spawned: 'a' with pid 7",
        "2026-11-25 03:20:11.123 INFO spawned: 'a' with pid 7",
        "2026-11-25 03:20:11,12 INFO spawned: 'a' with pid 7",
        " 2026-11-25 03:20:11,123 INFO spawned: 'a' with pid 7",
        "2026-11-25 03:20:11,１INFO spawned: 'a' with pid 7",
        "节点节点节点节点节点节点节点节点节点",
    ] {
        assert_eq!(read_line(line), None, "{line}");
    }
}

#[test]
fn a_line_that_is_cut() {
    let whole = "2026-11-25 03:20:11,123 WARN exited: 节 (terminated by SIGSEGV (core dumped); not expected)";
    for (end, _) in whole.char_indices() {
        let (before, _) = whole.split_at(end);
        assert_eq!(read_line(before), None);
    }
    for (start, _) in whole.char_indices().skip(1) {
        let (_, behind) = whole.split_at(start);
        assert_eq!(read_line(behind), None);
    }
}

proptest! {
    #[test]
    fn any_text_is_read(text in any::<String>(), level in "(INFO|WARN|)") {
        read_line(&text);
        read_line(&format!("2026-11-25 03:20:11,123 {level} {text}"));
    }
}
