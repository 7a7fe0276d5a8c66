//! The text scenarios: each file in `scenarios/` is one rule, and the snapshot beside it is what the
//! engine makes of it.
//!
//! A line is a declaration (`program`, `setting`, `rule`, `poll`, `feeds`, `latency`), or `+TIME` and what
//! happens then. Times count from the line before.

use std::{fs, path::Path, time::Duration};

use globset::Glob;
use jiff::{civil::Time, tz::TimeZone};
use supervigil::{
    engine::{HeartbeatSettings, Order, ProgramRule, RetryRule, Whom, Window},
    model::{Feed, ProgramName, Severity},
};

use super::{
    rig::{self, Feeds, Rig},
    story::{Story, time},
    supervisord::{Autorestart, End, Fate, Spec, Supervisord},
};

#[test]
fn scenarios() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine/scenarios");
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    assert!(
        files.len() >= 25,
        "the scenarios are in {}",
        folder.display()
    );
    let mut insta = insta::Settings::clone_current();
    insta.set_snapshot_path(&folder);
    insta.set_prepend_module_to_snapshot(false);
    insta.set_omit_expression(true);
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&file).unwrap();
        let told = Scenario::new().run(&text);
        insta.bind(|| insta::assert_snapshot!(name, told));
    }
}

struct Scenario {
    rig: Rig,
    story: Story,
    told: String,
    read: usize,
}

impl Scenario {
    fn new() -> Self {
        Self {
            rig: Rig::new(Supervisord::new(Vec::new()), rig::settings()),
            story: Story::default(),
            told: String::new(),
            read: 0,
        }
    }

    fn run(mut self, text: &str) -> String {
        for line in text.lines().map(str::trim) {
            if line.is_empty() {
                continue;
            }
            if let Some(rule) = line.strip_prefix('#') {
                self.say(rule.trim());
            } else if let Some((wait, event)) =
                line.strip_prefix('+').and_then(|l| l.split_once(' '))
            {
                self.rig.advance(self.rig.sim.now + millis(wait));
                self.catch_up();
                self.say(&format!(
                    "{}    {event}",
                    time(self.rig.sim.now).replacen(' ', ">", 1)
                ));
                self.act(&words(event));
                self.catch_up();
            } else {
                self.declare(&words(line));
            }
        }
        self.told
    }

    fn say(&mut self, line: &str) {
        self.told += line;
        self.told += "\n";
    }

    fn catch_up(&mut self) {
        while let Some((at, seen)) = self.rig.seen.get(self.read) {
            self.read += 1;
            if let Some(line) = self.story.tell(*at, seen) {
                self.told += &line;
                self.told += "\n";
            }
        }
    }

    fn declare(&mut self, words: &[&str]) {
        match words {
            ["program", name, options @ ..] => self.rig.sim.add(spec(name, options)),
            ["setting" | "rule", ..] => self.set(words),
            ["poll", "every", interval] => self.rig.poll_every = millis(interval),
            ["poll", "takes", takes] => self.rig.poll_takes = millis(takes),
            ["start", "takes", call, answer] => {
                self.rig.start_takes = (millis(call), millis(answer));
            }
            ["feeds", given @ ..] => {
                let delay = |feed| given.contains(&feed).then_some(1);
                let delays = ["pidfd", "listener"].map(delay);
                let log_is_mute = given.contains(&"mute_log");
                let log = log_is_mute || given.contains(&"log");
                let mut feeds = Feeds::new(log, delays, (2, 3), 1);
                feeds.log_is_mute = log_is_mute;
                feeds.kills_for_memory = given.contains(&"oom");
                self.rig.feeds = Some(feeds);
            }
            _ => panic!("no such declaration: {words:?}"),
        }
    }

