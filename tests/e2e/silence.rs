//! A supervisord that does not answer.

use rustix::process::Signal;
use serde_json::json;

use super::stage::{Script, Stage};
use crate::support::{
    programs,
    supervisord::Release,
    wait::{PATIENCE, wait_until},
};

crate::each_release!(a_death_of_supervisord_is_one_incident);

fn a_death_of_supervisord_is_one_incident(release: Release) {
    let mut stage = Stage::set(Script {
        release,
        programs: &[programs::healthy("web"), programs::healthy("db")].concat(),
        alert: "unreachable_after = \"1s\"",
        ..Script::default()
    });
    stage.supervisord.kill9();
    let message = stage
        .dingtalk
        .wait_until_shown("supervisord does not answer: main");
    assert!(
        message.contains("how its programs are is unknown"),
        "{message}"
    );
    let incident = stage.supervigil.wait_for_incident("", "unreachable");
    assert_eq!(
        (&incident["group"], &incident["server"]),
        (&json!(""), &json!("main"))
    );
    assert_eq!(stage.supervigil.get("/-/ready").0, 503);
    assert_eq!(stage.supervigil.get("/-/healthy").0, 200);
    assert_eq!(stage.metric("supervisord_up{server=\"main\"}"), Some(0.0));
    let open = "supervigil_incidents_open{kind=\"unreachable\",severity=\"critical\"}";
    assert_eq!(stage.metric(open), Some(1.0));

    stage.supervisord.restart();
    stage.dingtalk.wait_until_shown("Recovered: main");
    stage.wait_until_closed("", "recovered");
    stage.wait_until_ready();
    assert_eq!(stage.metric("supervisord_up{server=\"main\"}"), Some(1.0));
    stage.fence();
    assert_eq!(stage.shown_with("supervisord does not answer: main"), 1);
    let incidents = stage.incidents();
    assert_eq!(incidents.len(), 1, "none of a program: {incidents:?}");
}

#[test]
fn a_short_absence_is_not_told() {
    let mut stage = Stage::set(Script {
        programs: &programs::healthy("web"),
        alert: "unreachable_after = \"20s\"",
        ..Script::default()
    });
    stage.supervisord.kill9();
    wait_until(PATIENCE, "the absence to be seen", || {
        stage.metric("supervisord_up{server=\"main\"}") == Some(0.0)
    });
    stage.supervisord.restart();
    stage.fence();
    assert_eq!(stage.incidents().len(), 0);
}

#[test]
fn a_supervisord_that_hangs_holds_nobody_up() {
    let stage = Stage::set(Script {
        programs: &programs::healthy("web"),
        supervisord: "timeout = \"500ms\"\n",
        alert: "unreachable_after = \"1s\"",
        ..Script::default()
    });
    stage.supervisord.signal(Signal::STOP);
    stage
        .dingtalk
        .wait_until_shown("supervisord does not answer: main");
    // The stopped supervisord has been asked several times by now.
    for path in ["/metrics", "/-/healthy", "/api/v1/status", "/"] {
        let (status, took) = stage.timed(path);
        assert_eq!(status, 200, "{path}");
        assert!(took.as_secs_f64() < 1.0, "{path} took {took:?}");
    }
    assert_eq!(stage.timed("/-/ready").0, 503);
    assert_eq!(stage.metric("supervisord_up{server=\"main\"}"), Some(0.0));
    stage.supervisord.signal(Signal::CONT);
    stage.dingtalk.wait_until_shown("Recovered: main");
    stage.wait_until_ready();
    assert_eq!(stage.metric("supervisord_up{server=\"main\"}"), Some(1.0));
    assert_eq!(stage.shown_with("supervisord does not answer: main"), 1);
}

#[test]
fn a_program_that_died_meanwhile_is_told_of_afterwards() {
    let left = ["startsecs=0", "autorestart=false"];
    let mut stage = Stage::set(Script {
        programs: &programs::program("web", "sleep", &left),
        alert: "unreachable_after = \"20s\"",
        supervisord: "timeout = \"500ms\"\n",
        ..Script::default()
    });
    stage.supervisord.wait_for_state("web", "RUNNING");
    let web = stage.supervisord.pid_of("web").expect("a pid");
    stage.supervisord.signal(Signal::STOP);
    wait_until(PATIENCE, "the silence to be seen", || {
        stage.metric("supervisord_up{server=\"main\"}") == Some(0.0)
    });
    let pid = i32::try_from(web)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    rustix::process::kill_process(pid.expect("a pid"), Signal::KILL).expect("it is ours");
    stage.supervisord.signal(Signal::CONT);
    stage.dingtalk.wait_until_shown("Unexpected exit: web");
    stage.supervisord.stop();
}
