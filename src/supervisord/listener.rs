//! What supervisord writes to an event listener, read. Pure.
//!
//! An event is a header line and a payload (`EventListenerPool._eventEnvelope` in supervisor's
//! process.py):
//!
//! ```text
//! ver:3.0 server:X serial:N pool:P poolserial:N eventname:E len:L\n
//! processname:... groupname:... from_state:... pid:...
//! ```
//!
//! Nothing stands between a payload and the next header, so whoever miscounts the payload loses the
//! place. And `len` is `len(payload)` before that is encoded: on Python 3 it counts **characters**, on
//! Python 2 **bytes**. Nothing tells which. They differ only where a payload is not all ASCII, and there
//! the first L bytes and what follows them tell:
//!
//! | the first L bytes | what follows them | counted were |
//! |---|---|---|
//! | are ASCII | | the same either way |
//! | are not UTF-8 | | bytes: Python 3 writes nothing else |
//! | end within a character | | characters |
//! | are UTF-8 | a header | bytes |
//! | are UTF-8 | anything else | characters: the payload goes on |
//! | are UTF-8 | nothing yet | not known yet |
//!
//! The last row needs somebody with a clock. supervisord writes an event in one piece, and the next one
//! only when this one is answered, so that silence means bytes: [`Reader::settle`] says that there was
//! silence. From then on such a payload is taken at once, until that proves wrong.
//!
//! Where the place was lost all the same, the rest of the payload is passed over up to the next whole
//! header. It is enough that a header is rarely part of a payload: an event is a hint, never the truth.
//!
//! Invariants: the same bytes give the same events however they are cut into chunks; no more is kept
//! than an event takes, [`PAYLOAD_LEN_MAX`] characters; no input makes it panic.

mod telling;

use std::str::from_utf8;

pub use self::telling::telling;
use crate::model::Telling;

/// The longest payload that is looked at. One that tells of a program takes a few hundred bytes; only
/// output of programs (`PROCESS_LOG`) and remote messages are longer, and say nothing to us.
pub const PAYLOAD_LEN_MAX: usize = 256 * 1024;

/// The longest header: its names are an identifier, a pool and an event, in practice 150 bytes.
const HEADER_BYTES_MAX: usize = 4096;

/// What a header begins with, in every release.
const HEADER_START: &[u8] = b"ver:";

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its number among all events of this supervisord; the same when it is delivered again.
    pub serial: u64,
    /// Its number in the listener's pool; a gap shows that events were discarded.
    pub pool_serial: u64,
    /// Its name, as `PROCESS_STATE_EXITED`.
    pub name: String,
    /// What it tells; none where that is nothing to us. It is to be answered all the same.
    pub telling: Option<Telling>,
}

/// Reads events out of chunks of bytes.
#[derive(Debug, Default)]
pub struct Reader {
    buffer: Vec<u8>,
    /// The header whose payload comes next.
    header: Option<Header>,
    /// Whether silence has shown that bytes are counted.
    counts_bytes: bool,
    skipped: u64,
}

impl Reader {
    /// Takes what came. The events are had from [`Self::next_event`].
    pub fn feed(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// The next event that is there as a whole.
    pub fn next_event(&mut self) -> Option<Event> {
        if self.header.is_none() {
            self.header = self.next_header();
        }
        let header = self.header.take()?;
        if header.len > PAYLOAD_LEN_MAX {
            // The payload is passed over on the way to the next header.
            return Some(header.event(b""));
        }
        match extent(&self.buffer, header.len, self.counts_bytes) {
            Extent::Whole(bytes) => Some(self.finish(&header, bytes)),
            Extent::More | Extent::Undecided => {
                self.header = Some(header);
                None
            }
        }
    }

    /// Whether an event may be there as a whole, which only silence can tell.
    pub fn is_undecided(&self) -> bool {
        let header = self.header.as_ref();
        header.is_some_and(|header| self.buffer.len() >= header.len)
    }

    /// Takes note that nothing came for a while, although supervisord had time to write the whole
    /// event: what is there is all of it.
    pub fn settle(&mut self) -> Option<Event> {
        let header = self.header.take()?;
        let Some(beyond) = self.buffer.len().checked_sub(header.len) else {
            self.header = Some(header);
            return None;
        };
        self.counts_bytes = beyond == 0;
        let bytes = end_of_characters(&self.buffer, header.len).unwrap_or(self.buffer.len());
        Some(self.finish(&header, bytes))
    }

    /// Bytes that belonged to no event so far.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    fn finish(&mut self, header: &Header, bytes: usize) -> Event {
        let payload = self.buffer.get(..bytes).unwrap_or_default();
        let event = header.event(payload);
        self.buffer.drain(..bytes.min(self.buffer.len()));
        event
    }

