//! How far the main log has been read.
//!
//! `supervisor.readLog` gives the log's end, a number of bytes of it, and never says how long the log is.
//! So a reading remembers how the text ended that it was given last, and looks for that in the next one:
//! what stands behind it is news. A reading that does not hold it any more began too late, and the next
//! one is longer; where it is the whole log, the log is another one, after a rotation.

use super::read_line;
use crate::model::LogNews;

/// The shortest and the longest reading, in bytes. A line has some hundred; supervisord hands out 4096
/// bytes of an answer in each pass of its loop, and a thousand programs that start write 150 KiB.
const WINDOW: (u32, u32) = (4096, 256 * 1024);

/// How much of the text is remembered: some lines, which bear their time to the millisecond.
const MARK_BYTES: usize = 512;

/// How much of what was read before is remembered, to know an answer that was overtaken by another.
const BEFORE_BYTES: usize = 64 * 1024;

/// How far a log was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPlace {
    /// What was read last, whole lines only; none before the first reading.
    before: Option<String>,
    window: u32,
}

impl Default for LogPlace {
    fn default() -> Self {
        Self {
            before: None,
            window: WINDOW.0,
        }
    }
}

impl LogPlace {
    /// How many bytes of the log's end the next reading needs.
    pub fn window(&self) -> u32 {
        self.window
    }

    /// The text could not be given: a window may cut a character, and one byte more may not.
    pub fn failed(&mut self, asked: u32) {
        self.widen(asked.saturating_add(1));
    }

    fn widen(&mut self, bytes: u32) {
        self.window = self.window.max(bytes).min(WINDOW.1);
    }

    /// Takes in the log's end, of which so many bytes were asked for: answers come in any order. Before the
    /// first reading everything is history, not news. None where the reading was too short to hold all
    /// that is new: the next one is longer.
    pub fn read(&mut self, text: &str, asked: u32) -> Option<LogNews> {
        let is_whole = text.len() < usize::try_from(asked).unwrap_or(usize::MAX);
        let Some((lines, _begun)) = text.rsplit_once('\n') else {
            self.before.get_or_insert_default();
            return Some(LogNews::default());
        };
        let Some(before) = &mut self.before else {
            self.before = Some(lines.to_owned());
            return Some(LogNews::default());
        };
        let mark = end_of(before, MARK_BYTES);
        let found = lines.rfind(mark).filter(|_| !mark.is_empty());
        let (fresh, lost) = match found {
            Some(place) => (lines.get(place.saturating_add(mark.len())..), false),
            None if before.contains(end_of(lines, MARK_BYTES)) => (None, false),
            // It begins too late; what is missing stands before.
            None if !is_whole && asked < WINDOW.1 => {
                self.widen(asked.saturating_mul(4));
                return None;
            }
            None => (Some(lines), !(mark.is_empty() && is_whole)),
        };
        self.window = WINDOW.0;
        let fresh = fresh.unwrap_or_default();
        if lost || mark.is_empty() {
            before.clear();
        }
        before.push_str(fresh);
        if before.len() > BEFORE_BYTES {
            *before = end_of(before, BEFORE_BYTES / 2).to_owned();
        }
        Some(LogNews {
            lines: fresh.lines().filter_map(read_line).collect(),
            lost,
        })
    }
}

/// The last bytes of a text, at most so many, from the beginning of a character on.
fn end_of(text: &str, bytes: usize) -> &str {
    let mut begin = text.len().saturating_sub(bytes);
    while !text.is_char_boundary(begin) {
        begin = begin.saturating_add(1);
    }
    text.get(begin..).unwrap_or_default()
}

#[cfg(test)]
mod tests;
