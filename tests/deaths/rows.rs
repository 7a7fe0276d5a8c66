//! The table: programs, what is done to them, and what became of them.

use crate::{
    stage::{Row, Script, Stage, kill},
    support::wait::{PATIENCE, wait_until},
    truth::{Death, Fate, code, signal},
};

/// The signals that end a process by default, as signal(7) has them, and a real-time one.
const SIGNALS: [(i32, &str); 24] = [
    (1, "SIGHUP"),
    (2, "SIGINT"),
    (3, "SIGQUIT"),
    (4, "SIGILL"),
    (5, "SIGTRAP"),
    (6, "SIGABRT"),
    (7, "SIGBUS"),
    (8, "SIGFPE"),
    (9, "SIGKILL"),
    (10, "SIGUSR1"),
    (11, "SIGSEGV"),
    (12, "SIGUSR2"),
    (13, "SIGPIPE"),
    (14, "SIGALRM"),
    (15, "SIGTERM"),
    (16, "SIGSTKFLT"),
    (24, "SIGXCPU"),
    (25, "SIGXFSZ"),
    (26, "SIGVTALRM"),
    (27, "SIGPROF"),
    (29, "SIGIO"),
    (30, "SIGPWR"),
    (31, "SIGSYS"),
    (40, "SIG40"),
];

/// Counts as running at once, and is left alone after its end.
const LEFT: &[&str] = &["startsecs=0", "autorestart=false"];
/// Counts as running at once, and is started again whatever its end.
const KEPT: &[&str] = &["startsecs=0", "autorestart=true"];
/// Longer than the second that supervisord may take to notice a death.
const SLOW: &[&str] = &["startsecs=2", "startretries=1"];

/// One-shots that are started together.
const BATCH: u16 = 32;

/// `[program:NAME]`, which somebody starts and which keeps a diary.
pub(crate) fn program(name: &str, behaviour: &str, settings: &[&str]) -> String {
    let mut all = vec!["autostart=false"];
    all.extend_from_slice(settings);
    section(name, behaviour, &all)
}

/// As [`program`], of one that supervisord starts.
pub(crate) fn started(name: &str, behaviour: &str, settings: &[&str]) -> String {
    section(name, behaviour, settings)
}

fn section(name: &str, behaviour: &str, settings: &[&str]) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/deaths/program.sh");
    let settings = settings.join("\n");
    format!(
        "[program:{name}]\ncommand={script} {behaviour}\ndirectory=%(here)s\n\
         stdout_logfile=NONE\nredirect_stderr=true\n{settings}\n"
    )
}

fn row(programs: impl Into<String>, script: Script) -> Row {
    Row {
        programs: programs.into(),
        script,
    }
}

/// Programs that live before they die, so that the feeds have told of each from its start on.
pub(crate) fn lives() -> Vec<Row> {
    let signals = SIGNALS
        .iter()
        .map(|(number, _)| program(&format!("sig{number}"), "live", LEFT));
    vec![
        row(signals.collect::<String>(), each_signal),
        row(program("healed", "live", KEPT), a_crash_is_healed),
        row(
            program("double", "exit-at 2 7", KEPT),
            one_dies_and_its_successor_too,
        ),
        row(program("restarted", "live", KEPT), an_operators_restart),
        row(program("stopped", "live", KEPT), a_stop_and_a_start),
        row(program("graceful", "graceful", KEPT), a_stop_that_is_obeyed),
        row(
            program("stubborn", "stubborn", &["startsecs=0", "stopwaitsecs=1"]),
            a_stop_that_takes_a_sigkill,
        ),
        row(
            program("young", "live", &["startsecs=1000"]),
            a_stop_in_starting,
        ),
        row(
            program("killed", "live", &["startsecs=1000", "startretries=0"]),
            a_kill_in_starting,
        ),
    ]
}

