//! The demo shows what it promises, and leaves nobody behind.

#![cfg(test)]

#[expect(dead_code, reason = "a part of it is used here")]
mod support;

use std::{
    fs,
    process::{Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use support::{
    leash::{Leash, carriers},
    supervisord::Release,
    wait::{PATIENCE, wait_until},
};

/// What a watcher of the demo reads, in any order, without its spaces.
const PROMISED: [&str; 4] = [
    "FATAL:es_node_a",
    // The end of its log; the other one's is in Chinese.
    "failedtoobtainnodelocks",
    "Unexpectedexit:zh_log",
    "数据库连接已断开",
];

#[test]
fn it_tells_of_what_fails_and_cleans_up() {
    let leash = Leash::new();
    let folder = tempfile::tempdir().expect("a folder");
    let said = folder.path().join("said");
    let out = fs::File::create(&said).expect("a file");
    let mut command = Command::new("python3");
    command
        .arg("-u")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/demo/demo.py"))
        .args(["--binary", env!("CARGO_BIN_EXE_supervigil")])
        .arg("--supervisor")
        .arg(Release::V430.programs())
        .stdin(Stdio::null())
        .stdout(out.try_clone().expect("a second handle"))
        .stderr(out);
    let mut demo = leash
        .on(&mut command)
        .spawn()
        .expect("python3 is needed to run the tests");

    for promised in PROMISED {
        let what = format!("the demo to show {promised:?}");
        wait_until(PATIENCE * 2, &what, || {
            let said = fs::read_to_string(&said).unwrap_or_default();
            let ended = demo.try_wait().expect("it can be reaped");
            assert!(ended.is_none(), "it ended:\n{said}");
            // The guide names the programs as well: only what DingTalk shows counts.
            said.split_once("until then")
                .is_some_and(|(_, shown)| unwrapped(shown).contains(promised))
        });
    }
    kill_process(Pid::from_child(&demo), Signal::INT).expect("it takes a signal");
    let status = demo.wait().expect("it can be reaped");
    assert!(status.success(), "{status}");
    assert_eq!(
        carriers(&leash.mark()),
        0,
        "a process of the demo stayed behind"
    );
}

/// What is in the boxes, without colours, and without spaces, some of which a line's end has swallowed.
fn unwrapped(boxes: &str) -> String {
    let mut parts = boxes.split('\u{1b}');
    let first = parts.next().unwrap_or_default();
    let uncoloured = parts.map(|part| part.split_once('m').map_or(part, |(_, rest)| rest));
    std::iter::once(first)
        .chain(uncoloured)
        .flat_map(str::chars)
        .filter(|char| !char.is_whitespace() && *char != '│')
        .collect()
}
