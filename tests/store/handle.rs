//! The handle and the place: who may have it open, what is said of it, and how it ends.

use std::{os::unix::fs::PermissionsExt as _, path::Path};

use supervigil::{
    model::{Moment, Record, StoreView},
    store::{Store, StoreError},
};
use tempfile::tempdir;

use super::support::{DAY, now, open, reopen, server, settings};

#[tokio::test]
async fn the_file_and_its_folder_are_private() {
    let parent = tempdir().unwrap();
    let folder = parent.path().join("state/supervigil");
    let (store, _) = open(&folder);
    store
        .commit(vec![Record::Server(server("main", 1))])
        .await
        .unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&parent.path().join("state")), 0o700);
    assert_eq!(mode(&folder.join("supervigil.db")), 0o600);
    assert_eq!(mode(&folder.join("supervigil.db-wal")), 0o600);
    assert!(!folder.join("supervigil.db-shm").exists());
}

#[tokio::test]
async fn a_second_store_on_one_file_is_refused_until_the_first_is_closed() {
    let folder = tempdir().unwrap();
    let (store, _) = open(folder.path());
    let path = folder.path().to_owned();
    let second = tokio::task::spawn_blocking(move || Store::open(&settings(&path), now()))
        .await
        .unwrap()
        .unwrap_err();
    assert!(matches!(second, StoreError::InUse { .. }), "{second:?}");
    assert_eq!(second.kind(), "in_use");
    store
        .commit(vec![Record::Server(server("main", 1))])
        .await
        .unwrap();
    let (_store, saved) = reopen(store, folder.path()).await;
    assert_eq!(saved.servers, [server("main", 1)]);
}

#[tokio::test]
async fn dropping_the_last_handle_loses_nothing() {
    let folder = tempdir().unwrap();
    let (store, _) = open(folder.path());
    let unawaited = store.commit(vec![Record::Server(server("main", 1))]);
    drop(unawaited);
    drop(store);
    let (_store, saved) = open(folder.path());
    assert_eq!(saved.servers, [server("main", 1)]);
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let folder = tempdir().unwrap();
    let (store, _) = open(folder.path());
    let other = store.clone();
    store.close().await.unwrap();
    let error = other.commit(vec![]).await.unwrap_err();
    assert_eq!(error.kind(), "other");
    assert_eq!(
        error.to_string(),
        "the database is closed and takes no more changes: restart supervigil"
    );
}

#[tokio::test]
async fn a_store_without_a_place_takes_everything_and_says_why() {
    let store = Store::in_memory(Some("cannot open it".to_owned()));
    let records = vec![Record::Server(server("main", 1))];
    store.commit(records).await.unwrap();
    let later = Moment {
        monotonic: DAY,
        ..now()
    };
    store.tend(later).await.unwrap();
    assert_eq!(
        store.view(),
        StoreView {
            error: Some("cannot open it".to_owned()),
            unsaved: 0,
        }
    );
    store.close().await.unwrap();
}

#[test]
fn an_unusable_place_is_an_error_that_says_what_to_do() {
    // Below a file there can be no folder, not even for root.
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let place = folder.path().join("file/state");
    let error = Store::open(&settings(&place), now()).unwrap_err();
    assert_eq!(error.kind(), "folder");
    assert_eq!(
        error.to_string(),
        format!(
            "cannot make the folder of the database {}: create it and give it to supervigil's \
             user, or set [storage] path to a place that user may write",
            place.join("supervigil.db").display()
        )
    );
}
