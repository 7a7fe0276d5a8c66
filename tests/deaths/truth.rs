//! What a script knows of the deaths that it caused, and what supervigil told of them.
//!
//! Where supervisord itself may go either way (a look may fall into STOPPING, a program with
//! `startsecs=0` may end before it was called RUNNING), each way is right; nothing else is.

use std::{collections::BTreeSet, fs};

use serde_json::{Value, json};

/// States or causes, each of which is right.
type OneOf = &'static [&'static str];

/// One death as it was.
#[derive(Debug, Clone)]
pub(crate) struct Death {
    pid: u32,
    exit: Value,
    /// Whether nobody may be left to tell how it ended.
    may_lack_exit: bool,
    expected: bool,
    causes: OneOf,
    from: OneOf,
    to: OneOf,
}

/// What became of a program: its name, and its deaths in order.
#[derive(Debug)]
pub(crate) struct Fate {
    pub(crate) name: String,
    pub(crate) deaths: Vec<Death>,
}

impl Fate {
    pub(crate) fn new(name: impl Into<String>, deaths: Vec<Death>) -> Self {
        Self {
            name: name.into(),
            deaths,
        }
    }
}

/// An exit with a code.
pub(crate) fn code(code: u8) -> Value {
    json!({ "code": code })
}

/// An end by a signal, by the name that signal(7) gives it.
pub(crate) fn signal(name: &str) -> Value {
    json!({"signal": name, "core_dumped": false})
}

impl Death {
    /// A running program ends in a way that is not expected.
    pub(crate) fn crash(pid: u32, exit: Value) -> Self {
        Self {
            pid,
            exit,
            may_lack_exit: false,
            expected: false,
            causes: &["crash"],
            from: &["RUNNING"],
            to: &["EXITED"],
        }
    }

    /// One that counts as running at once ends at once, in a way that is not expected.
    pub(crate) fn crash_at_once(pid: u32, exit: Value) -> Self {
        Self {
            from: &["STARTING", "RUNNING"],
            ..Self::crash(pid, exit)
        }
    }

    /// One that counts as running at once ends at once, as it may.
    pub(crate) fn expected_at_once(pid: u32, exit: Value) -> Self {
        Self {
            expected: true,
            causes: &["expected_exit"],
            ..Self::crash_at_once(pid, exit)
        }
    }

    /// One ends before its startsecs.
    pub(crate) fn failed_to_start(pid: u32, exit: Value) -> Self {
        Self {
            from: &["STARTING"],
            to: &["BACKOFF"],
            ..Self::crash(pid, exit)
        }
    }

    /// One ends before its startsecs, and is given up on at once: a look may come later than that.
    pub(crate) fn failed_for_good(pid: u32, exit: Value) -> Self {
        Self {
            to: &["BACKOFF", "FATAL"],
            ..Self::failed_to_start(pid, exit)
        }
    }

    /// An operator stops it.
    pub(crate) fn stopped(pid: u32, exit: Value) -> Self {
        Self {
            expected: true,
            causes: &["operator"],
            from: &["RUNNING", "STOPPING"],
            to: &["STOPPED"],
            ..Self::crash(pid, exit)
        }
    }

    /// An operator stops it before its startsecs.
    pub(crate) fn stopped_in_starting(pid: u32, exit: Value) -> Self {
        Self {
            from: &["STARTING", "STOPPING"],
            ..Self::stopped(pid, exit)
        }
    }

    /// It goes with its supervisord, of which nothing may be left that could tell how.
    pub(crate) fn went_with_supervisord(pid: u32, exit: Value) -> Self {
        Self {
            may_lack_exit: true,
            causes: &["supervisord_restart"],
            ..Self::stopped(pid, exit)
        }
    }

    /// It is killed while its supervisord is, so that only the kernel may know why it is gone.
    pub(crate) fn killed_with_supervisord(pid: u32, exit: Value) -> Self {
        Self::went_with_supervisord(pid, exit)
    }

    /// It lives on when its supervisord is gone, and is nobody's.
    pub(crate) fn lost_sight_of(pid: u32) -> Self {
        Self::went_with_supervisord(pid, Value::Null)
    }

    /// It is killed right before an operator stops it.
    pub(crate) fn killed_on_its_way_out(pid: u32, exit: Value) -> Self {
        Self {
            causes: &["crash", "operator"],
            from: &["RUNNING", "STOPPING"],
            to: &["EXITED", "STOPPED"],
            ..Self::crash(pid, exit)
        }
    }