/// Programs that die as soon as they are started.
pub(crate) fn one_shots() -> Vec<Row> {
    let mixed = [LEFT, &["exitcodes=0,3"]].concat();
    let unexpected = ["startsecs=0", "autorestart=unexpected", "exitcodes=5"];
    let many = ["startsecs=2", "startretries=9"];
    vec![
        row(
            program("mixed3", "exit 3", &mixed)
                + &program("mixed4", "exit 4", &mixed)
                + &program("five", "exit 5", &unexpected),
            what_exitcodes_expects,
        ),
        row(program("twice", "exit-until 3 7", KEPT), two_die_at_once),
        row(
            program("again", "exit-until 3 0", KEPT),
            two_end_at_once_as_they_may,
        ),
        row(program("fatal", "exit 3", SLOW), failures_up_to_fatal),
        row(
            program("slow", "exit-until 2 9", SLOW),
            a_failure_that_is_healed,
        ),
        row(program("backoff", "exit 6", &many), a_stop_in_backoff),
        // supervisord refuses to start what is not there, unless it starts it by itself.
        row(
            "[program:missing]\ncommand=/nonexistent/binary\nstartretries=1\n",
            a_missing_binary,
        ),
    ]
}

/// A one-shot for each exit code that there is.
pub(crate) fn codes() -> Vec<Row> {
    let all: Vec<_> = (0..256).step_by(usize::from(BATCH)).collect();
    let all = all.into_iter().map(|first: u16| {
        let (count, start) = (
            format!("numprocs={BATCH}"),
            format!("numprocs_start={first}"),
        );
        let name = "process_name=code%(process_num)d";
        let settings = [LEFT, &[&count, &start, name]].concat();
        program(&format!("codes{first}"), "exit %(process_num)d", &settings)
    });
    vec![row(all.collect::<String>(), each_exit_code)]
}

/// The sections of all rows.
pub(crate) fn sections(acts: &[Vec<Row>]) -> String {
    acts.iter()
        .flatten()
        .map(|row| row.programs.as_str())
        .collect()
}

fn each_signal(stage: &Stage) -> Vec<Fate> {
    let names = SIGNALS.map(|(number, _)| format!("sig{number}"));
    let pids = names.each_ref().map(|name| stage.start(name));
    for (name, pid) in names.iter().zip(pids) {
        stage.wait_until_seen(name, "RUNNING", pid);
    }
    let all = SIGNALS.iter().zip(names.iter().zip(pids));
    all.map(|((number, word), (name, pid))| {
        kill(pid, *number);
        Fate::new(name, vec![Death::crash(pid, signal(word))])
    })
    .collect()
}

fn a_crash_is_healed(stage: &Stage) -> Vec<Fate> {
    let first = stage.start_and_see("healed");
    kill(first, 9);
    let second = stage.wait_for_life("healed", 2);
    stage.wait_until_seen("healed", "RUNNING", second);
    kill(second, 11);
    stage.wait_for_life("healed", 3);
    let deaths = vec![
        Death::crash(first, signal("SIGKILL")),
        Death::crash(second, signal("SIGSEGV")),
    ];
    vec![Fate::new("healed", deaths)]
}

fn one_dies_and_its_successor_too(stage: &Stage) -> Vec<Fate> {
    let first = stage.start_and_see("double");
    kill(first, 9);
    stage.wait_for_life("double", 3);
    let second = stage.diary("double")[1];
    let deaths = vec![
        Death::crash(first, signal("SIGKILL")),
        Death::crash_at_once(second, code(7)),
    ];
    vec![Fate::new("double", deaths)]
}

fn an_operators_restart(stage: &Stage) -> Vec<Fate> {
    let first = stage.start_and_see("restarted");
    stage.stop("restarted");
    stage.start("restarted");
    let deaths = vec![Death::stopped(first, signal("SIGTERM"))];
    vec![Fate::new("restarted", deaths)]
}

fn a_stop_and_a_start(stage: &Stage) -> Vec<Fate> {
    let first = stage.start_and_see("stopped");
    stage.stop("stopped");
    wait_until(PATIENCE, "the stop to be told", || {
        let transitions = stage.transitions("stopped");
        transitions
            .last()
            .is_some_and(|last| last["to"] == "STOPPED")
    });
    let second = stage.start_and_see("stopped");
    stage.stop("stopped");
    let stopped = |pid| Death::stopped(pid, signal("SIGTERM"));
    vec![Fate::new("stopped", vec![stopped(first), stopped(second)])]
}

fn a_stop_that_is_obeyed(stage: &Stage) -> Vec<Fate> {
    let pid = stage.start_and_see("graceful");
    stage.stop("graceful");
    vec![Fate::new("graceful", vec![Death::stopped(pid, code(0))])]
}

