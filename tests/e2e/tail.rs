//! The end of a program's log: from its file, and from a supervisord that is somewhere else.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::stage::{SECRET, Script, Stage};
use crate::support::{supervigil::free_port, supervisord::Release};

crate::each_release!(
    a_log_of_any_bytes_is_shown_over_tcp,
    stdout_is_shown_where_stderr_has_nothing
);

/// A message does not wait for the log's end any longer than for others to join it.
const TIME_FOR_THE_LOG: &str = "group_wait = \"1s\"\n";

/// A program that runs a command of the shell's when it is started, and then fails for good.
fn section(name: &str, command: &str, settings: &str) -> String {
    format!(
        "[program:{name}]\ncommand=/bin/sh -c '{command}; exit 3'\nautostart=false\nstartsecs=1\n\
         startretries=0\n{settings}\n"
    )
}

fn shows(file: &Path) -> String {
    format!("cat {} >&2", file.display())
}

/// The log's end as the incident of a program that was started has it.
fn tail_of(stage: &Stage, name: &str) -> Value {
    stage.start(name);
    stage.dingtalk.wait_until_shown(&format!("FATAL: {name}"));
    stage.supervigil.wait_for_incident(name, "fatal")["log_tail"].clone()
}

fn over_tcp(release: Release, programs: &str) -> Stage {
    Stage::set(Script {
        release,
        programs,
        inet: Some((free_port(), "watcher", "s3cret")),
        alert: TIME_FOR_THE_LOG,
        ..Script::default()
    })
}

fn a_log_of_any_bytes_is_shown_over_tcp(release: Release) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("a file");
        path
    };
    let wild = "x".repeat(10_000_000)
        + "\n\u{1b}[31mred\u{1b}[0m\0 \u{fffe}<b>bold</b> password=hunter2 中文\r\nlast\n";
    let mut sections = section("wild", &shows(&file("wild", wild.as_bytes())), "");
    for number in 0..3 {
        // A window of any number of bytes begins within a character for two of these.
        let text = "日志".repeat(4000) + &"x".repeat(number) + "数据库连接已断开\n";
        let name = format!("zh{number}");
        sections += &section(&name, &shows(&file(&name, text.as_bytes())), "");
    }
    let gbk = b"\xca\xfd\xbe\xdd\xbf\xe2\nnode failed to start, giving up\n";
    sections += &section("gbk", &shows(&file("gbk", gbk)), "");
    let stage = over_tcp(release, &sections);
    assert_eq!(
        tail_of(&stage, "wild"),
        json!(["red <b>bold</b> password=*** 中文", "last"])
    );
    for number in 0..3 {
        let tail = tail_of(&stage, &format!("zh{number}"));
        let line = tail[0].as_str().expect("a line");
        assert!(line.starts_with('…'), "{line}");
        assert!(line.ends_with("数据库连接已断开"), "{line}");
        assert!(!line.contains('\u{fffd}'), "{line}");
    }
    // supervisord gives out UTF-8 alone, so what follows the last of the rest.
    let tail = tail_of(&stage, "gbk");
    let line = tail[0].as_str().expect("a line");
    assert!(line.ends_with("giving up"), "{tail}");
    let log = stage.supervisord.log();
    assert!(!log.contains("Traceback"), "{log}");
}

fn stdout_is_shown_where_stderr_has_nothing(release: Release) {
    let sections = [
        section(
            "both",
            "echo first; echo second >&2",
            "redirect_stderr=true",
        ),
        section("silent", "echo out", ""),
        section("nowhere", "echo out; echo err >&2", "stderr_logfile=NONE"),
        section("loud", "echo out; echo err >&2", ""),
        section("mute", "true", "stdout_logfile=NONE\nstderr_logfile=NONE"),
    ]
    .concat();
    let local = Stage::set(Script {
        release,
        programs: &sections,
        alert: TIME_FOR_THE_LOG,
        ..Script::default()
    });
    for stage in [local, over_tcp(release, &sections)] {
        for (name, expected) in [
            ("both", json!(["first", "second"])),
            ("silent", json!(["out"])),
            ("nowhere", json!(["out"])),
            ("loud", json!(["err"])),
            ("mute", json!([])),
        ] {
            assert_eq!(tail_of(&stage, name), expected, "{name}");
        }
    }
}

#[test]
fn what_is_secret_in_a_log_is_neither_stored_nor_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let text = format!(
        "-----BEGIN PRIVATE KEY-----\n{}-----END PRIVATE KEY-----\n\
         DB_PASSWORD=hunter2 and cust-hunter3\nthe robot's the-token and {SECRET}\nlast\n",
        "MIIhunter1MIIhunter1MIIhunter1MIIhunter1MIIhunter1MIIhunter1MIIh\n".repeat(20)
    );
    fs::write(&log, text).expect("a file");
    let stage = Stage::set(Script {
        programs: &section("leaky", &shows(&log), ""),
        alert: "group_wait = \"1s\"\nlog_tail_lines = 5\nredact = [\"cust-[a-z0-9]+\"]\n",
        ..Script::default()
    });
    let expected = json!([
        "***",
        "DB_PASSWORD=*** and ***",
        "the robot's *** and ***",
        "last"
    ]);
    assert_eq!(tail_of(&stage, "leaky"), expected);
    let database = stage.supervigil.database();
    let stored = ["", "-wal"].map(|end| {
        let path = format!("{}{end}", database.display());
        String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
    });
    assert!(stored.concat().contains("DB_PASSWORD=***"));
    let sent = stage.dingtalk.shown().concat();
    for place in [stored.concat(), sent, stage.supervigil.log()] {
        for secret in ["hunter", "the-token", SECRET] {
            assert!(!place.contains(secret), "{secret}");
        }
    }
}

#[test]
fn a_log_that_is_a_pipe_stops_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0)
        .expect("a pipe");
    let settings = format!(
        "stderr_logfile={}\nstderr_logfile_maxbytes=0",
        pipe.display()
    );
    // supervisord opens its end for writing, which waits for a reader.
    let reader = std::thread::spawn(move || fs::read(pipe));
    let stage = Stage::set(Script {
        programs: &section("piped", "echo out", &settings),
        alert: TIME_FOR_THE_LOG,
        ..Script::default()
    });
    assert_eq!(tail_of(&stage, "piped"), json!(["out"]));
    stage.fence();
    drop(stage);
    reader.join().expect("a reader").expect("it was read");
}