    fn set(&mut self, words: &[&str]) {
        let settings = &mut self.rig.settings;
        match words {
            ["setting", "retry", options @ ..] => {
                let retry = settings.retry.get_or_insert_with(rig::retry);
                for (key, value) in pairs(options) {
                    match key {
                        "on" => retry.on_exited = value.contains("EXITED"),
                        "max_attempts" => retry.max_attempts = value.parse().unwrap(),
                        "max_concurrent" => retry.max_concurrent = value.parse().unwrap(),
                        "max_per_minute" => retry.max_per_minute = value.parse().unwrap(),
                        "backoff" => retry.backoff = duration(value),
                        "backoff_max" => retry.backoff_max = duration(value),
                        "reset_after" => retry.reset_after = duration(value),
                        "probe_interval" => {
                            retry.probe_interval = (value != "never").then(|| duration(value));
                        }
                        _ => panic!("no such retry setting: {key}"),
                    }
                }
            }
            ["setting", "crash_loop", options @ ..] => {
                for (key, value) in pairs(options) {
                    match key {
                        "restarts" => settings.alert.crash_loop_restarts = value.parse().unwrap(),
                        "within" => settings.alert.crash_loop_within = duration(value),
                        _ => panic!("no such setting of crash_loop: {key}"),
                    }
                }
            }
            ["setting", "flapping", options @ ..] => {
                for (key, value) in pairs(options) {
                    match key {
                        "cycles" => settings.alert.flapping_cycles = value.parse().unwrap(),
                        "within" => settings.alert.flapping_within = duration(value),
                        _ => panic!("no such setting of flapping: {key}"),
                    }
                }
            }
            ["setting", "itself", name] => settings.servers[0].itself = Some(program(name)),
            ["setting", option] if option.starts_with("resolve_after=") => {
                let (_, value) = option.split_once('=').unwrap();
                settings.alert.resolve_after = duration(value);
            }
            ["setting", "maintenance", pattern, options @ ..] => {
                let window = window(pattern, options);
                self.rig.settings.maintenance.push(window);
            }
            ["setting", option] if option.starts_with("reminders=") => {
                let waits = option.trim_start_matches("reminders=").split(',');
                settings.alert.reminders = waits.map(duration).collect();
            }
            ["setting", option] if option.starts_with("heartbeat=") => {
                let at = option.trim_start_matches("heartbeat=").parse().unwrap();
                let zone = TimeZone::UTC;
                settings.heartbeat = Some(HeartbeatSettings { at, zone });
            }
            ["setting", "must_answer=false"] => settings.servers[0].must_answer = false,
            ["rule", pattern, options @ ..] => settings.programs.insert(0, rule(pattern, options)),
            _ => panic!("no such setting: {words:?}"),
        }
    }

