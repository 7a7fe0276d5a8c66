//! What is told about a file that cannot be taken, or only with a warning.

use std::{
    fs,
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
};

use proptest::test_runner::{Config as ProptestConfig, TestRunner};
use supervigil::config::{self, ConfigError};

use crate::{FOLDER, SECRET, environment, load_text, settings, snapshots};

fn files(prefix: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(FOLDER)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with(prefix) && path.extension().is_some_and(|end| end == "toml")
        })
        .collect();
    files.sort();
    files
}

/// Whatever is mistyped, no secret is shown. The slips are of single characters, as fingers make them.
#[test]
fn no_slip_of_the_finger_shows_a_secret() {
    let text = fs::read_to_string(Path::new(FOLDER).join("valid-full.toml")).unwrap();
    let original: Vec<char> = text.chars().collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.toml");
    let slip = (
        0..original.len(),
        proptest::option::of(proptest::sample::select(Vec::from(SLIPS))),
    );
    let slips = proptest::collection::vec(slip, 1..=3);
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 500,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let result = runner.run(&slips, |slips| {
        let mut text = original.clone();
        for (at, slip) in slips {
            match slip {
                Some(character) => text.insert(at.min(text.len()), character),
                None => drop(text.remove(at.min(text.len() - 1))),
            }
        }
        fs::write(&path, text.iter().collect::<String>()).unwrap();
        let told = match config::load(Some(&path), &environment()) {
            Ok(config) => settings(&config),
            Err(error) => format!("{error}\n{error:?}"),
        };
        proptest::prop_assert!(!told.contains(SECRET), "{}", told);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

const SLIPS: [char; 14] = [
    '"', '\'', '\n', '#', '=', '[', ']', '{', '}', ',', '$', '\\', ' ', 'x',
];

#[test]
fn each_rule_is_told_with_place_key_and_fix() {
    let files = files("invalid-");
    assert!(files.len() >= 100, "only {} files", files.len());
    let snapshots = snapshots();
    let mut failed = Vec::new();
    for path in &files {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let Err(told) = config::load(Some(path), &environment()) else {
            panic!("{name} is taken");
        };
        let text = told.to_string();
        assert!(
            !text.contains(SECRET) && !text.contains("271828182"),
            "{name} leaks:\n{text}"
        );
        let debug = format!("{told:?}");
        assert!(!debug.contains(SECRET), "{name} leaks in Debug:\n{debug}");
        let ConfigError::Mistakes(mistakes) = &told else {
            panic!("{name}: {told:?}");
        };
        for mistake in mistakes.list() {
            assert!(mistake.position().is_some(), "{name}: {mistake}");
            assert!(!mistake.path().is_empty(), "{name}: {mistake}");
            let message = mistake.message();
            let (what, fix) = message.split_once("; ").expect("a fix");
            assert!(what.len() > 5 && fix.len() > 5, "{name}: {message}");
        }
        let check = || insta::assert_snapshot!(name, text);
        if std::panic::catch_unwind(AssertUnwindSafe(|| snapshots.bind(check))).is_err() {
            failed.push(name.to_owned());
        }
    }
    assert_eq!(failed, Vec::<String>::new());
}

#[test]
fn ten_mistakes_are_told_at_once_in_the_order_of_the_file() {
    let path = Path::new(FOLDER).join("invalid-ten-mistakes.toml");
    let Err(ConfigError::Mistakes(mistakes)) = config::load(Some(&path), &environment()) else {
        panic!("taken");
    };
    let paths: Vec<_> = mistakes.list().iter().map(config::Mistake::path).collect();
    assert_eq!(
        paths,
        [
            "supervisord[0].nmae",
            "supervisord[0].url",
            "supervisord[0].poll_interval",
            "retry.on[0]",
            "retry.max_attempts",
            "program[0].match",
            "dingtalk[0].webhook",
            "dingtalk[0].max_per_minute",
            "http.listen",
            "storage.path",
        ]
    );
    assert!(
        mistakes
            .to_string()
            .ends_with("\n10 mistakes in tests/config/invalid-ten-mistakes.toml")
    );
}

#[test]
fn what_stands_twice_without_being_wrong_is_warned_of() {
    let config = load_text(
        "[[supervisord]]\nname = 'a'\n[[supervisord]]\nname = 'b'\n\
         [[program]]\nmatch = 'x'\n[[program]]\nmatch = 'x'\n",
    );
    let warnings = config.unwrap().warnings;
    let subjects: Vec<_> = warnings
        .iter()
        .map(|warning| warning.subject.as_str())
        .collect();
    assert_eq!(subjects, ["supervisord[1]", "program[1].match"]);
}

#[test]
fn files_that_cannot_be_configurations_are_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.toml");
    let error = config::load(Some(folder.path()), &environment()).unwrap_err();
    assert_eq!(error.kind(), "unreadable");
    fs::write(&path, b"# one\n# two \xff\n").unwrap();
    let error = config::load(Some(&path), &environment()).unwrap_err();
    assert!(
        matches!(error, ConfigError::NotText { line: 2, .. }),
        "{error:?}"
    );
    fs::write(&path, "#".repeat(1024 * 1024 + 1)).unwrap();
    let error = config::load(Some(&path), &environment()).unwrap_err();
    assert_eq!(error.kind(), "too_large");
}

#[test]
fn a_robot_on_loopback_may_be_plain_http() {
    for (table, path) in [
        ("dingtalk", "robot/send?access_token=x"),
        ("feishu", "open-apis/bot/v2/hook/x"),
        ("wecom", "cgi-bin/webhook/send?key=x"),
        ("slack", "services/T/B/x"),
    ] {
        let is_taken =
            |host| load_text(&format!("[[{table}]]\nwebhook = 'http://{host}/{path}'\n")).is_ok();
        for host in ["127.0.0.1:1", "localhost:1", "[::1]:1"] {
            assert!(is_taken(host), "{table} {host}");
        }
        for host in ["10.0.0.1", "localhost.example.com", "127.0.0.1.example.com"] {
            assert!(!is_taken(host), "{table} {host}");
        }
    }
}

#[test]
fn control_asks_for_a_token_only_where_others_can_reach_it() {
    let token = "token = '0123456789abcdefghij'";
    for (listen, token, fine) in [
        ("127.0.0.1:1", "", true),
        ("[::1]:1", "", true),
        ("unix:///run/h.sock", "", true),
        ("0.0.0.0:1", "", false),
        ("[::]:1", "", false),
        ("192.0.2.1:1", "", false),
        ("192.0.2.1:1", token, true),
    ] {
        let text = format!("[http]\ncontrol = true\nlisten = '{listen}'\n{token}\n");
        assert_eq!(load_text(&text).is_ok(), fine, "{text}");
        let harmless = text.replace("true", "false");
        assert!(load_text(&harmless).is_ok(), "{harmless}");
    }
}
