//! `supervigil listen` under real supervisords, with a scripted daemon at its other end and with the
//! real one.

#![cfg(test)]

mod by_hand;
mod peer;
#[expect(dead_code, reason = "a part of it is used here")]
#[path = "../support/mod.rs"]
mod support;

use std::{fs, path::PathBuf};

use peer::{Peer, event_of};
use support::{
    programs::{self, listener, program},
    supervigil::Supervigil,
    supervisord::{Release, Supervisord},
    wait::{PATIENCE, wait_until},
};
use tempfile::TempDir;

each_release!(
    a_hanging_daemon_holds_nobody_up,
    quick_events_arrive_in_order,
    chinese_names_arrive_whole,
);

/// A supervisord whose listener posts to a scripted daemon.
struct Stage {
    supervisord: Supervisord,
    peer: Peer,
    _folder: TempDir,
}

impl Stage {
    fn set(release: Release, peer: Peer, programs: &str) -> Self {
        let folder = TempDir::with_prefix_in("sl", "/tmp").expect("a folder in /tmp");
        let config = folder.path().join("supervigil.toml");
        let text = format!("[http]\nlisten = \"{}\"\n", peer.address());
        fs::write(&config, text).expect("a configuration file");
        let supervisord = Supervisord::start(release, &format!("{}{programs}", listener(&config)));
        Self {
            supervisord,
            peer,
            _folder: folder,
        }
    }

    /// What the listener wrote to a stream.
    fn output(&self, stream: &str) -> String {
        output(&self.supervisord, stream)
    }
}

fn output(supervisord: &Supervisord, stream: &str) -> String {
    let start = format!("supervigil-{stream}");
    let is_it = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with(&start))
    };
    let files = fs::read_dir(supervisord.folder()).expect("its folder");
    let file = files.filter_map(|file| Some(file.ok()?.path())).find(is_it);
    file.map(|file| fs::read_to_string(file).expect("UTF-8"))
        .unwrap_or_default()
}

/// Events that the listener has answered. Its output must be the protocol and nothing else, and
/// supervisord must have been content with it.
fn answered(supervisord: &Supervisord) -> usize {
    let output = output(supervisord, "stdout");
    // supervisord's own log writer ends each piece that it got with a newline.
    let words = output.replace("READY", "").replace("RESULT 2\nOK", "\u{1}");
    let answers = words.matches('\u{1}').count();
    let rest = words.replace(['\u{1}', '\n'], "");
    assert_eq!(rest, "", "{output:?}");
    let log = supervisord.log();
    assert!(!log.contains("UNKNOWN state"), "{log}");
    assert!(!log.contains("discarding event"), "{log}");
    answers
}

/// A group of programs that end at once, each with three events: spawned, running, exited.
fn burst(count: usize) -> String {
    let count = format!("numprocs={count}");
    let settings = [
        &count,
        "process_name=%(program_name)s_%(process_num)d",
        "startsecs=0",
        "autorestart=false",
        "exitcodes=0",
    ];
    program("burst", "exit 0 0", &settings)
}

fn a_hanging_daemon_holds_nobody_up(release: Release) {
    let peer = Peer::that_hangs();
    let stage = Stage::set(release, peer, &burst(20));
    wait_until(PATIENCE, "all events to be answered", || {
        answered(&stage.supervisord) >= 60
    });
    wait_until(PATIENCE, "the listener to say that nobody answers", || {
        stage.output("stderr").contains("no answer within 5 s")
    });
    for _ in 0..3 {
        let before = answered(&stage.supervisord);
        stage
            .supervisord
            .call("supervisor.startProcess", &["burst:burst_0"]);
        wait_until(PATIENCE, "events to be answered all the same", || {
            answered(&stage.supervisord) >= before + 3
        });
    }
    assert_eq!(
        stage.supervisord.state("supervigil").as_deref(),
        Some("RUNNING")
    );
    let said = stage.output("stderr");
    assert_eq!(said.matches("no answer").count(), 1, "{said}");
    let total = answered(&stage.supervisord);
    stage.peer.take_posts();
    let batches = stage.peer.wait_for_events(total);
    assert!(
        batches.iter().all(|batch| batch["lost"] == 0),
        "{batches:?}"
    );
    wait_until(PATIENCE, "the listener to say that it is over", || {
        stage.output("stderr").contains("takes events again")
    });
}

/// What supervisord's log says happened to which program, in order.
fn logged(log: &str, before: &str, after: &str) -> Vec<String> {
    log.lines()
        .filter_map(|line| line.split_once(before)?.1.split_once(after))
        .map(|(name, _)| name.to_owned())
        .filter(|name| name.starts_with("burst"))
        .collect()
}

