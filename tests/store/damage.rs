//! Files that are not what they should be, and places that cannot be used.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rusqlite::Connection;
use supervigil::{
    model::{Record, Saved},
    store::{OpenNotice, Store, StoreError, Unusable},
};
use tempfile::{TempDir, tempdir};

use super::support::{
    incident, notice, now, open, open_with_notices, program, queued, server, settings, transition,
};

/// Where a damaged file goes at the time of [`now`].
const ASIDE: &str = "supervigil.db.corrupt-20261123T054118Z";

/// Three thousand transitions, some incidents and a notice: several hundred pages.
async fn filled() -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let (store, _) = open(folder.path());
    let mut records: Vec<_> = (0..3000)
        .map(|n| Record::Transition(transition(n)))
        .collect();
    records.push(Record::Incident(incident("01A", 1)));
    records.push(Record::Incident(incident("01B", 2)));
    records.push(Record::Program(program("es_node_a", 1)));
    records.push(queued("ops", &notice("01N", 1)));
    store.commit(records).await.unwrap();
    store.close().await.unwrap();
    let path = folder.path().join("supervigil.db");
    assert!(path.metadata().unwrap().len() > 500_000);
    (folder, path)
}

/// Opens a file that must be found unusable, and checks that it lies aside with the bytes it had
/// while a fresh database works in its place.
async fn must_be_set_aside(folder: &Path, reason: &str) -> Unusable {
    let path = folder.join("supervigil.db");
    let before = fs::read(&path).unwrap();
    let (store, saved, notices) = open_with_notices(folder);
    assert_eq!(saved, Saved::default());
    let [
        OpenNotice::SetAside {
            path: named,
            aside,
            why,
        },
    ] = notices.as_slice()
    else {
        panic!("{notices:?}");
    };
    assert_eq!(*named, path);
    assert_eq!(
        *aside,
        folder.join(format!("supervigil.db.{reason}-20261123T054118Z"))
    );
    assert_eq!(fs::read(aside).unwrap(), before);
    assert_eq!(
        notices[0].to_string(),
        format!(
            "the database {} {why}: it was moved to {} and a fresh one begun, so the history of \
             incidents, the notices that were waiting and the spent retry budgets are lost",
            path.display(),
            aside.display()
        )
    );
    let records = vec![Record::Server(server("main", 1))];
    store.commit(records).await.unwrap();
    store.close().await.unwrap();
    let (_store, saved) = open(folder);
    assert_eq!(saved.servers, [server("main", 1)]);
    why.clone()
}

#[tokio::test]
async fn a_file_that_is_no_database_is_set_aside() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("supervigil.db"), [0x5a; 9000]).unwrap();
    let why = must_be_set_aside(folder.path(), "corrupt").await;
    assert_eq!(why, Unusable::Damaged("file is not a database".to_owned()));
}

#[tokio::test]
async fn a_damaged_header_is_set_aside() {
    let (folder, path) = filled().await;
    let mut bytes = fs::read(&path).unwrap();
    bytes[..16].fill(0xff);
    fs::write(&path, bytes).unwrap();
    must_be_set_aside(folder.path(), "corrupt").await;
}

#[tokio::test]
async fn damage_in_the_middle_is_set_aside() {
    let (folder, path) = filled().await;
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 16_384].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    must_be_set_aside(folder.path(), "corrupt").await;
}

/// Also of those that opening has no need to read.
#[tokio::test]
async fn damage_to_any_page_is_set_aside() {
    const PAGE: usize = 4096;
    let (folder, path) = filled().await;
    let sound = fs::read(&path).unwrap();
    for page in (1..sound.len() / PAGE).step_by(7) {
        let mut bytes = sound.clone();
        bytes[page * PAGE..][..12].fill(0xff);
        fs::write(&path, bytes).unwrap();
        must_be_set_aside(folder.path(), "corrupt").await;
        fs::remove_file(folder.path().join(ASIDE)).unwrap();
    }
}

#[tokio::test]
async fn a_file_cut_off_anywhere_is_set_aside() {
    // A file of one byte is an empty one to SQLite.
    for length in [2, 99, 4096, 5000, 100_000, 8192 * 30] {
        let (folder, path) = filled().await;
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..length]).unwrap();
        must_be_set_aside(folder.path(), "corrupt").await;
    }
}

#[tokio::test]
async fn a_database_of_a_newer_supervigil_is_set_aside() {
    let (folder, path) = filled().await;
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 999).unwrap();
    drop(connection);
    let why = must_be_set_aside(folder.path(), "newer").await;
    assert_eq!(why, Unusable::Newer(999));
}