fn a_stop_that_takes_a_sigkill(stage: &Stage) -> Vec<Fate> {
    let pid = stage.start_and_see("stubborn");
    stage.stop("stubborn");
    let deaths = vec![Death::stopped(pid, signal("SIGKILL"))];
    vec![Fate::new("stubborn", deaths)]
}

fn a_stop_in_starting(stage: &Stage) -> Vec<Fate> {
    let pid = stage.start("young");
    stage.wait_until_seen("young", "STARTING", pid);
    stage.stop("young");
    let deaths = vec![Death::stopped_in_starting(pid, signal("SIGTERM"))];
    vec![Fate::new("young", deaths)]
}

fn a_kill_in_starting(stage: &Stage) -> Vec<Fate> {
    let pid = stage.start("killed");
    stage.wait_until_seen("killed", "STARTING", pid);
    kill(pid, 9);
    stage.supervisord.wait_for_state("killed", "FATAL");
    let deaths = vec![Death::failed_for_good(pid, signal("SIGKILL"))];
    vec![Fate::new("killed", deaths)]
}

fn each_exit_code(stage: &Stage) -> Vec<Fate> {
    for first in (0..256).step_by(usize::from(BATCH)) {
        let group = format!("codes{first}");
        let supervisord = &stage.supervisord;
        supervisord.call("supervisor.startProcessGroup", &[&group]);
        // One after another: a supervisord that starts hundreds at once answers seconds late.
        stage.wait_until_all_are_seen(&group, "EXITED");
    }
    let fate = |number: u8| {
        let name = format!("code{number}");
        let pid = stage.wait_for_life(&name, 1);
        let death = if number == 0 {
            Death::expected_at_once(pid, code(0))
        } else {
            Death::crash_at_once(pid, code(number))
        };
        Fate::new(name, vec![death])
    };
    (0..=u8::MAX).map(fate).collect()
}

fn what_exitcodes_expects(stage: &Stage) -> Vec<Fate> {
    let [three, four, five] = ["mixed3", "mixed4", "five"].map(|name| stage.start(name));
    vec![
        Fate::new("mixed3", vec![Death::expected_at_once(three, code(3))]),
        Fate::new("mixed4", vec![Death::crash_at_once(four, code(4))]),
        Fate::new("five", vec![Death::expected_at_once(five, code(5))]),
    ]
}

fn two_die_at_once(stage: &Stage) -> Vec<Fate> {
    stage.start("twice");
    stage.wait_for_life("twice", 3);
    let pids = stage.diary("twice");
    let deaths = pids[..2]
        .iter()
        .map(|pid| Death::crash_at_once(*pid, code(7)));
    vec![Fate::new("twice", deaths.collect())]
}

fn two_end_at_once_as_they_may(stage: &Stage) -> Vec<Fate> {
    stage.start("again");
    stage.wait_for_life("again", 3);
    let pids = stage.diary("again");
    let deaths = pids[..2]
        .iter()
        .map(|pid| Death::expected_at_once(*pid, code(0)));
    vec![Fate::new("again", deaths.collect())]
}

fn failures_up_to_fatal(stage: &Stage) -> Vec<Fate> {
    stage.start("fatal");
    stage.supervisord.wait_for_state("fatal", "FATAL");
    let pids = stage.diary("fatal");
    assert_eq!(pids.len(), 2, "a start, and one more try");
    let deaths = pids.iter().map(|pid| Death::failed_to_start(*pid, code(3)));
    vec![Fate::new("fatal", deaths.collect())]
}

fn a_failure_that_is_healed(stage: &Stage) -> Vec<Fate> {
    let pid = stage.start("slow");
    stage.wait_for_life("slow", 2);
    stage.supervisord.wait_for_state("slow", "RUNNING");
    vec![Fate::new(
        "slow",
        vec![Death::failed_to_start(pid, code(9))],
    )]
}

fn a_stop_in_backoff(stage: &Stage) -> Vec<Fate> {
    stage.start("backoff");
    stage.supervisord.wait_for_state("backoff", "BACKOFF");
    stage.stop("backoff");
    let pids = stage.diary("backoff");
    let deaths = pids.iter().map(|pid| Death::failed_to_start(*pid, code(6)));
    vec![Fate::new("backoff", deaths.collect())]
}

fn a_missing_binary(stage: &Stage) -> Vec<Fate> {
    stage.supervisord.wait_for_state("missing", "FATAL");
    vec![Fate::new("missing", Vec::new())]
}
