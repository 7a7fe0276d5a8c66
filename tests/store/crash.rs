//! SIGKILL at any time: what was acknowledged is there, and nothing is there by half.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use supervigil::model::Record;
use tempfile::tempdir;

use super::support::{notice, open, program, queued, transition};

/// Present in the environment of a child that commits until it is killed: its folder.
const FOLDER: &str = "SUPERVIGIL_TEST_STORE_COMMITS";

/// What the child prints before the number of a batch that was acknowledged.
const ACKNOWLEDGED: &str = "acknowledged ";

const KILLS: u64 = 20;

/// Transitions in a batch, enough for a batch to spread over several pages.
const TRANSITIONS: usize = 20;

/// Batch `number`: its program record and its notice say which it is.
fn batch(number: u32) -> Vec<Record> {
    let mut records: Vec<_> = (0..TRANSITIONS)
        .map(|_| Record::Transition(transition(number)))
        .collect();
    records.push(Record::Program(program("es_node_a", number.into())));
    records.push(queued(
        "ops",
        &notice(&format!("{number:08}"), number.into()),
    ));
    records
}

#[test]
fn killed_at_any_time_it_keeps_what_it_acknowledged() {
    let folder = tempdir().unwrap();
    let mut batches = 0;
    for round in 0..KILLS {
        let acknowledged = commit_until_killed(folder.path(), batches, round);
        let (store, saved) = open(folder.path());
        drop(store);
        let count = saved.queued.len();
        let there = u32::try_from(count).unwrap();
        // The last one may be on the disk without the child having lived to say so; and those that
        // were grouped with it.
        assert!(
            there >= acknowledged,
            "round {round}: {acknowledged} acknowledged, {there} there"
        );
        let ids = saved.queued.iter().map(|(_, notice)| notice.id.0.clone());
        assert!(ids.eq((0..there).map(|number| format!("{number:08}"))));
        if let Some(last) = there.checked_sub(1) {
            assert_eq!(saved.programs, [program("es_node_a", last.into())]);
            let tail = &saved.transitions[saved.transitions.len() - TRANSITIONS..];
            assert!(tail.iter().all(|transition| transition.pid == last));
            assert_eq!(saved.transitions.len(), (count * TRANSITIONS).min(2000));
        }
        batches = there;
    }
    assert!(batches > 0, "no child lived to commit anything");
}

/// Has a child commit batches from `first` on, kills it at a time that differs by round, and says how
/// many batches were acknowledged since the beginning.
fn commit_until_killed(folder: &Path, first: u32, round: u64) -> u32 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child_commits", "--nocapture"])
        .env(FOLDER, folder)
        .env("SUPERVIGIL_TEST_STORE_FIRST", first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = first;
    let mut note = |line: String| {
        // The harness may have begun the same line.
        if let Some((_, number)) = line.split_once(ACKNOWLEDGED) {
            acknowledged = number.parse::<u32>().unwrap() + 1;
        }
        acknowledged
    };
    // Not before its first commit; in rounds that are multiples of five, not even that.
    if !round.is_multiple_of(5) {
        while note(lines.next().unwrap().unwrap()) == first {}
    }
    let killer = std::thread::spawn(move || {
        // The randomness that is wanted here: some time within a few commits.
        std::thread::sleep(Duration::from_micros(fastrand::u64(0..30_000)));
        child.kill().unwrap();
        child.wait().unwrap()
    });
    // What the child printed before it died is still in the pipe.
    for line in lines {
        // A line cut off by the kill has no newline and may lack digits; it was never whole.
        note(line.unwrap());
    }
    let status = killer.join().unwrap();
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&status),
        Some(9)
    );
    acknowledged
}

/// Not a test of its own: what the killed child does.
#[test]
fn child_commits() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let first = std::env::var_os("SUPERVIGIL_TEST_STORE_FIRST").unwrap();
    let first: u32 = first.into_string().unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let (store, _) = open(Path::new(&folder));
    runtime.block_on(async {
        let mut waiting = std::collections::VecDeque::new();
        for number in first.. {
            waiting.push_back((number, store.commit(batch(number))));
            // A few at a time, so that some are grouped.
            if waiting.len() > 3 {
                let (number, commit) = waiting.pop_front().unwrap();
                commit.await.unwrap();
                // One write, so that a kill cannot cut a number short.
                let line = format!("{ACKNOWLEDGED}{number}\n");
                std::io::stdout().write_all(line.as_bytes()).unwrap();
            }
        }
    });
}
