//! How long it takes to make the end of a log fit to be shown, of ordinary lines and of hostile ones.
//!
//! `cargo bench --bench redact`. The number to stay under is 100 ms: that much of a log is read for each
//! incident, and of it the last 64 KiB are looked at.

use std::{
    hint,
    io::{self, Write as _},
};

use supervigil::notify::{Redaction, expression, tail_lines};

/// What is handed over: a program may write a line of any length.
const BYTES: usize = 1024 * 1024;

const ROUNDS: usize = 21;

/// What is repeated, by name.
const TEXTS: [(&str, &str); 10] = [
    (
        "ordinary lines",
        "[2026-11-23T05:41:18,123][WARN ][o.e.c.Foo] [es_node_a] at org.Foo.bar(Foo.java:42)\n",
    ),
    (
        "secrets",
        "password=hunter2, token: \"abc\" http://a:b@c/ Bearer x1y2z3w4\n",
    ),
    ("names without values", "token"),
    ("names of what is no secret", "tokenfilter: "),
    ("beginnings of keys", "-----BEGIN PRIVATE KEY-----\n"),
    (
        "ends of keys",
        "MIIEvQIBADANBgkqhkiG9w0B\n-----END PRIVATE KEY-----\n",
    ),
    ("quotes", "password=\"\\"),
    ("addresses", "http://a:b/"),
    ("commands", "mysql mysql "),
    ("GBK", "\u{fffd}"),
];

fn main() -> io::Result<()> {
    let user = expression("(?:a|b|ab)*c").map_err(io::Error::other)?;
    let redaction = Redaction::new(vec![user; 10]);
    for (name, text) in TEXTS {
        let mut bytes = text.as_bytes().repeat(BYTES / text.len());
        if name == "GBK" {
            bytes = b"\xb4\xed\xce\xf3".repeat(BYTES / 4);
        }
        let mut rounds: Vec<_> = (0..ROUNDS).map(|_| once(&bytes, &redaction)).collect();
        rounds.sort_unstable();
        let at = |place: usize| {
            rounds
                .get(place)
                .map_or(0.0, |took| took.as_secs_f64() * 1000.0)
        };
        writeln!(
            io::stdout(),
            "1 MiB of {name}: median {:.1} ms, at worst {:.1} ms",
            at(ROUNDS / 2),
            at(ROUNDS - 1),
        )?;
    }
    Ok(())
}

#[expect(clippy::disallowed_types, reason = "the wall time is what is measured")]
fn once(bytes: &[u8], redaction: &Redaction) -> std::time::Duration {
    let began = std::time::Instant::now();
    hint::black_box(tail_lines(bytes, false, 10, redaction));
    began.elapsed()
}
