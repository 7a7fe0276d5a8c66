//! A supervisord, the daemon that watches it by some of the feeds, and the scripts that play on it.

use std::{collections::BTreeMap, fs, process::Command, thread};

use regex::Regex;
use serde_json::Value;

use crate::{
    support::{
        programs,
        supervigil::Supervigil,
        supervisord::{Release, Supervisord},
        wait::{PATIENCE, wait_for, wait_until},
    },
    truth::{self, Fate},
};

/// The feeds that are on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Feeds {
    pub(crate) log: bool,
    pub(crate) pidfd: bool,
    pub(crate) listener: bool,
}

impl Feeds {
    pub(crate) const ALL: Self = Self {
        log: true,
        pidfd: true,
        listener: true,
    };
}

/// A script: it makes its programs die, and returns what became of them.
pub(crate) type Script = fn(&Stage) -> Vec<Fate>;

/// Some programs, and what is done to them.
pub(crate) struct Row {
    /// Their sections in supervisord's configuration.
    pub(crate) programs: String,
    pub(crate) script: Script,
}

/// Everybody on it.
pub(crate) struct Stage {
    pub(crate) supervigil: Supervigil,
    pub(crate) supervisord: Supervisord,
    pub(crate) feeds: Feeds,
    /// What its supervisord is to run.
    sections: String,
    fences: u32,
}

/// A program as both sides see it: its state and its pid.
type Seen = BTreeMap<String, (String, u64)>;

impl Stage {
    /// Sets everything up. No program is there before each feed is up, so that none has a past.
    pub(crate) fn set(release: Release, feeds: Feeds, sections: &str) -> Self {
        let supervisord = Supervisord::start(release, "");
        let Feeds { log, pidfd, .. } = feeds;
        let supervigil = Supervigil::start(&format!(
            "[[supervisord]]\nname = \"main\"\nurl = \"{}\"\npoll_interval = \"1s\"\n\
             max_load = 1.0\nfollow_log = {log}\nwatch_pids = {pidfd}\n\
             [log]\nlevel = \"debug\"\nformat = \"text\"\n",
            supervisord.url()
        ));
        let mut stage = Self {
            supervigil,
            supervisord,
            feeds,
            sections: String::new(),
            fences: 0,
        };
        wait_until(PATIENCE, "the first look", || {
            stage.supervigil.get("/-/ready").0 == 200
        });
        if log {
            stage.wait_for_feed("log");
        }
        if pidfd {
            stage.wait_for_feed("pidfd");
        }
        if feeds.listener {
            stage.update("");
            wait_until(PATIENCE, "the listener's first word", || {
                stage.supervigil.log().contains("an event listener handed")
            });
        }
        stage.update(sections);
        stage.wait_until_settled();
        stage
    }

    fn wait_for_feed(&self, feed: &str) {
        let series = format!("supervigil_hint_feed_up{{server=\"main\",feed=\"{feed}\"}} 1");
        wait_until(PATIENCE, &format!("the feed {feed}"), || {
            self.supervigil.get("/metrics").1.contains(&series)
        });
    }

    /// Gives supervisord other programs, and makes it go over to them.
    pub(crate) fn update(&mut self, sections: &str) {
        sections.clone_into(&mut self.sections);
        self.rewrite();
        let output = self.supervisord.ctl(&["update"]);
        assert!(output.status.success(), "{output:?}");
    }

    fn rewrite(&self) {
        let listener = if self.feeds.listener {
            programs::listener(&self.supervigil.config_path())
        } else {
            String::new()
        };
        self.supervisord
            .rewrite_config(&(listener + &self.sections));
    }

    /// Plays the scripts of all rows at the same time, and returns what became of all programs.
    pub(crate) fn play(&self, rows: &[Row]) -> Vec<Fate> {
        thread::scope(|scope| {
            let play = |row: &Row| {
                let script = row.script;
                scope.spawn(move || script(self))
            };
            let all: Vec<_> = rows.iter().map(play).collect();
            let fates = all.into_iter().map(|one| one.join().expect("a script"));
            fates.flatten().collect()
        })
    }

    /// Waits until supervigil shows each program as supervisord does.
    pub(crate) fn wait_until_settled(&self) {
        wait_until(PATIENCE, "supervigil to show what there is", || {
            self.shown() == self.there()
        });
    }

    /// Adds a program, and waits until all is seen with it: whatever was to be told before is by then.
    pub(crate) fn fence(&mut self) {
        self.fences += 1;
        let name = format!("fence{}", self.fences);
        let fence = programs::program(&name, "sleep", &["autostart=false"]);
        let sections = format!("{}{fence}", self.sections);
        self.update(&sections);
        self.wait_until_settled();
    }

    /// Waits for so many polls to have begun after this: by then the feeds are relied on.
    pub(crate) fn wait_for_polls(&self, count: usize) {
        let mut last = Value::Null;
        for _ in 0..=count {
            last = self
                .supervigil
                .wait_for_json("/api/v1/status", "a poll", |status| {
                    let at = &status["supervisords"][0]["last_success_at"];
                    (*at != last).then(|| at.clone())
                });
        }
    }

