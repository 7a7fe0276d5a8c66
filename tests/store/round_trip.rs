//! What was committed comes back, in order and within the limits.

use std::sync::Arc;

use std::time::Duration;

use supervigil::{
    model::{Exit, Incident, OomKill, Record, Saved, ServerName, Transition},
    store::{Settings, Store},
};
use tempfile::tempdir;

use super::support::{
    DAY, at, audit, channel, closed, done, hold, incident, key, notice, now, open, program, queued,
    reopen, server, settings, silence, transition,
};

#[tokio::test]
async fn every_kind_of_record_comes_back() {
    let folder = tempdir().unwrap();
    let (store, saved) = open(folder.path());
    assert_eq!(saved, Saved::default());
    let by_signal = Transition {
        exit: Some(Exit::Signal {
            number: 9,
            core_dumped: true,
        }),
        ..transition(2)
    };
    let by_unknown_signal = Transition {
        exit: Some(Exit::UnknownSignal),
        expected: None,
        ..transition(1)
    };
    let unreachable = Incident {
        program: None,
        exit: None,
        ..incident("01B", 5)
    };
    let killed_for_memory = Incident {
        exit: Some(Exit::Code(137)),
        oom_kill: Some(OomKill::Group),
        ..incident("01C", 6)
    };
    store
        .commit(vec![
            Record::Transition(by_signal.clone()),
            Record::Transition(by_unknown_signal.clone()),
            Record::Incident(unreachable.clone()),
            Record::Incident(killed_for_memory.clone()),
            Record::Incident(incident("01A", 1)),
            Record::Server(server("other", 3)),
            Record::Server(server("main", 1)),
            Record::Program(program("es_node_b", 1)),
            Record::Program(program("es_node_a", 2)),
            queued("ops", &notice("01N", 7)),
            queued("hook", &notice("01M", 6)),
            Record::Channel(channel("ops", 4)),
            Record::Silence(silence("01T", 4)),
            Record::Silence(silence("01S", 3)),
            Record::Hold(hold("es_node_b", Some(9))),
            Record::Hold(hold("es_node_a", None)),
            Record::Audit(audit(1)),
            Record::Audit(audit(2)),
        ])
        .await
        .unwrap();

    let (_store, saved) = reopen(store, folder.path()).await;

    assert_eq!(
        saved,
        Saved {
            servers: vec![server("main", 1), server("other", 3)],
            programs: vec![program("es_node_a", 2), program("es_node_b", 1)],
            incidents: vec![incident("01A", 1), unreachable, killed_for_memory],
            transitions: vec![by_signal, by_unknown_signal],
            queued: vec![
                ("hook".to_owned(), notice("01M", 6).into()),
                ("ops".to_owned(), notice("01N", 7).into()),
            ],
            channels: vec![channel("ops", 4)],
            silences: vec![silence("01S", 3), silence("01T", 4)],
            holds: vec![hold("es_node_a", None), hold("es_node_b", Some(9))],
            audit: vec![audit(1), audit(2)],
        }
    );
}

#[tokio::test]
async fn a_later_state_replaces_an_earlier_one() {
    let folder = tempdir().unwrap();
    let (store, _) = open(folder.path());
    let told = notice("01N", 7);
    store
        .commit(vec![
            Record::Incident(incident("01A", 1)),
            Record::Server(server("main", 1)),
            Record::Program(program("es_node_a", 1)),
            Record::Program(program("es_node_b", 1)),
            queued("ops", &told),
            queued("hook", &told),
            Record::Channel(channel("ops", 1)),
            Record::Silence(silence("01S", 3)),
            Record::Silence(silence("01T", 4)),
            Record::Hold(hold("es_node_a", None)),
            Record::Hold(hold("es_node_b", None)),
            Record::Audit(audit(1)),
        ])
        .await
        .unwrap();
    store
        .commit(vec![
            Record::Incident(closed("01A", 1, 9)),
            Record::Server(server("main", 2)),
            Record::Program(program("es_node_a", 2)),
            Record::ProgramRemoved(key("es_node_b")),
            done("ops", &told),
            Record::Channel(channel("ops", 2)),
            Record::SilenceEnded(silence("01S", 3).id),
            Record::Hold(hold("es_node_a", Some(9))),
            Record::HoldEnded(key("es_node_b")),
            Record::Audit(audit(2)),
        ])
        .await
        .unwrap();

    let (_store, saved) = reopen(store, folder.path()).await;

    assert_eq!(
        saved,
        Saved {
            servers: vec![server("main", 2)],
            programs: vec![program("es_node_a", 2)],
            incidents: vec![closed("01A", 1, 9)],
            transitions: vec![],
            queued: vec![("hook".to_owned(), told.into())],
            channels: vec![channel("ops", 2)],
            silences: vec![silence("01T", 4)],
            holds: vec![hold("es_node_a", Some(9))],
            audit: vec![audit(1), audit(2)],
        }
    );
}

#[tokio::test]
async fn what_waits_for_several_channels_takes_its_room_once() {
    let folder = tempdir().unwrap();
    let (store, _) = open(folder.path());
    let (one, other) = (notice("01M", 6), notice("01N", 7));
    let batch = vec![
        queued("hook", &one),
        queued("ops", &one),
        queued("ops", &other),
    ];
    store.commit(batch).await.unwrap();
    let (_store, saved) = reopen(store, folder.path()).await;
    let [(_, first), (_, second), (_, third)] = saved.queued.as_slice() else {
        panic!("{:?}", saved.queued);
    };
    assert!(Arc::ptr_eq(first, second));
    assert_eq!((&**first, &**third), (&one, &other));
}

