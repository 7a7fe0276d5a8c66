//! Sections of a supervisord configuration whose programs behave in known ways (`program.sh`).

use std::path::Path;

/// `[program:NAME]` that behaves as the words say, with more lines of settings.
pub(crate) fn program(name: &str, behaviour: &str, settings: &[&str]) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/program.sh");
    section(name, &format!("{script} {behaviour}"), settings)
}

/// Runs for ever, and counts as running at once.
pub(crate) fn healthy(name: &str) -> String {
    program(name, "sleep", &["startsecs=0"])
}

/// Ends with `code` after `seconds`; whether it runs again is for `settings` to say.
pub(crate) fn exits(name: &str, code: u8, seconds: f64, settings: &[&str]) -> String {
    program(name, &format!("exit {code} {seconds}"), settings)
}

/// Dies by a signal (`KILL`, `SEGV`) after `seconds`.
pub(crate) fn dies_by(name: &str, signal: &str, seconds: f64, settings: &[&str]) -> String {
    program(name, &format!("signal {signal} {seconds}"), settings)
}

/// Longer than the second that supervisord may take to notice a death: with `startsecs=1` it can call
/// a start a success whose process is dead.
const STARTSECS: &str = "startsecs=2";

/// Fails at once and is given up on after two attempts, about a second apart: FATAL.
pub(crate) fn fatal(name: &str) -> String {
    program(name, "exit 3 0", &[STARTSECS, "startretries=1"])
}

/// Names a file that does not exist: FATAL, with a spawn error.
pub(crate) fn missing_binary(name: &str) -> String {
    section(name, "/nonexistent/binary", &["startretries=0"])
}

/// Fails at once until its `nth` start, and runs for ever from then on. `counter` is its memory.
pub(crate) fn heals_at_start(name: &str, nth: u32, counter: &Path) -> String {
    let behaviour = format!("from-start {nth} {}", counter.display());
    program(name, &behaviour, &[STARTSECS, "startretries=1"])
}

/// Lives just past its startsecs, so that supervisord never gives up on it.
pub(crate) fn crash_loops(name: &str) -> String {
    program(name, "exit 1 1.3", &["startsecs=1", "autorestart=true"])
}

/// Runs for ever and ignores TERM; supervisord kills it after a second.
pub(crate) fn stubborn(name: &str) -> String {
    program(name, "stubborn", &["startsecs=0", "stopwaitsecs=1"])
}

/// Writes Chinese to stderr, a line of GBK and a line of UTF-8, then ends with `code`.
pub(crate) fn writes_gbk(name: &str, code: u8, seconds: f64, settings: &[&str]) -> String {
    program(name, &format!("gbk {code} {seconds}"), settings)
}

fn section(name: &str, command: &str, settings: &[&str]) -> String {
    let mut section = format!("[program:{name}]\ncommand={command}\n");
    for setting in settings {
        section.push_str(setting);
        section.push('\n');
    }
    section
}

/// deploy/supervisor/listener.conf, with the command and the log of a test.
pub(crate) fn listener(config: &Path) -> String {
    let lines = include_str!("../../deploy/supervisor/listener.conf").lines();
    let command = format!(
        "command={} --config {} listen",
        env!("CARGO_BIN_EXE_supervigil"),
        config.display()
    );
    let lines = lines.filter(|line| !line.starts_with(';')).map(|line| {
        if line.starts_with("command=") {
            command.as_str()
        } else if line.starts_with("stderr_logfile=") {
            "stderr_logfile=AUTO"
        } else {
            line
        }
    });
    lines.fold(String::new(), |all, line| all + line + "\n")
}
