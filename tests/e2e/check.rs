//! `supervigil check`.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use super::stage::watched;
use crate::support::{
    programs,
    supervisord::{Options, Release, Supervisord},
};

/// The user and group `nobody`.
const NOBODY: &str = "65534";

fn check(config: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(folder.path(), config);
    let output = supervigil(&[])
        .arg("--config")
        .arg(&file)
        .arg("check")
        .args(arguments)
        .output()
        .expect("it runs");
    said(&output)
}

/// A configuration in a folder, with the state beside it.
fn write(folder: &Path, config: &str) -> std::path::PathBuf {
    let file = folder.join("supervigil.toml");
    let storage = format!("[storage]\npath = \"{}/supervigil.db\"\n", folder.display());
    fs::write(&file, format!("{config}\n{storage}")).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("it is ours");
    file
}

fn supervigil(before: &[&str]) -> Command {
    let binary = env!("CARGO_BIN_EXE_supervigil");
    let mut command = match before {
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(binary);
            command
        }
        [] => Command::new(binary),
    };
    command.stdin(Stdio::null());
    command
}

fn said(output: &Output) -> (Option<i32>, String) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[test]
fn all_is_well() {
    let supervisord = Supervisord::start(Release::V430, &programs::healthy("web"));
    let (code, text) = check(&watched(&supervisord, "main"), &[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("release 4.3.0") && text.contains("1 programs"),
        "{text}"
    );
}

#[test]
fn every_mistake_is_named_at_once() {
    let config = "[[supervisord]]\nurl = \"https://x\"\npoll_interval = \"1ms\"\n[retry]\nmax_attempts = 0\n\
                  [alert]\nlangauge = \"en\"\n[[dingtalk]]\nname = \"ops\"\n";
    let (code, text) = check(config, &["--no-environment"]);
    assert_eq!(code, Some(78), "{text}");
    for words in [
        ":2:7: supervisord[0].url",
        ":3:17: supervisord[0].poll_interval",
        "retry.max_attempts",
        "did you mean language?",
        "dingtalk[0].webhook",
        "5 mistakes",
    ] {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
}

#[test]
fn run_refuses_the_same_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(folder.path(), "[retry]\nmax_attempts = 0\n");
    let output = supervigil(&["timeout", "20"])
        .arg("--config")
        .arg(file)
        .arg("run")
        .output();
    let (code, text) = said(&output.expect("it runs"));
    assert_eq!(code, Some(78), "{text}");
}

#[test]
fn a_file_that_is_not_there_is_a_bad_configuration() {
    let output = supervigil(&[])
        .args(["--config", "/nonexistent.toml", "check"])
        .output();
    let (code, text) = said(&output.expect("it runs"));
    assert_eq!(code, Some(78));
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    assert!(text.contains("/nonexistent.toml does not exist"), "{text}");
}

#[test]
fn a_missing_socket_is_found() {
    let config = "[[supervisord]]\nurl = \"unix:///nonexistent/s.sock\"\n";
    let (code, text) = check(config, &[]);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("no supervisord socket at /nonexistent/s.sock"),
        "{text}"
    );
    let (code, text) = check(config, &["--no-environment"]);
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn a_socket_of_somebody_else_and_a_state_folder_of_root_are_found() {
    if !rustix::process::geteuid().is_root() {
        assert!(
            std::env::var_os("CI").is_none(),
            "CI runs the tests as root"
        );
        return;
    }
    let supervisord = Supervisord::start(Release::V430, "");
    open(supervisord.folder(), 0o755);
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(folder.path(), &watched(&supervisord, "main"));
    open(folder.path(), 0o755);
    open(&file, 0o644);
    let (code, text) = as_nobody(folder.path(), &file);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("this user may not use supervisord's socket"),
        "{text}"
    );
    assert!(text.contains("chmod=0770"), "what to do: {text}");
    assert!(text.contains("cannot be written to"), "{text}");

    let chmod = Options {
        chmod: "0777",
        ..Options::default()
    };
    let supervisord = Supervisord::start_with(Release::V430, chmod, "");
    open(supervisord.folder(), 0o755);
    let file = write(folder.path(), &watched(&supervisord, "main"));
    open(&file, 0o644);
    open(folder.path(), 0o777);
    let (code, text) = as_nobody(folder.path(), &file);
    assert_eq!(code, Some(0), "{text}");
}

/// Runs `check` as the user nobody, from a copy of the binary that it may read.
fn as_nobody(folder: &Path, config: &Path) -> (Option<i32>, String) {
    let binary = folder.join("supervigil");
    if !binary.exists() {
        fs::copy(env!("CARGO_BIN_EXE_supervigil"), &binary).expect("room for a copy");
    }
    let output = Command::new("setpriv")
        .args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"])
        .arg(binary)
        .arg("--config")
        .arg(config)
        .arg("check")
        .stdin(Stdio::null())
        .output();
    said(&output.expect("setpriv is a part of util-linux"))
}

fn open(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

#[test]
fn a_secret_that_everybody_can_read_is_warned_of() {
    let supervisord = Supervisord::start(Release::V430, "");
    let config = format!(
        "{}[[dingtalk]]\nname = \"ops\"\nwebhook = \"https://oapi.dingtalk.com/robot/send?access_token=x\"\nsecret = \"SECx\"\n",
        watched(&supervisord, "main")
    );
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(folder.path(), &config);
    open(&file, 0o644);
    let output = supervigil(&[])
        .arg("--config")
        .arg(&file)
        .arg("check")
        .output();
    let (code, text) = said(&output.expect("it runs"));
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("everybody on this machine can read the secrets"),
        "{text}"
    );
    assert!(!text.contains("SECx"), "{text}");
}