#[tokio::test]
async fn what_sqlite_left_beside_it_goes_along() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("supervigil.db"), [0x5a; 9000]).unwrap();
    fs::write(folder.path().join("supervigil.db-wal"), "wal").unwrap();
    fs::write(folder.path().join("supervigil.db-shm"), "shm").unwrap();
    must_be_set_aside(folder.path(), "corrupt").await;
    let aside = folder.path().join("supervigil.db.corrupt-20261123T054118Z");
    for beside in ["wal", "shm"] {
        let name = format!("{}-{beside}", aside.display());
        assert_eq!(fs::read_to_string(name).unwrap(), beside);
    }
}

#[tokio::test]
async fn two_set_aside_in_one_second_keep_names_of_their_own() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("supervigil.db");
    for content in [
        "first, no database",
        "second, no database",
        "third, no database",
    ] {
        fs::write(&path, content).unwrap();
        let (store, _, notices) = open_with_notices(folder.path());
        let [OpenNotice::SetAside { aside, .. }] = notices.as_slice() else {
            panic!("{notices:?}");
        };
        assert_eq!(fs::read_to_string(aside).unwrap(), content);
        store.close().await.unwrap();
    }
}

#[test]
fn an_empty_file_is_a_fresh_database() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("supervigil.db"), "").unwrap();
    let (_store, saved) = open(folder.path());
    assert_eq!(saved, Saved::default());
}

#[test]
fn the_database_of_another_program_is_left_alone() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("supervigil.db");
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)")
        .unwrap();
    drop(connection);
    let error = Store::open(&settings(folder.path()), now()).unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error:?}");
    let connection = Connection::open(&path).unwrap();
    let theirs: i64 = connection
        .query_row("SELECT x FROM theirs", [], |row| row.get(0))
        .unwrap();
    assert_eq!(theirs, 1);
}

#[tokio::test]
async fn a_document_that_cannot_be_read_is_left_out_and_told() {
    let (folder, path) = filled().await;
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "UPDATE incidents SET document = json_set(document, '$.kind', 'gone') WHERE id = '01A';
             UPDATE notices SET document = '{';
             UPDATE programs SET document = CAST(x'22ff22' AS TEXT);",
        )
        .unwrap();
    drop(connection);
    let (_store, saved, notices) = open_with_notices(folder.path());
    assert_eq!(saved.incidents, [incident("01B", 2)]);
    assert_eq!(saved.transitions.len(), 2000);
    assert_eq!((saved.queued.len(), saved.programs.len()), (0, 0));
    let told: Vec<_> = notices.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    for (text, what) in told.iter().zip(["programs", "incidents", "notices"]) {
        let beginning = format!(
            "1 {what} in the database {} cannot be read and are left out (",
            path.display()
        );
        assert!(text.starts_with(&beginning), "{text}");
    }
    assert!(told[1].contains("unknown variant `gone`"), "{}", told[1]);
}

#[test]
fn a_place_that_is_no_file_is_an_error_that_says_what_to_do() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("supervigil.db");
    fs::create_dir(&path).unwrap();
    let error = Store::open(&settings(folder.path()), now()).unwrap_err();
    assert_eq!(error.kind(), "open");
    assert_eq!(
        error.to_string(),
        format!(
            "cannot open the database {}: check that supervigil's user may write the file and its \
             folder and that there is space left, or set [storage] path to another place",
            path.display()
        )
    );
}

/// On `/proc` not even root may create a file.
#[test]
fn a_folder_that_cannot_be_written_is_an_error_that_says_what_to_do() {
    let error = Store::open(&settings(Path::new("/proc/self")), now()).unwrap_err();
    assert_eq!(error.kind(), "create");
    assert_eq!(
        error.to_string(),
        "cannot create the database /proc/self/supervigil.db: give supervigil's user the right to \
         write its folder, or set [storage] path to a place that user may write"
    );
}

#[tokio::test]
async fn a_file_that_was_moved_away_takes_nothing_until_it_is_back() {
    let (folder, path) = filled().await;
    let (store, _) = open(folder.path());
    let away = folder.path().join("away");
    fs::rename(&path, &away).unwrap();
    let records = vec![Record::Server(server("main", 1))];
    let error = store.commit(records).await.unwrap_err();
    assert_eq!(error.kind(), "other");
    assert_eq!(
        error.to_string(),
        format!(
            "the database {} was deleted or replaced while it was open: put it back, or restart \
             supervigil to begin a fresh one; until then it keeps 1 change in memory",
            path.display()
        )
    );
    fs::write(&path, "another").unwrap();
    store.tend(now()).await.unwrap_err();

    fs::rename(&away, &path).unwrap();
    store.tend(now()).await.unwrap();
    store.close().await.unwrap();
    let (_store, saved) = open(folder.path());
    assert_eq!(saved.servers, [server("main", 1)]);
}
