//! The rules themselves, on samples that break them.

use super::*;

fn sample(path: &str, text: &str) -> Source {
    Source {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

fn map() -> BTreeMap<String, u32> {
    floors(
        "//! | floor | module | is |\n//! | 4 | [`clock`] | time |\n//! | 2 | [`store`] | x |\n\
         //! | 2 | [`notify`] | x |\n//! | 1 | [`engine`] | x |\n//! | 0 | [`model`] | x |\n",
    )
}

#[track_caller]
fn breaks(found: &[String], expected: &[&str]) {
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.contains(expected), "{found}");
    }
}

#[test]
fn the_table_is_read() {
    let map = map();
    assert_eq!((map.len(), map["clock"], map["model"]), (5, 4, 0));
}

#[test]
fn a_use_tree_is_expanded() {
    let source = sample(
        "src/store/mod.rs",
        "use crate::{\n    clock::{self, Clock as C},\n    model::Record,\n};\n\
         // use crate::comment;\nlet x = \"http://a\"; y = crate::engine::run(); // crate::b::c\n\
         #[cfg(test)]\nmod tests { use crate::tests; }\n",
    );
    let named: Vec<_> = source.paths().into_iter().collect();
    assert_eq!(
        named,
        [
            "crate::clock::Clock",
            "crate::clock::self",
            "crate::engine::run",
            "crate::model::Record",
            "model::Record",
        ]
    );
}

#[test]
fn calls_up_and_sideways_are_found() {
    let calls = |path, text| upward_calls(&sample(path, text), &map());
    breaks(&calls("src/store/mod.rs", "use crate::model::Record;"), &[]);
    breaks(&calls("src/store/mod.rs", "use crate::store::load;"), &[]);
    breaks(
        &calls("src/store/load.rs", "use crate::{model::A, notify::B};"),
        &["crate::notify::B (floor 2)"],
    );
    breaks(
        &calls("src/engine/retry.rs", "fn f() { crate::clock::now() }"),
        &["engine (floor 1) uses crate::clock::now (floor 4)"],
    );
    breaks(
        &calls("src/store/mod.rs", "use super::notify::Outbox;"),
        &["super::notify::Outbox"],
    );
    breaks(
        &calls("src/store/load.rs", "use super::super::clock;"),
        &["super::super::clock"],
    );
    breaks(&calls("src/store/load.rs", "use super::clock;"), &[]);
    breaks(&calls("src/extra.rs", ""), &["`extra` has no floor"]);
}

#[test]
fn impure_code_is_found() {
    let found = |path, text| impurities(&sample(path, text), &map());
    breaks(
        &found(
            "src/engine/mod.rs",
            "use std::{fs, time::{Duration, Instant}};",
        ),
        &["std::fs", "std::time::Instant"],
    );
    breaks(
        &found(
            "src/notify/outbox.rs",
            "use tokio::sync;\nasync fn f() {}\n",
        ),
        &["tokio::sync", "outbox.rs:2: pure code is asynchronous"],
    );
    breaks(
        &found(
            "src/model/moment.rs",
            "let x = std::time::SystemTime::now();",
        ),
        &["(std::time::SystemTime)", "reads a clock"],
    );
    breaks(
        &found(
            "src/store/mod.rs",
            "use tokio::sync;\nlet now = Timestamp::now();",
        ),
        &["Timestamp::now reads a clock"],
    );
    breaks(&found("src/clock.rs", "let now = Timestamp::now();"), &[]);
}

#[test]
fn shapes_and_words_are_found() {
    let long = "//! It is long.\n".repeat(LINES_MAX + 1);
    breaks(&shape(&sample("src/a.rs", &long)), &["401 lines"]);
    breaks(
        &shape(&sample("src/a.rs", "fn f() {}\n")),
        &["begin with `//!`"],
    );
    for (head, tail, advice) in BANNED {
        let text = format!("//! Fine.\n// {head}{tail}");
        breaks(&banned_words(&sample("src/a.rs", &text)), &[advice]);
    }
}
