//! What concerns more than one key.

use std::{collections::BTreeMap, time::Duration};

use super::{
    problem::{Fault, Place},
    raw::Section,
    reading::{Located, Reading},
    value::spell,
};
use crate::{
    engine::{ProgramRule, RetrySettings},
    http::Listen,
    supervisord,
};

/// No two of `names` may be the same; `noun` is what they name.
pub(super) fn unique(reading: &Reading<'_>, noun: &str, names: &[&Located<String>]) {
    let mut first: BTreeMap<&str, &Place> = BTreeMap::new();
    for name in names {
        match first.get(name.value.as_str()) {
            None => drop(first.insert(&name.value, &name.place)),
            Some(earlier) => {
                let fault = Fault::new(
                    format!(
                        "{:?} names another {noun} as well, at {}",
                        name.value, earlier.path
                    ),
                    format!("give each {noun} a name of its own"),
                );
                reading.report(&name.place, fault);
            }
        }
    }
}

/// A warning where one supervisord is named twice: each of its incidents would be told twice.
pub(super) fn one_name_for_each_endpoint(reading: &Reading<'_>, servers: &[supervisord::Settings]) {
    for (index, server) in servers.iter().enumerate() {
        let twin = servers
            .iter()
            .take(index)
            .find(|other| other.endpoint == server.endpoint);
        if let Some(twin) = twin {
            let fault = Fault::new(
                format!(
                    "this is the same supervisord as {:?}, so all is told twice",
                    twin.name.as_str()
                ),
                "remove one of the two, or correct its url",
            );
            reading.warn(format!("supervisord[{index}]"), fault);
        }
    }
}

/// A warning where a pattern stands twice: the first match wins, so the second is never used.
pub(super) fn no_pattern_twice(reading: &Reading<'_>, rules: &[ProgramRule]) {
    for (index, rule) in rules.iter().enumerate() {
        let glob = rule.matcher.glob().glob();
        if rules
            .iter()
            .take(index)
            .any(|other| other.matcher.glob().glob() == glob)
        {
            let fault = Fault::new(
                format!("the pattern {glob:?} stands above already, and the first match wins"),
                "merge the two",
            );
            reading.warn(format!("program[{index}].match"), fault);
        }
    }
}

/// The longest delay must not be shorter than the first. It is said of the key that is given.
pub(super) fn backoff(
    section: &Section<'_>,
    backoff: Option<&Located<Duration>>,
    backoff_max: Option<&Located<Duration>>,
    base: &RetrySettings,
) {
    let first = backoff.map_or(base.backoff, |backoff| backoff.value);
    let longest = backoff_max.map_or(base.backoff_max, |backoff| backoff.value);
    let Some(given) = backoff_max.or(backoff) else {
        return;
    };
    if first > longest {
        let fault = Fault::new(
            format!(
                "the longest delay, {}, is shorter than the first, {}",
                spell(longest),
                spell(first)
            ),
            "make backoff_max at least as long as backoff",
        );
        section.reading().report(&given.place, fault);
    }
}

/// A list that says nothing when it is empty; `because` says what would follow.
pub(super) fn not_empty<T>(section: &Section<'_>, list: &Located<Vec<T>>, because: &str) {
    if list.value.is_empty() {
        let fault = Fault::new(
            format!("the list names nothing, so {because}"),
            "name at least one",
        );
        section.reading().report_absent(&list.place, fault);
    }
}

/// A list of which each item costs something whenever it is used.
pub(super) fn at_most<T>(section: &Section<'_>, list: &Located<Vec<T>>, max: usize) {
    let count = list.value.len();
    if count > max {
        let fault = Fault::new(
            format!("{count} items are too many"),
            format!("use at most {max}"),
        );
        section.reading().report(&list.place, fault);
    }
}

/// Without a token, orders may come only from this machine.
pub(super) fn control_is_private(
    section: &Section<'_>,
    listen: Option<&Located<Listen>>,
    token_given: bool,
) {
    let Some(listen) = listen else { return };
    let private = match &listen.value {
        Listen::Tcp(address) => address.ip().is_loopback(),
        Listen::Unix(_) => true,
    };
    // A token that could not be read has been reported already.
    if !private && !token_given {
        let fault = Fault::new(
            "control is on, and this address takes orders from other machines without a token",
            "add token_file, or listen on 127.0.0.1",
        );
        section.reading().report_absent(&listen.place, fault);
    }
}
