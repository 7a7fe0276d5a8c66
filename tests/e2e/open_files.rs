//! More processes than supervigil may have files open.

use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use serde_json::json;

use super::stage::{Script, Stage, config, on_demand};
use crate::support::wait::{PATIENCE, wait_until};

/// Fewer than supervigil keeps free for everything but processes.
const FEW: u64 = 100;

const WARNING: &str = "raise the limit of open files";

#[test]
fn a_process_that_cannot_be_watched_is_said_and_its_death_is_told_all_the_same() {
    let script = Script {
        programs: &on_demand("web", "sleep", &[]),
        ..Script::default()
    };
    let stage = Stage::set(script);
    let pidfds = || stage.metric("supervigil_hint_feed_up{server=\"main\",feed=\"pidfd\"}");
    wait_until(PATIENCE, "processes to be watched", || {
        pidfds() == Some(1.0)
    });

    let before = limit(&stage, Some(FEW));
    stage.start("web");
    wait_until(PATIENCE, "it to be shown", || pidfds() == Some(0.0));
    assert_eq!(stage.supervigil.log().matches(WARNING).count(), 1);

    // The next poll is too far away to be what shows the death.
    let seldom = config(&stage.supervisord, &stage.dingtalk, script).replace("200ms", "10m");
    stage.supervigil.rewrite_config(&seldom);
    let status = stage.supervigil.json("/api/v1/status");
    let loaded_before = status["config"]["loaded_at"].as_str();
    let loaded_before = loaded_before.expect("a time").to_owned();
    stage.supervigil.hup();
    wait_until(PATIENCE, "a poll after the reload", || {
        let status = stage.supervigil.json("/api/v1/status");
        let polled = status["supervisords"][0]["last_success_at"].as_str();
        let loaded = status["config"]["loaded_at"].as_str();
        loaded > Some(&*loaded_before) && polled > loaded
    });
    stage.kill("web", Signal::KILL);
    let end = stage.wait_for_transition("web", "EXITED", |one| one["to"] == "EXITED");
    assert_eq!(
        end["exit"],
        json!({"signal": "SIGKILL", "core_dumped": false})
    );
    assert_eq!(end["cause"], "crash");
    // The log says so, or the kernel that there is no such process to watch.
    assert_ne!(end["seen_by"], "poll");

    limit(&stage, before);
    stage.start("web");
    wait_until(PATIENCE, "processes to be watched again", || {
        pidfds() == Some(1.0)
    });
}

/// Limits the files that supervigil may have open: the limit before.
fn limit(stage: &Stage, files: Option<u64>) -> Option<u64> {
    let pid = i32::try_from(stage.supervigil.pid()).ok();
    let pid = pid.and_then(Pid::from_raw);
    let unchanged = rustix::process::getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: files,
        maximum: unchanged,
    };
    let before = prlimit(pid, Resource::Nofile, limit).expect("a limit that may be set");
    before.current
}
