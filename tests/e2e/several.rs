//! Several supervisords, one of them over TCP.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::stage::{Script, Stage, watched};
use crate::support::{
    programs,
    supervigil::free_port,
    supervisord::{Options, Release, Supervisord},
    wait::{PATIENCE, wait_until},
};

#[test]
fn each_is_watched_and_told_of_by_its_name() {
    let port = free_port();
    let options = Options {
        inet: Some((port, "watcher", "s3cret")),
        ..Options::default()
    };
    let sections = super::stage::on_demand("web", "exit 3 0", &[]);
    let mut remote = Supervisord::start_with(Release::V425, options, &sections);
    let third = Supervisord::start(Release::V430, &programs::healthy("web"));
    let more = format!(
        "[[supervisord]]\nname = \"remote\"\nurl = \"http://127.0.0.1:{port}\"\nusername = \"watcher\"\n\
         password = \"s3cret\"\npoll_interval = \"200ms\"\nmax_load = 1.0\n{}",
        watched(&third, "third")
    );
    let stage = Stage::set(Script {
        programs: &programs::healthy("web"),
        alert: "unreachable_after = \"1s\"\n",
        more: &more,
        ..Script::default()
    });
    wait_until(PATIENCE, "all three to be up", || {
        ["main", "remote", "third"]
            .iter()
            .all(|name| stage.metric(&format!("supervisord_up{{server=\"{name}\"}}")) == Some(1.0))
    });
    remote.call("supervisor.startProcess", &["web"]);
    let message = stage.dingtalk.wait_until_shown("FATAL: web");
    assert!(message.contains("supervisord remote · web"), "{message}");
    let incidents = stage.incidents();
    assert_eq!(incidents.len(), 1);
    assert_eq!(incidents[0]["server"], "remote");

    let status = stage.supervigil.command(&["status"]);
    let table = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(
        table.contains("remote/web") && table.contains("third/web"),
        "{table}"
    );
    assert_eq!(status.status.code(), Some(3), "{table}");

    remote.kill9();
    stage
        .dingtalk
        .wait_until_shown("supervisord does not answer: remote");
    assert_eq!(stage.metric("supervisord_up{server=\"main\"}"), Some(1.0));
    assert_eq!(stage.supervigil.command(&["status"]).status.code(), Some(4));
    remote.restart();
    stage.dingtalk.wait_until_shown("Recovered: remote");
}

crate::each_release!(over_tcp_the_main_log_tells_how_a_program_ended);

/// Without a unix socket nothing proves that its processes are this host's: the kernel is not asked.
fn over_tcp_the_main_log_tells_how_a_program_ended(release: Release) {
    let port = free_port();
    let options = Options {
        inet: Some((port, "watcher", "s3cret")),
        ..Options::default()
    };
    let kept = ["startsecs=0", "autorestart=true"];
    let far = Supervisord::start_with(release, options, &programs::program("far", "sleep", &kept));
    let more = format!(
        "[[supervisord]]\nname = \"remote\"\nurl = \"http://127.0.0.1:{port}\"\nusername = \"watcher\"\n\
         password = \"s3cret\"\npoll_interval = \"200ms\"\nmax_load = 1.0\n"
    );
    let stage = Stage::set(Script {
        more: &more,
        ..Script::default()
    });
    stage.wait_for_state("far", "RUNNING");
    let up = |feed| {
        let series = format!("supervigil_hint_feed_up{{server=\"remote\",feed=\"{feed}\"}}");
        stage.metric(&series)
    };
    wait_until(PATIENCE, "its log to be read", || up("log") == Some(1.0));
    assert_eq!(up("pidfd"), Some(0.0));
    for signal in [Signal::KILL, Signal::USR1] {
        let pid = far.pid_of("far").expect("a known program");
        let process = i32::try_from(pid).ok().and_then(Pid::from_raw);
        kill_process(process.expect("a live program"), signal).expect("it is ours");
        let end = stage.wait_for_transition("far", "its end", |one| {
            one["pid"] == pid && one["to"] == "EXITED"
        });
        let name = if signal == Signal::KILL {
            "SIGKILL"
        } else {
            "SIGUSR1"
        };
        assert_eq!(end["exit"], json!({"signal": name, "core_dumped": false}));
        assert_eq!(
            (&end["cause"], &end["server"]),
            (&json!("crash"), &json!("remote"))
        );
        wait_until(PATIENCE, "the next life", || {
            far.pid_of("far")
                .is_some_and(|next| next != 0 && next != pid)
        });
    }
}

#[test]
fn a_wrong_password_is_said() {
    let port = free_port();
    let options = Options {
        inet: Some((port, "watcher", "s3cret")),
        ..Options::default()
    };
    let _remote = Supervisord::start_with(Release::V430, options, "");
    let more = format!(
        "[[supervisord]]\nname = \"remote\"\nurl = \"http://127.0.0.1:{port}\"\nusername = \"watcher\"\n\
         password = \"wr0ng\"\npoll_interval = \"200ms\"\n"
    );
    let stage = Stage::set(Script {
        alert: "unreachable_after = \"500ms\"\n",
        more: &more,
        ..Script::default()
    });
    let message = stage
        .dingtalk
        .wait_until_shown("supervisord does not answer: remote");
    assert!(
        message.contains("refuses this user and password"),
        "{message}"
    );
    assert!(!stage.supervigil.log().contains("wr0ng"));
    let polls = "supervisord_polls_total{server=\"remote\",result=\"auth\"}";
    assert!(stage.metric(polls) >= Some(1.0));
}
