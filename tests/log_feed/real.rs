//! What real supervisords write, heard as it happens.

use std::{fs, future::Future};

use rustix::process::{Pid, Signal, kill_process};
use supervigil::{
    model::{Exit, ProgramEvent, Telling},
    supervisord::{Client, Endpoint, LogFeed, LogFeedError},
};
use tokio::time::timeout;

use super::{
    PASSWORD, USER, about, client, spawned,
    support::{
        programs,
        supervigil::free_port,
        supervisord::{Options, Release, Supervisord},
        wait::{PATIENCE, wait_until},
    },
    with_password,
};

crate::each_release!(
    every_event_is_told,
    rotation_is_survived,
    a_reload_ends_the_feed_and_another_begins,
    a_log_that_is_not_there
);

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(test)
}

fn unix(supervisord: &Supervisord) -> Client {
    client(Endpoint::Unix(supervisord.socket()), PATIENCE)
}

/// Listens until this is told, and gives everything that was told up to then.
async fn hear(feed: &mut LogFeed, awaited: &Telling) -> Vec<Telling> {
    let mut heard = Vec::new();
    while !heard.contains(awaited) {
        let told = timeout(PATIENCE, feed.next()).await;
        assert!(told.is_ok(), "waited in vain for {awaited:?}: {heard:?}");
        heard.extend(told.unwrap().unwrap());
    }
    heard
}

fn kill(supervisord: &Supervisord, program: &str) {
    let pid = supervisord.pid_of(program).unwrap();
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
}

fn exited(name: &str, exit: Exit) -> Telling {
    let event = ProgramEvent::Exited {
        pid: None,
        exit: Some(exit),
        expected: false,
    };
    about(name, event)
}

fn signal(number: i32) -> Exit {
    Exit::Signal {
        number,
        core_dumped: false,
    }
}

fn every_event_is_told(release: Release) {
    let port = free_port();
    let options = Options {
        inet: Some((port, USER, PASSWORD)),
        ..Options::default()
    };
    let by_hand = "autostart=false\nautorestart=false";
    let sections = [
        programs::healthy("web"),
        programs::exits("quit", 3, 0.1, &["startsecs=0", by_hand]),
        programs::program(
            "broken",
            "exit 3 0",
            &["startsecs=2", "startretries=0", by_hand],
        ),
    ]
    .concat();
    let supervisord = Supervisord::start_with(release, options, &sections);
    supervisord.wait_for_state("web", "RUNNING");
    let tcp = Endpoint::Tcp {
        authority: format!("127.0.0.1:{port}"),
    };
    for (turn, endpoint) in [Endpoint::Unix(supervisord.socket()), tcp]
        .into_iter()
        .enumerate()
    {
        run(async {
            let client = client(endpoint, PATIENCE);
            let mut feed = client.follow_log().await.unwrap();
            client.pid().await.unwrap();
            a_kill(&supervisord, &mut feed).await;
            a_stop_and_a_start(&supervisord, &mut feed).await;
            ends_by_themselves(&supervisord, &mut feed).await;
            let missing = format!("missing{turn}");
            let more = programs::missing_binary(&missing);
            supervisord.rewrite_config(&format!("{sections}{more}"));
            supervisord.ctl(&["update"]);
            let heard = hear(&mut feed, &about(&missing, ProgramEvent::GaveUp)).await;
            let why = "can't find command '/nonexistent/binary'".to_owned();
            assert!(heard.contains(&Telling::SpawnFailed { why }), "{heard:?}");
        });
    }
    run(async {
        let tcp = Endpoint::Tcp {
            authority: format!("127.0.0.1:{port}"),
        };
        let error = with_password(tcp, PATIENCE, "wrong").follow_log().await;
        assert_eq!(error.unwrap_err().kind(), "auth");
    });
}