    /// The programs as supervigil shows them.
    fn shown(&self) -> Seen {
        let all = self.supervigil.json("/api/v1/processes?limit=1000");
        let all = all["processes"].as_array().expect("a list").iter();
        let text = |one: &Value, key: &str| one[key].as_str().expect("a text").to_owned();
        all.map(|one| {
            let pid = one["pid"].as_u64().expect("a pid");
            (text(one, "name"), (text(one, "state"), pid))
        })
        .collect()
    }

    /// The programs as supervisord shows them.
    fn there(&self) -> Seen {
        let all = self.supervisord.call("supervisor.getAllProcessInfo", &[]);
        let all = all.unwrap_or_default();
        let member = |one: &str, name: &str| -> String {
            let pattern = format!("<name>{name}</name>\\s*<value><[a-z]+>([^<]*)<");
            let found = Regex::new(&pattern).expect("a pattern").captures(one);
            found.map_or_else(String::new, |found| found[1].to_owned())
        };
        let rows = all
            .split("</struct>")
            .filter(|one| one.contains("<struct>"));
        rows.map(|one| {
            let pid = member(one, "pid").parse().unwrap_or_default();
            (member(one, "name"), (member(one, "statename"), pid))
        })
        .collect()
    }

    /// All transitions of a program, oldest first.
    pub(crate) fn transitions(&self, name: &str) -> Vec<Value> {
        let path = format!("/api/v1/transitions?limit=1000&name={name}");
        let all = self.supervigil.json(&path);
        let all = all["transitions"].as_array().expect("a list");
        all.iter().rev().cloned().collect()
    }

    /// What is wrong with what was told of some programs.
    pub(crate) fn complaints(&self, fates: &[Fate]) -> Vec<String> {
        let wrong = |fate: &Fate| {
            let transitions = self.transitions(&fate.name);
            let told = truth::deaths(&transitions);
            let law = if self.feeds.log {
                truth::not_as_it_was
            } else {
                truth::made_up
            };
            law(fate, &told).or_else(|| truth::broken(&fate.name, &transitions))
        };
        fates.iter().filter_map(wrong).collect()
    }

    // What the scripts do.

    /// Starts a program, and waits until it has written its pid down; returns that.
    pub(crate) fn start(&self, name: &str) -> u32 {
        let lives = self.diary(name).len();
        self.supervisord
            .call("supervisor.startProcess", &[name, ""]);
        self.wait_for_life(name, lives + 1)
    }

    /// Starts a program that lives, and waits until supervigil knows of it; returns its pid.
    pub(crate) fn start_and_see(&self, name: &str) -> u32 {
        let pid = self.start(name);
        self.wait_until_seen(name, "RUNNING", pid);
        pid
    }

    /// Waits until supervigil shows a program in a state with that pid.
    pub(crate) fn wait_until_seen(&self, name: &str, state: &str, pid: u32) {
        let path = format!("/api/v1/processes?name={name}");
        let what = format!("{name} to be {state}");
        self.supervigil.wait_for_json(&path, &what, |answer| {
            let seen = &answer["processes"][0];
            (seen["state"] == state && seen["pid"] == pid).then_some(())
        });
    }

    /// Waits until supervigil shows all programs of a group in a state.
    pub(crate) fn wait_until_all_are_seen(&self, group: &str, state: &str) {
        let path = format!("/api/v1/processes?limit=1000&group={group}");
        let what = format!("{group} to be {state}");
        self.supervigil.wait_for_json(&path, &what, |answer| {
            let mut all = answer["processes"].as_array()?.iter();
            all.all(|seen| seen["state"] == state).then_some(())
        });
    }

    /// Stops a program, and waits until that is done.
    pub(crate) fn stop(&self, name: &str) {
        self.supervisord.call("supervisor.stopProcess", &[name]);
        self.supervisord.wait_for_state(name, "STOPPED");
    }

    /// The pids that a program wrote down, oldest first.
    pub(crate) fn diary(&self, name: &str) -> Vec<u32> {
        let path = self.supervisord.folder().join(format!("diary.{name}"));
        let diary = fs::read_to_string(path).unwrap_or_default();
        diary.lines().filter_map(|pid| pid.parse().ok()).collect()
    }

    /// Waits for a program's `nth` life to have begun, and returns its pid.
    pub(crate) fn wait_for_life(&self, name: &str, nth: usize) -> u32 {
        wait_for(PATIENCE, &format!("life {nth} of {name}"), || {
            self.diary(name).get(nth - 1).copied()
        })
    }
}

/// Sends a signal to a process.
pub(crate) fn kill(pid: u32, signal: i32) {
    let line = format!("kill -{signal} {pid}");
    let status = Command::new("sh").args(["-c", &line]).status();
    assert!(status.expect("a shell").success(), "{line}");
}
