//! Databases that cannot be used, and disks that are full.

use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use super::stage::{Script, Stage, on_demand};
use crate::support::wait::{PATIENCE, wait_until};

/// Present in the environment of a child: the folder that is a small disk.
const FOLDER: &str = "SUPERVIGIL_TEST_SMALL_DISK";

#[test]
fn a_corrupt_database_is_set_aside() {
    let mut stage = Stage::set(Script {
        programs: &on_demand("broken", "exit 3 0", &[]),
        ..Script::default()
    });
    assert!(stage.supervigil.terminate().0.success());
    let database = stage.supervigil.database();
    fs::write(&database, "this is no database, and was one").expect("it can be spoiled");
    stage.supervigil.start_again();
    stage.wait_until_ready();
    was_set_aside(&stage, &database);
    stage.start("broken");
    stage.dingtalk.wait_until_shown("FATAL: broken");
}

#[test]
fn a_database_of_a_newer_release_is_set_aside() {
    let mut stage = Stage::set(Script::default());
    assert!(stage.supervigil.terminate().0.success());
    let database = stage.supervigil.database();
    let newer = rusqlite::Connection::open(&database).expect("a database");
    newer
        .pragma_update(None, "user_version", 1_000_000)
        .expect("it can be changed");
    drop(newer);
    stage.supervigil.start_again();
    stage.wait_until_ready();
    was_set_aside(&stage, &database);
    stage.fence();
}

fn was_set_aside(stage: &Stage, database: &Path) {
    let folder = database.parent().expect("a folder");
    let names: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name.starts_with("supervigil.db.") && !name.ends_with("-wal"))
        .collect();
    assert_eq!(names.len(), 1, "{names:?}");
    let log = stage.supervigil.log();
    assert!(log.contains(&names[0]), "the log names {}: {log}", names[0]);
}

#[test]
fn a_state_folder_that_cannot_be_written_does_not_stop_it() {
    let stage = Stage::set(Script {
        programs: &on_demand("broken", "exit 3 0", &[]),
        more: "[storage]\npath = \"/proc/nowhere/supervigil.db\"\n",
        ..Script::default()
    });
    let log = stage.supervigil.log();
    assert!(log.contains("supervigil goes on without it"), "{log}");
    let status = stage.supervigil.json("/api/v1/status");
    assert!(status["store"]["error"].is_string(), "{status}");
    stage.start("broken");
    stage.dingtalk.wait_until_shown("FATAL: broken");
}

#[test]
fn on_a_full_disk_it_goes_on_and_loses_nothing() {
    if !rustix::process::geteuid().is_root() {
        assert!(env::var_os("CI").is_none(), "CI runs the tests as root");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new("unshare")
        .args([
            "--mount",
            "sh",
            "-c",
            "mount -t tmpfs -o size=2m tmpfs \"$0\" && exec \"$@\"",
        ])
        .arg(folder.path())
        .arg(env::current_exe().expect("this binary"))
        .args(["--exact", "disk::child_on_a_small_disk", "--nocapture"])
        .env(FOLDER, folder.path())
        .output()
        .expect("unshare is a part of util-linux");
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

/// Not a test of its own: the child of the one above.
#[test]
fn child_on_a_small_disk() {
    let Some(folder) = env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    let storage = format!("[storage]\npath = \"{}/supervigil.db\"\n", folder.display());
    let mut stage = Stage::set(Script {
        programs: &on_demand("broken", "exit 3 0", &[]),
        more: &storage,
        ..Script::default()
    });
    let filler = folder.join("filler");
    fill(&filler);
    stage.start("broken");
    stage.dingtalk.wait_until_shown("FATAL: broken");
    let store = |stage: &Stage| stage.supervigil.json("/api/v1/status")["store"].clone();
    wait_until(PATIENCE, "the trouble to be shown", || {
        store(&stage)["error"].is_string()
    });
    assert!(store(&stage)["unsaved"].as_u64() > Some(0));
    let up = "supervigil_channel_up{channel=\"store\"}";
    let unsaved = "supervigil_outbox_length{channel=\"store\"}";
    assert_eq!(stage.metric(up), Some(0.0));
    assert!(stage.metric(unsaved) > Some(0.0));
    assert!(
        stage
            .supervigil
            .log()
            .contains("finds its file system full")
    );
    assert_eq!(stage.supervigil.get("/-/healthy").0, 200);

    fs::remove_file(filler).expect("it is there");
    wait_until(PATIENCE, "it to be over", || {
        store(&stage)["error"].is_null()
    });
    assert_eq!(store(&stage)["unsaved"], 0);
    assert_eq!(stage.metric(up), Some(1.0));
    let before = stage.incidents();
    assert!(stage.supervigil.terminate().0.success());
    stage.supervigil.start_again();
    stage.wait_until_ready();
    assert_eq!(stage.incidents()[0]["id"], before[0]["id"]);
    stage.fence();
    assert_eq!(stage.shown_with("FATAL: broken"), 1);
}

/// Writes to a file until the disk takes no more.
fn fill(path: &Path) {
    let mut file = fs::File::create(path).expect("a file");
    while file.write_all(&[0; 4096]).is_ok() {}
    while file.write_all(&[0]).is_ok() {}
}