async fn a_kill(supervisord: &Supervisord, feed: &mut LogFeed) {
    let before = supervisord.pid_of("web").unwrap();
    kill(supervisord, "web");
    let running = about("web", ProgramEvent::Running { pid: None });
    let heard = hear(feed, &running).await;
    supervisord.wait_for_state("web", "RUNNING");
    let pid = supervisord.pid_of("web").unwrap();
    assert_ne!(pid, before);
    let expected = [exited("web", signal(9)), spawned("web", pid), running];
    assert_eq!(heard, expected);
}

async fn a_stop_and_a_start(supervisord: &Supervisord, feed: &mut LogFeed) {
    supervisord.ctl(&["stop", "web"]);
    let exit = Some(signal(15));
    let stopped = about("web", ProgramEvent::Stopped { pid: None, exit });
    assert_eq!(hear(feed, &stopped).await, [stopped]);
    supervisord.ctl(&["start", "web"]);
    let running = about("web", ProgramEvent::Running { pid: None });
    let heard = hear(feed, &running).await;
    let pid = supervisord.pid_of("web").unwrap();
    assert_eq!(heard, [spawned("web", pid), running]);
}

async fn ends_by_themselves(supervisord: &Supervisord, feed: &mut LogFeed) {
    supervisord.ctl(&["start", "quit"]);
    hear(feed, &exited("quit", Exit::Code(3))).await;
    supervisord.ctl(&["start", "broken"]);
    let heard = hear(feed, &about("broken", ProgramEvent::GaveUp)).await;
    assert!(
        heard.contains(&exited("broken", Exit::Code(3))),
        "{heard:?}"
    );
}

/// The line that makes supervisord rotate its log is lost, as it is in the old file by then; so this
/// goes on until the log was rotated and a death was told after that.
fn rotation_is_survived(release: Release) {
    let options = Options {
        settings: "logfile_maxbytes=2KB\nlogfile_backups=2",
        ..Options::default()
    };
    let supervisord = Supervisord::start_with(release, options, &programs::healthy("web"));
    supervisord.wait_for_state("web", "RUNNING");
    let rotated_twice = supervisord.folder().join("supervisord.log.2");
    run(async {
        let mut feed = unix(&supervisord).follow_log().await.unwrap();
        while !rotated_twice.exists() {
            supervisord.ctl(&["restart", "web"]);
        }
        let killed = exited("web", signal(9));
        let mut heard = Vec::new();
        while !heard.contains(&killed) {
            supervisord.wait_for_state("web", "RUNNING");
            let pid = supervisord.pid_of("web");
            kill(&supervisord, "web");
            wait_until(PATIENCE, "another process", || {
                supervisord.pid_of("web") != pid
            });
            heard.extend(timeout(PATIENCE, feed.next()).await.unwrap().unwrap());
        }
    });
}

fn a_reload_ends_the_feed_and_another_begins(release: Release) {
    let supervisord = Supervisord::start(release, &programs::healthy("web"));
    supervisord.wait_for_state("web", "RUNNING");
    run(async {
        let client = unix(&supervisord);
        let mut feed = client.follow_log().await.unwrap();
        supervisord.signal(Signal::HUP);
        let mut heard = Vec::new();
        let error = loop {
            match timeout(PATIENCE, feed.next()).await.unwrap() {
                Ok(told) => heard.extend(told),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), "closed", "{error}");
        assert!(heard.contains(&Telling::Stopping), "{heard:?}");

        wait_until(PATIENCE, "web to run again", || {
            supervisord.state("web").as_deref() == Some("RUNNING")
        });
        let mut feed = client.follow_log().await.unwrap();
        kill(&supervisord, "web");
        let killed = exited("web", signal(9));
        let heard = hear(&mut feed, &killed).await;
        assert_eq!(heard[0], killed, "history is told: {heard:?}");
    });
}

fn a_log_that_is_not_there(release: Release) {
    let supervisord = Supervisord::start(release, "");
    fs::remove_file(supervisord.folder().join("supervisord.log")).unwrap();
    let error = run(async { unix(&supervisord).follow_log().await.unwrap_err() });
    assert!(matches!(error, LogFeedError::NoLog { .. }), "{error:?}");
}
