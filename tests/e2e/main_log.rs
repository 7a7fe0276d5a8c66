//! supervisord's main log: of no use, or rotated.

use rustix::process::Signal;
use serde_json::{Value, json};

use super::stage::{Script, Stage};
use crate::support::{
    programs,
    supervisord::Release,
    wait::{PATIENCE, wait_for, wait_until},
};

crate::each_release!(
    a_log_that_is_nowhere_is_said_once,
    a_log_that_is_too_coarse_is_said_once,
    a_log_that_is_rotated_loses_no_death,
);

/// Deaths of one program: more than enough to find out, and to have the log rotated.
const DEATHS: usize = 8;

fn a_log_that_is_nowhere_is_said_once(release: Release) {
    is_of_no_use(release, "logfile=/dev/null\nlogfile_maxbytes=0");
}

fn a_log_that_is_too_coarse_is_said_once(release: Release) {
    is_of_no_use(release, "loglevel=critical");
}

fn is_of_no_use(release: Release, settings: &'static str) {
    let stage = dying(release, settings);
    let words = "it does not tell of starts and ends";
    wait_until(PATIENCE, "it to be said", || {
        die(&stage);
        stage.supervigil.log().contains(words)
    });
    let up = |feed| format!("supervigil_hint_feed_up{{server=\"main\",feed=\"{feed}\"}}");
    wait_until(PATIENCE, "it to be shown", || {
        stage.metric(&up("log")) == Some(0.0)
    });
    assert_eq!(stage.metric(&up("pidfd")), Some(1.0));
    die(&stage);
    assert_eq!(stage.supervigil.log().matches(words).count(), 1);
}

fn a_log_that_is_rotated_loses_no_death(release: Release) {
    let stage = dying(release, "logfile_maxbytes=1KB\nlogfile_backups=1");
    for _ in 0..DEATHS {
        die(&stage);
    }
    assert!(
        stage
            .supervisord
            .folder()
            .join("supervisord.log.1")
            .exists()
    );
    let ends = ends(&stage);
    assert_eq!(ends.len(), DEATHS, "{ends:?}");
}

fn dying(release: Release, settings: &'static str) -> Stage {
    let kept = ["startsecs=0", "autorestart=true"];
    let stage = Stage::set(Script {
        release,
        programs: &programs::program("web", "sleep", &kept),
        settings,
        ..Script::default()
    });
    stage.wait_for_state("web", "RUNNING");
    stage
}

/// Kills the program, waits until that is told, and until it is seen running again. Without the log,
/// whether it was a crash is told by a look that comes before the next life, and how it ended by the
/// kernel, where that had the time to watch it; what neither knows is not guessed.
fn die(stage: &Stage) {
    let pid = stage.supervisord.pid_of("web").expect("a known program");
    stage.kill("web", Signal::KILL);
    let end = wait_for(PATIENCE, "the end to be told", || {
        ends(stage).into_iter().find(|end| end["pid"] == pid)
    });
    let killed = json!({"signal": "SIGKILL", "core_dumped": false});
    assert!(end["exit"] == killed || end["exit"].is_null(), "{end}");
    assert!(
        end["cause"] == "crash" || end["cause"] == "unknown",
        "{end}"
    );
    wait_until(PATIENCE, "the next life to be seen", || {
        let seen = stage.supervigil.json("/api/v1/processes?name=web");
        let seen = &seen["processes"][0];
        seen["state"] == "RUNNING" && seen["pid"] != pid
    });
}

fn ends(stage: &Stage) -> Vec<Value> {
    let all = stage.transitions("web").into_iter();
    all.filter(|one| one["to"] == "EXITED").collect()
}
