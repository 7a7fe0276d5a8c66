//! Disks that take nothing more, and then do again.
//!
//! Two of them: a file-size limit of the process, which any user can set and which fails as a quota
//! does, and a small tmpfs in a mount namespace, which is a full disk to the letter. Both need a
//! process of their own: the tests below run this binary again.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use supervigil::{
    model::{Record, StoreView},
    store::{CommitError, Store},
};
use tempfile::tempdir;

use super::support::{incident, notice, now, open, program, queued, transition};

/// Present in the environment of a child: the folder for its database.
const FOLDER: &str = "SUPERVIGIL_TEST_STORE_FOLDER";

/// The child's folder; none when this is not a child.
fn child_folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// Runs `test` of this binary with a folder, below the shell commands `before`, and passes on how it
/// ended. The folder is `$1` to the commands.
fn run_child(test: &str, launcher: &[&str], before: &str) {
    let folder = tempdir().unwrap();
    let script = format!("{before} && shift && exec \"$@\"");
    let mut command: Vec<_> = launcher.to_vec();
    command.extend(["sh", "-c", script.as_str(), "sh"]);
    let output = Command::new(command[0])
        .args(&command[1..])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    assert!(said.contains("1 passed"), "{said}");
}

fn transitions(numbers: std::ops::Range<u32>) -> Vec<Record> {
    numbers.map(|n| Record::Transition(transition(n))).collect()
}

/// Fails to commit, goes on, and is rid of everything once `make_room` was called.
async fn goes_on_and_catches_up(
    store: Store,
    folder: &Path,
    kind: &str,
    advice: &str,
    make_room: impl FnOnce(),
) {
    let mut many = transitions(10..1500);
    many.push(queued("ops", &notice("01N", 1)));
    many.push(Record::Incident(incident("01A", 1)));
    let error = store.commit(many).await.unwrap_err();
    assert_eq!(error.kind(), kind);
    let sentence = |unsaved: usize| {
        format!(
            "the database {} {advice}; supervigil goes on and keeps {unsaved} changes in memory",
            folder.join("supervigil.db").display()
        )
    };
    assert_eq!(error.to_string(), sentence(1492));
    // The same program twice, and the same incident again: one change more.
    let records = vec![
        Record::Program(program("es_node_a", 1)),
        Record::Program(program("es_node_a", 2)),
        Record::Incident(incident("01A", 1)),
    ];
    let error = store.commit(records).await.unwrap_err();
    let CommitError::Disk { kept, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!((kept.unsaved, kept.dropped), (1493, 0));
    assert_eq!(
        store.view(),
        StoreView {
            error: Some(sentence(1493)),
            unsaved: 1493,
        }
    );
    store.tend(now()).await.unwrap_err();

    make_room();
    store.tend(now()).await.unwrap();

    assert_eq!(store.view(), StoreView::default());
    store.commit(transitions(1500..1600)).await.unwrap();
    store.close().await.unwrap();
    let (_store, saved) = open(folder);
    assert!(saved.transitions.iter().map(|t| t.pid).eq(0..1600));
    assert_eq!(saved.queued, [("ops".to_owned(), notice("01N", 1).into())]);
    assert_eq!(saved.programs, [program("es_node_a", 2)]);
    assert_eq!(saved.incidents, [incident("01A", 1)]);
}

#[test]
fn past_a_limit_of_the_files_size_nothing_is_lost() {
    // The signal that comes with the limit would end the process.
    run_child("full::child_with_a_limit", &["env"], "trap '' XFSZ");
}

/// Not a test of its own: the child of the one above.
#[tokio::test]
async fn child_with_a_limit() {
    let Some(folder) = child_folder() else { return };
    let (store, _) = open(&folder);
    store.commit(transitions(0..10)).await.unwrap();
    limit_file_size(Some(64 * 1024));
    goes_on_and_catches_up(
        store,
        &folder,
        "io",
        "cannot be read or written: check the disk, its quota and the system's log",
        || limit_file_size(None),
    )
    .await;

    // More than fits into memory: the oldest transitions go, and that is said.
    let (store, _) = open(&folder);
    limit_file_size(Some(64 * 1024));
    store.commit(transitions(2000..8000)).await.unwrap_err();
    let error = store.commit(transitions(8000..14_000)).await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("keeps 10000 changes in memory (and dropped 2000 of the oldest)"),
        "{error}"
    );
    limit_file_size(None);
    store.close().await.unwrap();
    let (_store, saved) = open(&folder);
    assert!(saved.transitions.iter().map(|t| t.pid).eq(12_000..14_000));
}

fn limit_file_size(bytes: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    let current = bytes.or(maximum);
    setrlimit(Resource::Fsize, Rlimit { current, maximum }).unwrap();
}

#[test]
fn on_a_full_disk_nothing_is_lost() {
    let launcher: &[&str] = if rustix::process::getuid().is_root() {
        &["unshare", "--mount"]
    } else {
        &["unshare", "--user", "--map-root-user", "--mount"]
    };
    let can_mount = Command::new(launcher[0])
        .args(&launcher[1..])
        .args(["sh", "-c", "mount -t tmpfs tmpfs /tmp"])
        .status()
        .is_ok_and(|status| status.success());
    if can_mount {
        let mount = "mount -t tmpfs -o size=1m tmpfs \"$1\"";
        run_child("full::child_on_a_small_disk", launcher, mount);
    } else {
        assert!(
            std::env::var_os("CI").is_none(),
            "CI must let this user mount a tmpfs in a namespace: run it as root, or allow \
             unprivileged user namespaces"
        );
        eprintln!("skipped: this user may not mount a tmpfs in a namespace");
    }
}

/// Not a test of its own: the child of the one above.
#[tokio::test]
async fn child_on_a_small_disk() {
    let Some(folder) = child_folder() else { return };
    let (store, _) = open(&folder);
    store.commit(transitions(0..10)).await.unwrap();
    store.close().await.unwrap();

    let filler = folder.join("filler");
    fill(&filler);
    // It opens, and gives back what it had, with not a byte left.
    let (store, saved) = open(&folder);
    assert!(saved.transitions.iter().map(|t| t.pid).eq(0..10));
    goes_on_and_catches_up(
        store,
        &folder,
        "full",
        "finds its file system full: free space there",
        || fs::remove_file(&filler).unwrap(),
    )
    .await;
}

/// Writes to a file until the disk takes no more.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    let error = file.write_all(&[0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
}
