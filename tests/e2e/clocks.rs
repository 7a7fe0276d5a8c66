//! Clocks that are set, forth and back.

use rustix::process::Signal;
use serde_json::json;

use super::stage::{Script, Stage};
use crate::support::{
    clock::Clock,
    programs,
    supervisord::Release,
    wait::{PATIENCE, wait_for},
};

crate::each_release!(
    a_supervisord_whose_clock_is_set_is_seen_as_it_is,
    a_clock_of_its_own_that_is_set_changes_nothing,
);

/// Less than the hour that DingTalk grants a message's time.
const FORTH: i64 = 3000;

fn a_supervisord_whose_clock_is_set_is_seen_as_it_is(release: Release) {
    set_forth_and_back(release, |clock| [Some(clock), None]);
}

fn a_clock_of_its_own_that_is_set_changes_nothing(release: Release) {
    set_forth_and_back(release, |clock| [None, Some(clock)]);
}

/// After each time that the clock is set, one program is killed, and told of as it is; of the one that
/// nothing happens to, nothing is.
fn set_forth_and_back(release: Release, of: fn(&Clock) -> [Option<&Clock>; 2]) {
    if !Clock::is_wanted() {
        return;
    }
    let clock = Clock::new();
    let kept = ["startsecs=1", "autorestart=true"];
    let victims = ["at-first", "forth", "back"];
    let sections = victims.map(|name| programs::program(name, "sleep", &kept));
    let stage = Stage::set(Script {
        release,
        programs: &(programs::healthy("steady") + &sections.concat()),
        clocks: of(&clock),
        ..Script::default()
    });
    for name in ["steady"].iter().chain(&victims) {
        stage.wait_for_state(name, "RUNNING");
    }
    let before = stage.transitions("steady");
    for (name, offset) in victims.iter().zip([0, FORTH, -FORTH]) {
        clock.set(offset);
        let pid = stage.supervisord.pid_of(name).expect("a known program");
        stage.kill(name, Signal::KILL);
        let end = wait_for(PATIENCE, "the end to be told", || {
            let all = stage.transitions(name);
            all.into_iter()
                .find(|one| one["pid"] == pid && one["to"] == "EXITED")
        });
        assert_eq!(end["cause"], "crash", "{end}");
        assert_eq!(
            end["exit"],
            json!({"signal": "SIGKILL", "core_dumped": false})
        );
        let uptime = end["uptime_seconds"].as_u64().expect("an uptime");
        assert!(uptime < 600, "{end}");
        stage.wait_for_state(name, "RUNNING");
    }
    stage.fence();
    for name in victims {
        let all = stage.transitions(name);
        let ends = all.iter().filter(|one| one["to"] == "EXITED").count();
        assert_eq!(ends, 1, "{name}: {all:?}");
    }
    assert_eq!(stage.transitions("steady"), before);
    assert_eq!(stage.incidents(), Vec::<serde_json::Value>::new());
}
