//! Deaths on real supervisords: scripts make programs die in every way, and what supervigil tells of
//! them is compared with what the scripts know.
//!
//! With the main log each death is told once and as it was. Whatever else is on, nothing is made up.

#![cfg(test)]

mod rows;
mod stage;
#[expect(dead_code, reason = "a part of it is used here")]
#[path = "../support/mod.rs"]
mod support;
mod truth;
mod upheavals;

use rows::sections;
use stage::{Feeds, Stage};
use support::supervisord::Release;
use truth::Fate;

each_release!(
    each_death_is_told_once_and_as_it_was,
    what_befalls_all_is_told_as_it_was,
);

/// Plays all acts, the rows of each at the same time.
fn play(release: Release, feeds: Feeds) {
    let acts = [rows::lives(), rows::one_shots(), rows::codes()];
    let stage = Stage::set(release, feeds, &sections(&acts));
    stage.wait_for_polls(POLLS);
    let fates: Vec<_> = acts.iter().flat_map(|rows| stage.play(rows)).collect();
    judge(stage, release, &fates);
}

fn what_befalls_all_is_told_as_it_was(release: Release) {
    play_upheavals(release, Feeds::ALL);
}

fn play_upheavals(release: Release, feeds: Feeds) {
    let mut stage = Stage::set(release, feeds, &upheavals::sections());
    stage.wait_for_polls(POLLS);
    let fates = upheavals::play(&mut stage);
    judge(stage, release, &fates);
}

/// Holds what was told of programs to what became of them.
fn judge(mut stage: Stage, release: Release, fates: &[Fate]) {
    stage.fence();
    let feeds = stage.feeds;
    let wrong = stage.complaints(fates);
    let deaths: usize = fates.iter().map(|fate| fate.deaths.len()).sum();
    println!(
        "{release:?} {feeds:?}: {deaths} deaths of {} programs",
        fates.len()
    );
    assert!(wrong.is_empty(), "{feeds:?}:\n{}", wrong.join("\n"));
}

fn each_death_is_told_once_and_as_it_was(release: Release) {
    play(release, Feeds::ALL);
}

/// A feed is relied on when it has been up for two seconds, as a poll a second later shows.
const POLLS: usize = 4;

/// Each combination of feeds: the log, the kernel's word, the listener.
fn combination(log: bool, pidfd: bool, listener: bool) {
    let feeds = Feeds {
        log,
        pidfd,
        listener,
    };
    play(Release::V430, feeds);
    play_upheavals(Release::V430, feeds);
}

macro_rules! combinations {
    ($($name:ident: $log:literal $pidfd:literal $listener:literal,)+) => {$(
        #[test]
        fn $name() {
            combination($log, $pidfd, $listener);
        }
    )+};
}

combinations!(
    with_polls_alone: false false false,
    with_the_listener: false false true,
    with_pidfds: false true false,
    with_pidfds_and_the_listener: false true true,
    with_the_log: true false false,
    with_the_log_and_the_listener: true false true,
    with_the_log_and_pidfds: true true false,
    with_all_feeds: true true true,
);