fn quick_events_arrive_in_order(release: Release) {
    const COUNT: usize = 70;
    let stage = Stage::set(release, Peer::that_takes(), &burst(COUNT));
    let batches = stage.peer.wait_until_told(|events| {
        let ends = events.iter().filter(|event| event["event"] == "exited");
        ends.count() == COUNT
    });
    assert!(
        batches.iter().all(|batch| batch["lost"] == 0),
        "{batches:?}"
    );
    let events = peer::events(&batches);
    let named = |kind: &str| -> Vec<String> {
        let of_kind = events.iter().filter(|event| event["event"] == kind);
        of_kind
            .filter(|event| event["group"] == "burst")
            .map(|event| event["name"].as_str().expect("a name").to_owned())
            .collect()
    };
    let log = stage.supervisord.log();
    assert_eq!(named("spawned"), logged(&log, "spawned: '", "' with pid"));
    assert_eq!(named("exited"), logged(&log, "exited: ", " ("));
    assert_eq!(named("running").len(), COUNT);
    for name in named("spawned") {
        let of_it = events.iter().filter(|event| event["name"] == name.as_str());
        let kinds: Vec<_> = of_it.map(|event| &event["event"]).collect();
        assert_eq!(kinds, ["spawned", "running", "exited"], "{name}");
    }
    answered(&stage.supervisord);
}

fn chinese_names_arrive_whole(release: Release) {
    let quiet = ["autostart=false", "autorestart=false", "startsecs=0"];
    let programs = program("数据节点", "exit 3 0.2", &quiet) + &programs::healthy("web");
    let stage = Stage::set(release, Peer::that_takes(), &programs);
    stage.supervisord.wait_for_state("supervigil", "RUNNING");
    for _ in 0..3 {
        stage
            .supervisord
            .call("supervisor.startProcess", &["数据节点"]);
        wait_until(PATIENCE, "its end", || {
            stage.supervisord.state("数据节点").as_deref() == Some("EXITED")
        });
    }
    let batches = stage.peer.wait_until_told(|events| {
        let ends = events.iter().filter(|event| event["event"] == "exited");
        ends.count() == 3
    });
    let events = peer::events(&batches);
    for kind in ["spawned", "running", "exited"] {
        let of_kind: Vec<_> = events
            .iter()
            .filter(|event| event["event"] == kind && event["name"] == "数据节点")
            .collect();
        assert_eq!(of_kind.len(), 3, "{kind}: {events:?}");
        for event in of_kind {
            assert_eq!(event["group"], "数据节点");
            let has_pid = event["pid"].as_u64().is_some_and(|pid| pid > 1);
            assert_eq!(has_pid, kind != "spawned", "{event}");
        }
    }
    let end = event_of(&events, "exited", "数据节点");
    assert_eq!(end["expected"], false);
    let pid = end["pid"].as_u64().expect("a pid");
    let log = stage.supervisord.log();
    assert!(log.contains(&format!("with pid {pid}\n")), "{log}");
    let said = stage.output("stderr");
    assert!(!said.contains("belonged to no event"), "{said}");
    answered(&stage.supervisord);
}

/// Events that the daemon was handed or told of as lost, by its log.
fn heard(supervigil: &Supervigil) -> (usize, usize) {
    let log = supervigil.log();
    let field = |line: &str, name: &str| -> usize {
        let value = line.split_once(&format!("{name}=")).expect("a field").1;
        let digits: String = value.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().expect("a number")
    };
    log.lines()
        .filter(|line| line.contains("an event listener handed events over"))
        .map(|line| (field(line, "events"), field(line, "lost")))
        .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

/// Waits until the daemon knows of every event that was answered, each once.
fn wait_until_all_is_heard(supervigil: &Supervigil, supervisord: &Supervisord) {
    wait_until(PATIENCE, "the daemon to know of every event", || {
        let (events, lost) = heard(supervigil);
        events + lost == answered(supervisord)
    });
}

#[test]
fn a_daemon_that_is_killed_misses_nothing_that_is_not_said_to_be_lost() {
    let mut supervisord = Supervisord::start(Release::V430, &burst(10));
    let config = format!(
        "{}[log]\nlevel = \"debug\"\nformat = \"text\"\n",
        supervisord.table("main")
    );
    let mut supervigil = Supervigil::start(&config);
    supervisord.rewrite_config(&(listener(&supervigil.config_path()) + &burst(10)));
    assert!(supervisord.ctl(&["update"]).status.success());
    supervisord.wait_for_state("supervigil", "RUNNING");
    for round in 0..3 {
        if round == 1 {
            // What a daemon has taken and not worked in goes with its memory.
            wait_until_all_is_heard(&supervigil, &supervisord);
            supervigil.kill9();
        }
        let before = answered(&supervisord);
        supervisord.ctl(&["start", "burst:*"]);
        wait_until(PATIENCE, "the burst to be answered", || {
            answered(&supervisord) >= before + 30
        });
        if round == 1 {
            supervigil.start_again();
        }
    }
    wait_until_all_is_heard(&supervigil, &supervisord);
    assert_eq!(heard(&supervigil).1, 0, "{}", supervigil.log());
    // The listener goes with its supervisord, and in order.
    let said = output(&supervisord, "stderr");
    assert!(said.contains("takes events again"), "{said}");
    supervisord.stop();
}
