//! How long a commit takes, and how large the database grows. `cargo bench --bench store`
#![expect(
    clippy::disallowed_types,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "it measures and prints"
)]

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use supervigil::{
    model::{Cause, Exit, Moment, ProcessState, Record, Saved, SeenBy, ServerName, Transition},
    store::{Settings, Store},
};

/// Commits of each size.
const COMMITS: u32 = 200;

/// Commits that are submitted together; as many as the store's queue holds.
const TOGETHER: u32 = 64;

fn main() {
    // Under target/: the folder for temporary files is often in memory, where fsync costs nothing.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = folder.path().join("supervigil.db");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(measure(&path));
}

async fn measure(path: &Path) {
    let (store, _) = open(path);
    for size in [1, 50] {
        let mut took = Vec::new();
        for _ in 0..COMMITS {
            let records = vec![Record::Transition(transition()); size];
            let begun = Instant::now();
            store.commit(records).await.unwrap();
            took.push(begun.elapsed());
        }
        took.sort();
        println!(
            "commit of {size:2} records: median {:?}, p99 {:?}",
            at_share(&took, 50),
            at_share(&took, 99)
        );
    }
    let begun = Instant::now();
    let commits: Vec<_> = (0..TOGETHER)
        .map(|_| store.commit(vec![Record::Transition(transition())]))
        .collect();
    for commit in commits {
        commit.await.unwrap();
    }
    println!(
        "{TOGETHER} commits of 1 record together: {:?}",
        begun.elapsed()
    );
    store.close().await.unwrap();
    std::fs::remove_file(path).unwrap();
    println!("resident: {} KiB", resident_kib());
    measure_size(path, 10_000).await;
    measure_size(path, 40_000).await;
    println!("resident: {} KiB", resident_kib());
}

/// Adds transitions and says how large the file is then, and how long it takes to open.
async fn measure_size(path: &Path, more: usize) {
    let (store, _) = open(path);
    for _ in 0..more / 100 {
        let records = vec![Record::Transition(transition()); 100];
        store.commit(records).await.unwrap();
    }
    store.close().await.unwrap();
    let begun = Instant::now();
    let (store, saved) = open(path);
    println!(
        "{more} transitions more: {} KiB; opened, with {} read back, in {:?}",
        path.metadata().unwrap().len() / 1024,
        saved.transitions.len(),
        begun.elapsed()
    );
    store.close().await.unwrap();
}

fn resident_kib() -> u64 {
    let status = procfs::process::Process::myself()
        .and_then(|process| process.status())
        .unwrap();
    status.vmrss.unwrap_or_default()
}

fn open(path: &Path) -> (Store, Saved) {
    let settings = Settings {
        path: PathBuf::from(path),
        retention: Duration::from_secs(86_400),
    };
    let now = Moment {
        monotonic: Duration::ZERO,
        wall: Timestamp::now(),
    };
    let (store, saved, _) = Store::open(&settings, now).unwrap();
    (store, saved)
}

fn at_share(sorted: &[Duration], percent: usize) -> Duration {
    sorted
        .get(sorted.len() * percent / 100)
        .copied()
        .unwrap_or_default()
}

fn transition() -> Transition {
    Transition {
        time: Timestamp::now(),
        server: ServerName::new("main"),
        group: "es".to_owned(),
        name: "es_node_a".to_owned(),
        from: ProcessState::Running,
        to: ProcessState::Exited,
        pid: 4711,
        uptime_seconds: Some(86_400),
        exit: Some(Exit::Code(3)),
        expected: Some(false),
        cause: Cause::Crash,
        seen_by: SeenBy::Pidfd,
        spawn_error: String::new(),
    }
}
