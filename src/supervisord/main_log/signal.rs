//! Signals by the names that supervisord gives them (`signame` in options.py): those of the Python
//! that it runs on, or `signal N`.

use super::number;
use crate::model::Exit;

/// Names beside those of signal(7)'s table. Which of two names of a signal is shown is up to the
/// Python; the two ends of the real-time signals are glibc's, and those between have no name.
const OTHER_NAMES: [(&str, i32); 6] = [
    ("SIGIOT", 6),
    ("SIGCLD", 17),
    ("SIGPOLL", 29),
    ("SIGUNUSED", 31),
    ("SIGRTMIN", 34),
    ("SIGRTMAX", 64),
];

/// The highest number that a wait status has room for.
const NUMBER_MAX: i32 = 0x7f;

/// The end by a signal of that name; none where it is not in the form of a signal's name.
pub(super) fn exit(name: &str, core_dumped: bool) -> Option<Exit> {
    if let Some(digits) = name.strip_prefix("signal ") {
        let number = number(digits).filter(|number| (1..=NUMBER_MAX).contains(number))?;
        return Some(Exit::Signal {
            number,
            core_dumped,
        });
    }
    let letters = name.strip_prefix("SIG")?;
    let is_name = letters.starts_with(|sign: char| sign.is_ascii_uppercase())
        && letters.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_name {
        return None;
    }
    let other = OTHER_NAMES.iter().find(|(known, _)| *known == name);
    match other {
        Some((_, number)) => Some(Exit::Signal {
            number: *number,
            core_dumped,
        }),
        None => Exit::of_signal_name(name, core_dumped).or(Some(Exit::UnknownSignal)),
    }
}
