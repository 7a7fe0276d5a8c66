//! Readings of a log that grows, is rotated, and is read out of order.

use proptest::prelude::*;

use super::*;
use crate::model::{LogNews, ProgramEvent, Telling};

fn line(number: usize) -> String {
    let pid = number + 1;
    let millis = number % 1000;
    format!("2026-11-25 03:20:11,{millis:03} INFO spawned: 'p{number}' with pid {pid}\n")
}

fn log(numbers: std::ops::Range<usize>) -> String {
    numbers.map(line).collect()
}

/// What `readLog` gives of a log.
fn end(log: &str, window: u32) -> &str {
    let window = usize::try_from(window).unwrap();
    log.get(log.len().saturating_sub(window)..).unwrap()
}

/// Reads the end of a log, as much of it as is wanted.
fn reading(place: &mut LogPlace, log: &str) -> Option<LogNews> {
    let window = place.window();
    place.read(end(log, window), window)
}

/// The pids that the tellings name.
fn pids(news: &LogNews) -> Vec<u32> {
    let pids = news.lines.iter().map(|line| match &line.telling {
        Telling::Program {
            event: ProgramEvent::Spawned { pid },
            ..
        } => pid.unwrap() - 1,
        Telling::Program { .. }
        | Telling::SpawnFailed { .. }
        | Telling::GroupsChanged
        | Telling::Started
        | Telling::Stopping => panic!("{line:?}"),
    });
    pids.collect()
}

#[test]
fn what_was_there_is_history_and_what_follows_is_news() {
    let mut place = LogPlace::default();
    assert_eq!(reading(&mut place, &log(0..5)), Some(LogNews::default()));
    assert_eq!(pids(&reading(&mut place, &log(0..7)).unwrap()), [5, 6]);
    assert_eq!(pids(&reading(&mut place, &log(0..7)).unwrap()), [0_u32; 0]);
    // A line that is being written is left for the next reading.
    let begun = log(0..7) + "2026-11-25 03:20:11,007 INFO spaw";
    assert_eq!(pids(&reading(&mut place, &begun).unwrap()), [0_u32; 0]);
    assert_eq!(pids(&reading(&mut place, &log(0..8)).unwrap()), [7]);
}

#[test]
fn a_log_that_was_empty_has_no_history() {
    let mut place = LogPlace::default();
    assert_eq!(reading(&mut place, ""), Some(LogNews::default()));
    assert_eq!(pids(&reading(&mut place, &log(0..2)).unwrap()), [0, 1]);
    assert_eq!(pids(&reading(&mut place, &log(0..3)).unwrap()), [2]);
}

#[test]
fn much_at_once_is_read_in_a_longer_reading() {
    let mut place = LogPlace::default();
    reading(&mut place, &log(0..5));
    let whole = log(0..200);
    let mut readings = (0..4).map(|_| reading(&mut place, &whole));
    let news = readings.find_map(|news| news).unwrap();
    drop(readings);
    assert_eq!(pids(&news), (5..200).collect::<Vec<_>>());
    assert!(!news.lost);
    assert_eq!(
        place,
        LogPlace {
            window: WINDOW.0,
            ..place.clone()
        }
    );
}

#[test]
fn another_log_after_a_rotation_may_have_lost_lines() {
    let mut place = LogPlace::default();
    reading(&mut place, &log(0..5));
    let news = reading(&mut place, &log(50..52)).unwrap();
    assert_eq!((pids(&news), news.lost), (vec![50, 51], true));
    let news = reading(&mut place, &log(50..53)).unwrap();
    assert_eq!((pids(&news), news.lost), (vec![52], false));
}

#[test]
fn an_answer_that_was_overtaken_brings_nothing() {
    let mut place = LogPlace::default();
    reading(&mut place, &log(0..5));
    assert_eq!(
        pids(&reading(&mut place, &log(0..9)).unwrap()),
        [5, 6, 7, 8]
    );
    assert_eq!(reading(&mut place, &log(0..7)), Some(LogNews::default()));
    assert_eq!(pids(&reading(&mut place, &log(0..10)).unwrap()), [9]);
}

#[test]
fn a_short_answer_that_comes_late_is_not_the_whole_log() {
    let mut place = LogPlace::default();
    reading(&mut place, &log(0..50));
    let whole = log(0..100);
    let short = || end(&whole, 1024);
    assert_eq!(place.read(short(), 1024), None);
    assert_eq!(place.read(short(), 1024), None);
    assert_eq!(place.window(), WINDOW.0);
    let news = reading(&mut place, &whole).unwrap();
    assert_eq!((pids(&news), news.lost), ((50..100).collect(), false));
}

#[test]
fn a_window_that_cuts_a_character_is_made_longer() {
    let mut place = LogPlace::default();
    place.failed(WINDOW.0);
    assert_eq!(place.window(), WINDOW.0 + 1);
}

proptest! {
    /// However the log grows between readings, each line is told once and in order.
    #[test]
    fn each_line_is_told_once(steps in proptest::collection::vec(0_usize..60, 1..30)) {
        let mut place = LogPlace::default();
        reading(&mut place, "");
        let (mut length, mut told) = (0, Vec::new());
        for step in steps {
            length += step;
            for _ in 0..5 {
                // Two are asked for at the same time.
                let (whole, window) = (log(0..length), place.window());
                for _ in 0..2 {
                    if let Some(news) = place.read(end(&whole, window), window) {
                        prop_assert!(!news.lost);
                        told.extend(pids(&news));
                    }
                }
            }
        }
        let all: Vec<u32> = (0..u32::try_from(length).unwrap()).collect();
        prop_assert_eq!(told, all);
    }

    #[test]
    fn nothing_panics(texts in proptest::collection::vec(".{0,300}", 0..6)) {
        let mut place = LogPlace::default();
        for text in texts {
            reading(&mut place, &text);
        }
    }
}
