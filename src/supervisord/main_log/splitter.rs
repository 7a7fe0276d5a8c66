//! Bytes to lines.

#[cfg(test)]
mod tests;

use std::mem;

/// The most that a line may be: a spawn error names a path of up to 4096 bytes, which Python may show
/// at four characters a byte.
pub const LINE_BYTES_MAX: usize = 20 * 1024;

/// Makes lines of bytes that come in chunks of any size, and keeps the line that has begun.
#[derive(Debug, Default)]
pub struct LineSplitter {
    /// What has come of the present line.
    begun: Vec<u8>,
    /// Whether the present line is dropped, up to its newline.
    dropping: bool,
}

impl LineSplitter {
    /// The lines that end in this chunk, without their newlines. What is not UTF-8 becomes U+FFFD, and
    /// a line of more than [`LINE_BYTES_MAX`] is left out.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            match piece.strip_suffix(b"\n") {
                Some(end) => {
                    self.add(end);
                    lines.extend(self.end_line());
                }
                None => self.add(piece),
            }
        }
        lines
    }

    /// Leaves the line out that has begun, if one has.
    pub fn drop_begun(&mut self) {
        if !self.begun.is_empty() {
            self.begun.clear();
            self.dropping = true;
        }
    }

    fn add(&mut self, piece: &[u8]) {
        if self.dropping {
            return;
        }
        if self.begun.len() + piece.len() > LINE_BYTES_MAX {
            self.begun = Vec::new();
            self.dropping = true;
        } else {
            self.begun.extend_from_slice(piece);
        }
    }

    fn end_line(&mut self) -> Option<String> {
        let line = mem::take(&mut self.begun);
        let dropped = mem::take(&mut self.dropping);
        (!dropped).then(|| String::from_utf8_lossy(&line).into_owned())
    }
}
