//! The one place that prints.

use std::io::{self, Write as _};

/// Prints a line for the person or program that called; false when nobody reads any more.
pub(super) fn say(line: &str) -> bool {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).is_ok()
}

/// Writes to the program at the other end of standard output, to the letter; false when it is gone.
pub(super) fn answer(text: &str) -> bool {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .is_ok()
}

/// Prints a line on standard error.
pub(super) fn complain(line: &str) {
    // Nothing is left to be done for somebody who closed standard error.
    let _closed = writeln!(io::stderr().lock(), "{line}");
}