    /// Whether a transition tells it as it was.
    fn is_told_by(&self, told: &Value) -> bool {
        let exit = exit(told);
        told["pid"] == self.pid
            && (exit == self.exit || (self.may_lack_exit && exit.is_null()))
            && told["expected"] == self.expected
            && is_one_of(&told["cause"], self.causes)
            && is_one_of(&told["from"], self.from)
            && is_one_of(&told["to"], self.to)
    }

    /// Whether a transition says nothing of it that was not so.
    fn is_not_belied_by(&self, told: &Value) -> bool {
        let exit = exit(told);
        let cause = &told["cause"];
        let is_open = is_one_of(cause, &["unknown", "supervisord_restart"]);
        let expected = &told["expected"];
        (exit.is_null() || exit == self.exit)
            && (is_open || is_one_of(cause, self.causes))
            && (is_open || expected.is_null() || *expected == self.expected)
    }
}

fn is_one_of(value: &Value, all: OneOf) -> bool {
    all.iter().any(|one| value == one)
}

/// How a transition says that the process ended. Where the kernel hands core dumps to a program, no
/// limit keeps it from that.
fn exit(told: &Value) -> Value {
    let mut exit = told["exit"].clone();
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    if let Some(dumped) = exit
        .get_mut("core_dumped")
        .filter(|_| pattern.starts_with('|'))
    {
        *dumped = json!(false);
    }
    exit
}

/// The transitions that tell of a death, as far as they say so: a failure to start of which nothing
/// is known may have been none.
pub(crate) fn deaths(transitions: &[Value]) -> Vec<Value> {
    let is_alive = |state: &Value| is_one_of(state, &["STARTING", "RUNNING", "STOPPING"]);
    let is_death = |one: &&Value| {
        let is_vague = one["pid"] == 0 && one["cause"] == "unknown";
        let is_end = is_alive(&one["from"]) && !is_alive(&one["to"]);
        is_end && one["cause"] != "spawn_error" && !is_vague
    };
    transitions.iter().filter(is_death).cloned().collect()
}

/// What is wrong where each death is to be told once and as it was.
pub(crate) fn not_as_it_was(fate: &Fate, told: &[Value]) -> Option<String> {
    let truth = &fate.deaths;
    let is_so = told.len() == truth.len()
        && truth
            .iter()
            .zip(told)
            .all(|(death, told)| death.is_told_by(told));
    (!is_so).then(|| complaint(fate, told))
}

/// What is wrong where a death may be missed, and none may be made up.
pub(crate) fn made_up(fate: &Fate, told: &[Value]) -> Option<String> {
    let truth = &fate.deaths;
    // supervisord's times have whole seconds: a successor that was started and died within the second
    // looks like the same life.
    let is_so = |told: &Value| {
        let pid = &told["pid"];
        let place = truth.iter().position(|death| *pid == death.pid);
        let alike = match place {
            Some(place) => &truth[place..],
            None if *pid == 0 => truth.as_slice(),
            None => &[],
        };
        alike.iter().any(|death| death.is_not_belied_by(told))
    };
    let pids = told.iter().filter_map(|told| told["pid"].as_u64());
    let pids: Vec<_> = pids.filter(|pid| *pid != 0).collect();
    let is_once = pids.iter().collect::<BTreeSet<_>>().len() == pids.len();
    let holds = told.len() <= truth.len() && is_once && told.iter().all(is_so);
    (!holds).then(|| complaint(fate, told))
}

/// What is wrong with the order of transitions: each must begin where the one before has ended.
pub(crate) fn broken(name: &str, transitions: &[Value]) -> Option<String> {
    let breaks = |pair: &[Value]| pair[0]["to"] != pair[1]["from"];
    let (one, other) = transitions
        .windows(2)
        .find(|pair| breaks(pair))
        .map(|pair| (&pair[0], &pair[1]))?;
    Some(format!("{name}: {other} after {one}"))
}

fn complaint(fate: &Fate, told: &[Value]) -> String {
    let listed = |told: &Value| format!("\n    told {told}");
    let told: String = told.iter().map(listed).collect();
    let known = |death: &Death| format!("\n    true {death:?}");
    let truth: String = fate.deaths.iter().map(known).collect();
    format!("{}:{truth}{told}", fate.name)
}