    fn act(&mut self, words: &[&str]) {
        let rig = &mut self.rig;
        match words {
            ["start"] | ["supervigil", "starts"] => rig.start(),
            ["supervigil", "stops"] => rig.stop(),
            ["supervigil", "clock", lead] => rig.clock += signed(lead),
            ["end"] => {}
            ["setting" | "rule", ..] => {
                self.set(words);
                self.rig.reconfigure(self.rig.settings.clone());
            }
            ["operator", "start", name] => {
                let _answer = rig
                    .sim
                    .start(&program(name), super::supervisord::Who::Operator);
            }
            ["operator", "stop", name] => {
                let _answer = rig.sim.stop(&program(name));
            }
            ["operator", "restart", name] => rig.sim.restart(&program(name)),
            ["supervisord", "reloads"] => rig.sim.leave(Some(60), true),
            ["supervisord", "restarts"] => rig.sim.leave(Some(2000), false),
            ["supervisord", "ends"] => rig.sim.leave(None, false),
            ["supervisord", "hangs"] => rig.sim.hangs = true,
            ["supervisord", "answers"] => rig.sim.hangs = false,
            ["supervisord", "clock", lead] => rig.sim.clock += signed(lead),
            ["supervisord", "updates", name] => rig.sim.update(&program(name)),
            ["supervisord", "removes", name] => rig.sim.remove(&program(name)),
            ["supervisord", "adds", name, options @ ..] => rig.sim.add(spec(name, options)),
            ["supervisord", "loses", name] => rig.sim.loses(&program(name)),
            ["silence", pattern, lasting] => {
                let order = Order::Silence {
                    pattern: (*pattern).to_owned(),
                    lasting: duration(lasting),
                    reason: "a reason".to_owned(),
                };
                rig.order(order).unwrap();
            }
            ["unsilence"] => {
                let id = rig.saved.silences[0].id.clone();
                rig.order(Order::EndSilence { id }).unwrap();
            }
            ["hold", name, lasting @ ..] => {
                let order = Order::Hold {
                    program: whom(name),
                    lasting: lasting.first().map(|lasting| duration(lasting)),
                    reason: "a reason".to_owned(),
                };
                rig.order(order).unwrap();
            }
            ["release", name] => {
                let program = whom(name);
                rig.order(Order::Release { program }).unwrap();
            }
            ["pidfds", "come"] => rig.change(Feed::Pidfd, true, rig.sim.now),
            ["pidfds", "go"] => rig.change(Feed::Pidfd, false, rig.sim.now),
            [name, "dies", end] => rig.sim.dies(&program(name), parse_end(end)),
            [name, "will", fate @ ..] => rig.sim.fate(&program(name), parse_fate(fate)),
            _ => panic!("no such event: {words:?}"),
        }
    }
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

fn program(name: &str) -> ProgramName {
    name.parse().unwrap()
}

fn whom(name: &str) -> Whom {
    Whom {
        server: None,
        name: name.to_owned(),
    }
}

/// Every day, in UTC; the simulation begins at 08:00.
fn window(pattern: &str, options: &[&str]) -> Window {
    let mut window = Window {
        matcher: Glob::new(pattern).unwrap().compile_matcher(),
        days: (1..=7).collect(),
        from: Time::midnight(),
        to: Time::midnight(),
        zone: TimeZone::UTC,
        pause_retries: false,
    };
    for (key, value) in pairs(options) {
        match key {
            "from" => window.from = value.parse().unwrap(),
            "to" => window.to = value.parse().unwrap(),
            "pause_retries" => window.pause_retries = value == "true",
            _ => panic!("no such option of a window: {key}"),
        }
    }
    window
}

fn pairs<'a>(options: &'a [&'a str]) -> impl Iterator<Item = (&'a str, &'a str)> {
    options.iter().map(|option| option.split_once('=').unwrap())
}

fn spec(name: &str, options: &[&str]) -> Spec {
    let mut spec = Spec::new(name);
    for (key, value) in pairs(options) {
        match key {
            "startsecs" => spec.startsecs = value.parse().unwrap(),
            "startretries" => spec.startretries = value.parse().unwrap(),
            "autostart" => spec.autostart = value == "true",
            "stop_takes" => spec.stop_takes = millis(value),
            "autorestart" => {
                spec.autorestart = match value {
                    "true" => Autorestart::Always,
                    "unexpected" => Autorestart::Unexpected,
                    "false" => Autorestart::Never,
                    _ => panic!("no such autorestart: {value}"),
                }
            }
            "fate" => spec.fate = parse_fate(&value.split(',').collect::<Vec<_>>()),
            _ => panic!("no such option of a program: {key}"),
        }
    }
    spec
}

/// `live`, `end 3 after 0.2s`, `not-spawn`, `be-missing`.
fn parse_fate(words: &[&str]) -> Fate {
    match words {
        ["live"] => Fate::Lives,
        ["end", end, "after", after] => Fate::Ends {
            after: millis(after),
            end: parse_end(end),
        },
        ["not-spawn"] => Fate::CannotSpawn,
        ["be-missing"] => Fate::NoFile,
        _ => panic!("no such fate: {words:?}"),
    }
}

fn parse_end(text: &str) -> End {
    text.parse().map_or(End::Signal, End::Code)
}

fn rule(pattern: &str, options: &[&str]) -> ProgramRule {
    let mut rule = ProgramRule {
        matcher: Glob::new(pattern).unwrap().compile_matcher(),
        severity: None,
        expected_up: true,
        retry: RetryRule::Inherit,
        alert_on_crash: false,
        runbook: None,
        at_mobiles: Vec::new(),
    };
    for (key, value) in pairs(options) {
        match (key, value) {
            ("expect", value) => rule.expected_up = value == "running",
            ("severity", "none") => rule.severity = Some(Severity::None),
            ("severity", "warning") => rule.severity = Some(Severity::Warning),
            ("retry", "false") => rule.retry = RetryRule::Never,
            ("alert_on", "crash") => rule.alert_on_crash = true,
            _ => panic!("no such rule: {key}={value}"),
        }
    }
    rule
}

/// `5s`, `0.2s`, `10ms`, `3m`, `1h`.
fn millis(text: &str) -> u64 {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap();
    let (number, unit) = text.split_at(split);
    let factor = match unit {
        "ms" => 1.0,
        "s" => 1e3,
        "m" => 6e4,
        "h" => 3.6e6,
        _ => panic!("no such unit: {text}"),
    };
    let millis = Duration::from_secs_f64(number.parse::<f64>().unwrap() * factor / 1e3).as_millis();
    u64::try_from(millis).unwrap()
}

fn duration(text: &str) -> Duration {
    Duration::from_millis(millis(text))
}

/// `+1h`, `-100s`.
fn signed(text: &str) -> i64 {
    let (sign, size) = text.split_at(1);
    let size = i64::try_from(millis(size)).unwrap();
    if sign == "-" { -size } else { size }
}
