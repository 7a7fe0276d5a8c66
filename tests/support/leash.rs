//! A leash holds a process together with all that it starts: `leash.py` kills whatever carries its
//! mark as soon as the leash is dropped or the test process is gone.

use std::{
    fs,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio, id},
    sync::atomic::{AtomicU32, Ordering},
};

/// Makes the marks of one test process different.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// The variable that carries the mark.
const MARK: &str = "SUPERVIGIL_TEST_LEASH";

/// Everything that was started on it ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Leash {
    value: String,
    holder: Child,
}

impl Leash {
    /// A leash with nobody on it.
    pub(crate) fn new() -> Self {
        let value = format!("{}-{}", id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let holder = Command::new("python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/leash.py"))
            .arg(format!("{MARK}={value}"))
            .stdin(Stdio::piped())
            // Ctrl-C goes to the terminal's whole group; the leash must outlive the tests.
            .process_group(0)
            .spawn()
            .expect("python3 is needed to run the tests");
        Self { value, holder }
    }

    /// Puts what the command will start on the leash.
    pub(crate) fn on<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env(MARK, &self.value)
    }

    /// The variable and its value, as a process's environment shows it.
    pub(crate) fn mark(&self) -> String {
        format!("{MARK}={}", self.value)
    }
}

/// How many processes carry a mark in their environment.
pub(crate) fn carriers(mark: &str) -> usize {
    let carries = |process: &Path| {
        fs::read(process.join("environ")).is_ok_and(|all| {
            all.split(|byte| *byte == 0)
                .any(|one| one == mark.as_bytes())
        })
    };
    let processes = fs::read_dir("/proc").expect("/proc").filter_map(Result::ok);
    processes.filter(|process| carries(&process.path())).count()
}

/// Kills a child, where it has not ended on its own, and reaps it.
pub(crate) fn end(child: &mut Child) {
    drop(child.kill());
    drop(child.wait());
}

impl Drop for Leash {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        self.holder.wait().expect("the leash ends");
    }
}