#[tokio::test]
async fn batches_are_written_in_the_order_of_the_calls() {
    let folder = tempdir().unwrap();
    let (store, _) = open(folder.path());
    let commits: Vec<_> = (0..40)
        .map(|number| {
            store.commit(vec![
                Record::Program(program("es_node_a", number)),
                Record::Transition(transition(u32::try_from(number).unwrap())),
            ])
        })
        .collect();
    for commit in commits.into_iter().rev() {
        commit.await.unwrap();
    }

    let (_store, saved) = reopen(store, folder.path()).await;

    assert_eq!(saved.programs, [program("es_node_a", 39)]);
    let expected: Vec<_> = (0..40).map(transition).collect();
    assert_eq!(saved.transitions, expected);
}

#[tokio::test]
async fn more_batches_than_the_queue_holds_all_arrive() {
    let folder = tempdir().unwrap();
    let (store, _) = open(folder.path());
    let commits: Vec<_> = (0..500)
        .map(|number| store.commit(vec![Record::Transition(transition(number))]))
        .collect();
    for commit in commits {
        commit.await.unwrap();
    }
    let (_store, saved) = reopen(store, folder.path()).await;
    assert_eq!(saved.transitions.len(), 500);
}

#[tokio::test]
async fn open_incidents_all_come_back_and_only_the_latest_of_the_closed() {
    let folder = tempdir().unwrap();
    let (store, _) = open(folder.path());
    let open_ones = (0..600).map(|number| incident(&format!("open-{number:04}"), -5000 + number));
    let closed_ones =
        (0..600).map(|number| closed(&format!("closed-{number:04}"), number, 1000 + number));
    store
        .commit(open_ones.chain(closed_ones).map(Record::Incident).collect())
        .await
        .unwrap();

    let (_store, saved) = reopen(store, folder.path()).await;

    assert_eq!(saved.incidents.len(), 1100);
    assert_eq!(saved.incidents[0].id.0, "open-0000");
    assert_eq!(saved.incidents[599].id.0, "open-0599");
    assert_eq!(saved.incidents[600].id.0, "closed-0100");
    assert_eq!(saved.incidents[1099].id.0, "closed-0599");
}

#[tokio::test]
async fn only_the_latest_transitions_come_back() {
    let folder = tempdir().unwrap();
    let (store, _) = open(folder.path());
    let all: Vec<_> = (0..2100).map(transition).collect();
    store
        .commit(all.iter().cloned().map(Record::Transition).collect())
        .await
        .unwrap();
    let (_store, saved) = reopen(store, folder.path()).await;
    assert_eq!(saved.transitions, all[100..]);
}

#[tokio::test]
async fn what_is_older_than_the_retention_goes_and_open_incidents_stay() {
    let folder = tempdir().unwrap();
    let (store, _) = open(folder.path());
    let month = 30 * 86_400;
    let old = |seconds| Transition {
        time: at(seconds),
        ..transition(1)
    };
    store
        .commit(vec![
            Record::Transition(old(-month - 1)),
            Record::Transition(old(-month)),
            Record::Incident(closed("01A", -2 * month, -month - 1)),
            Record::Incident(closed("01B", -2 * month, -month)),
            Record::Incident(incident("01C", -2 * month)),
        ])
        .await
        .unwrap();
    store.tend(now()).await.unwrap();

    let (store, saved) = reopen(store, folder.path()).await;
    assert_eq!(saved.transitions, [old(-month)]);
    assert_eq!(
        saved.incidents,
        [
            closed("01B", -2 * month, -month),
            incident("01C", -2 * month)
        ]
    );

    store.tend(now()).await.unwrap();
    let soon = now().after(Duration::from_secs(60));
    store.tend(soon).await.unwrap();
    let (store, saved) = reopen(store, folder.path()).await;
    assert_eq!(saved.transitions, [old(-month)], "an hour has not passed");

    store.tend(soon).await.unwrap();
    let (_store, saved) = reopen(store, folder.path()).await;
    assert_eq!(saved.transitions, []);
}

#[tokio::test]
async fn the_number_of_rows_is_limited_whatever_the_retention() {
    let folder = tempdir().unwrap();
    let settings = Settings {
        retention: 3650 * DAY,
        ..settings(folder.path())
    };
    let (store, _, _) = Store::open(&settings, now()).unwrap();
    for batch in 0..60 {
        let records = (0..1000)
            .map(|number| Record::Transition(transition(batch * 1000 + number)))
            .collect();
        store.commit(records).await.unwrap();
        store.tend(now()).await.unwrap();
    }
    store.close().await.unwrap();
    let connection = rusqlite::Connection::open(&settings.path).unwrap();
    let (count, first): (u32, u32) = connection
        .query_row(
            "SELECT count(*), min(document ->> '$.pid') FROM transitions",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!((count, first), (50_000, 10_000));
}

#[test]
fn server_names_are_texts_of_any_kind() {
    let folder = tempdir().unwrap();
    let (store, _) = open(folder.path());
    let odd = "'; DROP TABLE servers; --\u{0}\u{1f600}";
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let record = server(odd, 1);
    runtime.block_on(async {
        let commit = store.commit(vec![Record::Server(record.clone())]);
        commit.await.unwrap();
        let (_store, saved) = reopen(store, folder.path()).await;
        assert_eq!(saved.servers, [record]);
        assert_eq!(saved.servers[0].server, ServerName::new(odd));
    });
}
