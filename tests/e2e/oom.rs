//! A program that the kernel kills for its memory, in a control group with a limit. Making one takes root;
//! elsewhere than in CI the test does without where none can be made.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process, thread,
};

use super::stage::{Script, Stage};
use crate::support::wait::{PATIENCE, wait_until};

/// Far less than the program takes.
const LIMIT: &str = "33554432";

/// A control group; it goes with this value.
struct Group {
    folder: PathBuf,
    /// Whether it is of version 2, which counts its own kills.
    is_v2: bool,
}

impl Group {
    fn with_limit() -> Option<Self> {
        let root = Path::new("/sys/fs/cgroup");
        let controllers = fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default();
        let is_v2 = controllers.contains("memory");
        let parent = if is_v2 {
            root.to_owned()
        } else {
            root.join("memory")
        };
        let folder = parent.join(format!("supervigil-test-{}", process::id()));
        fs::create_dir(&folder).ok()?;
        let group = Self { folder, is_v2 };
        let [limit, swap] = if is_v2 {
            [("memory.max", LIMIT), ("memory.swap.max", "0")]
        } else {
            [("memory.limit_in_bytes", LIMIT), ("memory.swappiness", "0")]
        };
        fs::write(group.folder.join(limit.0), limit.1).ok()?;
        // Where nothing can be swapped there is no such file.
        fs::write(group.folder.join(swap.0), swap.1).ok();
        Some(group)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let folder = &self.folder;
        if thread::panicking() {
            // A second panic would end the other tests as well.
            fs::remove_dir(folder).ok();
            return;
        }
        wait_until(PATIENCE, "the control group to be empty", || {
            fs::remove_dir(folder).is_ok()
        });
    }
}

#[test]
fn a_kill_for_memory_is_told_as_one() {
    let Some(group) = Group::with_limit() else {
        assert!(env::var_os("CI").is_none(), "CI runs the tests as root");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let go = folder.path().join("go");
    let script = folder.path().join("eat.sh");
    let text = format!(
        "#!/bin/sh\necho $$ >{}/cgroup.procs\nwhile ! [ -e {} ]; do sleep 0.1; done\n\
         exec python3 -c 'x = b\"x\" * (1 << 28)'\n",
        group.folder.display(),
        go.display()
    );
    fs::write(&script, text).expect("a script");
    let section = format!(
        "[program:greedy]\ncommand=/bin/sh {}\nautostart=false\nautorestart=false\nstartsecs=0\n",
        script.display()
    );
    let stage = Stage::set(Script {
        programs: &section,
        ..Script::default()
    });
    stage.start("greedy");
    let pid = stage.supervisord.pid_of("greedy").expect("a known program");
    wait_until(PATIENCE, "it to be watched", || watches(&stage, pid));
    fs::write(&go, "").expect("a file");
    let message = stage.dingtalk.wait_until_shown("Unexpected exit: greedy");
    let place = if group.is_v2 {
        "in its cgroup"
    } else {
        "on this host"
    };
    let fact = format!(
        "killed by SIGKILL (probably out of memory: the OOM killer was at work {place} at that time)"
    );
    assert!(message.contains(&fact), "{message}");
    let incident = stage
        .supervigil
        .wait_for_incident("greedy", "unexpected_exit");
    assert_eq!(incident["exit"]["signal"], "SIGKILL");
    assert!(incident.get("oom_kill").is_none(), "{incident}");
}

/// Whether supervigil has a pidfd of a process (`Pid:` in /proc/PID/fdinfo).
fn watches(stage: &Stage, pid: u32) -> bool {
    let line = format!("Pid:\t{pid}\n");
    let files = fs::read_dir(format!("/proc/{}/fdinfo", stage.supervigil.pid()));
    files.is_ok_and(|files| {
        files
            .filter_map(|file| fs::read_to_string(file.ok()?.path()).ok())
            .any(|text| text.contains(&line))
    })
}