    fn next_header(&mut self) -> Option<Header> {
        let found = find_header(&self.buffer);
        let (skipped, length, header) = match found {
            Found::Header { at, length, header } => (at, length, Some(header)),
            Found::NotYet { keep_from } => (keep_from, 0, None),
        };
        if skipped > 0 {
            self.counts_bytes = false;
            self.skipped = self
                .skipped
                .saturating_add(u64::try_from(skipped).unwrap_or(u64::MAX));
        }
        self.buffer
            .drain(..(skipped + length).min(self.buffer.len()));
        header
    }
}

/// Where a payload ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// After so many bytes.
    Whole(usize),
    /// Not in what is there.
    More,
    /// Here or later.
    Undecided,
}

/// The table in this module's doc.
fn extent(buffer: &[u8], len: usize, counts_bytes: bool) -> Extent {
    let Some((first, rest)) = buffer.split_at_checked(len) else {
        return Extent::More;
    };
    match from_utf8(first) {
        Ok(text) if text.is_ascii() => Extent::Whole(len),
        Ok(_) if rest.starts_with(HEADER_START) => Extent::Whole(len),
        Ok(_) if HEADER_START.starts_with(rest) && counts_bytes => Extent::Whole(len),
        Ok(_) if HEADER_START.starts_with(rest) => Extent::Undecided,
        Err(error) if error.error_len().is_some() => Extent::Whole(len),
        Ok(_) | Err(_) => end_of_characters(buffer, len).map_or(Extent::More, Extent::Whole),
    }
}

/// Where the first `count` characters end; none when they are not all there.
fn end_of_characters(buffer: &[u8], count: usize) -> Option<usize> {
    let Some(before_last) = count.checked_sub(1) else {
        return Some(0);
    };
    let is_lead = |byte: u8| byte & 0b1100_0000 != 0b1000_0000;
    let leads = buffer
        .iter()
        .enumerate()
        .filter(|(_, byte)| is_lead(**byte));
    let (start, lead) = leads
        .skip(before_last)
        .map(|(at, byte)| (at, *byte))
        .next()?;
    let width = match lead.leading_ones() {
        0 | 1 => 1,
        2 => 2,
        3 => 3,
        _ => 4,
    };
    Some(start + width).filter(|end| *end <= buffer.len())
}

/// What looking for a header found.
enum Found {
    /// A header line of `length` bytes, its end included.
    Header {
        at: usize,
        length: usize,
        header: Header,
    },
    /// None so far; what stands before `keep_from` is no part of one.
    NotYet { keep_from: usize },
}

fn find_header(buffer: &[u8]) -> Found {
    let mut from = 0;
    loop {
        let rest = buffer.get(from..).unwrap_or_default();
        let Some(at) = rest
            .windows(HEADER_START.len())
            .position(|window| window == HEADER_START)
        else {
            let begun = (1..HEADER_START.len()).rev().find(|length| {
                HEADER_START
                    .get(..*length)
                    .is_some_and(|one| rest.ends_with(one))
            });
            return Found::NotYet {
                keep_from: buffer.len() - begun.unwrap_or(0),
            };
        };
        let at = from + at;
        let candidate = buffer.get(at..).unwrap_or_default();
        let end = candidate
            .iter()
            .take(HEADER_BYTES_MAX)
            .position(|byte| *byte == b'\n');
        let line = end.and_then(|end| candidate.get(..end));
        if let Some(header) = line.and_then(Header::parse) {
            let length = line.map_or(0, <[u8]>::len) + 1;
            return Found::Header { at, length, header };
        }
        if line.is_none() && candidate.len() < HEADER_BYTES_MAX {
            return Found::NotYet { keep_from: at };
        }
        from = at + 1;
    }
}

/// What a header says that matters.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    serial: u64,
    pool_serial: u64,
    name: String,
    len: usize,
}

impl Header {
    /// Reads a line from its end on, as a supervisord's identifier may hold anything.
    fn parse(line: &[u8]) -> Option<Self> {
        let line = String::from_utf8_lossy(line);
        let (line, len) = line.rsplit_once(" len:")?;
        let (line, name) = line.rsplit_once(" eventname:")?;
        let (line, pool_serial) = line.rsplit_once(" poolserial:")?;
        let (line, _pool) = line.rsplit_once(" pool:")?;
        let (line, serial) = line.rsplit_once(" serial:")?;
        let (version, _server) = line.strip_prefix("ver:")?.split_once(" server:")?;
        let is_version = version.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        Some(Self {
            serial: serial.parse().ok()?,
            pool_serial: pool_serial.parse().ok()?,
            name: name.to_owned(),
            len: len.parse().ok()?,
        })
        .filter(|_| is_version)
    }

    fn event(&self, payload: &[u8]) -> Event {
        Event {
            serial: self.serial,
            pool_serial: self.pool_serial,
            name: self.name.clone(),
            telling: telling(&self.name, &String::from_utf8_lossy(payload)),
        }
    }
}

#[cfg(test)]
mod tests;
