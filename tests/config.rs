//! The configuration, from files as people write them.
//!
//! Each `tests/config/invalid-*.toml` breaks one rule, which its first line states; what it is
//! answered with is in `tests/config/snapshots`. Every secret in these files is `hunter2`, so that
//! one search finds any that leaks.

#![expect(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    reason = "a test fails by panicking"
)]

use std::{
    fmt::Write as _,
    fs,
    os::unix::fs::PermissionsExt as _,
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
    time::Duration,
};

use proptest::test_runner::{Config as ProptestConfig, TestRunner};
use secrecy::ExposeSecret as _;
use supervigil::{
    config::{self, Config, ConfigError, Environment},
    engine::RetryRule,
    http::Listen,
    logging,
    model::{ProgramName, Severity},
    notify::{ChannelKind, Language, MessageType},
    supervisord::Endpoint,
};

const FOLDER: &str = "tests/config";
const SECRET: &str = "hunter2";

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

fn environment() -> Environment {
    Environment::of([
        ("EMPTY", ""),
        ("HOST", "db1"),
        ("ROBOT", SECRET),
        ("STATE_DIRECTORY", "/state"),
    ])
}

fn load_text(text: &str) -> Result<Config, ConfigError> {
    load_text_in(text, &environment())
}

fn load_text_in(text: &str, environment: &Environment) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("supervigil.toml");
    fs::write(&path, text).unwrap();
    config::load(Some(&path), environment)
}

/// The settings alone, for comparing.
fn settings(config: &Config) -> String {
    let config = Config {
        source: None,
        warnings: Vec::new(),
        ..config.clone()
    };
    format!("{config:#?}")
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

/// The settings without the insides of compiled patterns, which are another crate's business.
fn overview(config: &Config) -> String {
    let mut rest = config.clone();
    let programs = std::mem::take(&mut rest.engine.programs);
    let mut overview = settings(&rest);
    for rule in programs {
        let shown = (
            rule.matcher.glob().glob(),
            rule.severity,
            rule.expected_up,
            rule.alert_on_crash,
            rule.runbook,
            rule.at_mobiles,
            rule.retry,
        );
        write!(overview, "\n{shown:#?}").unwrap();
    }
    overview
}

fn snapshots() -> insta::Settings {
    let mut snapshots = insta::Settings::clone_current();
    snapshots.set_snapshot_path("config/snapshots");
    snapshots.set_prepend_module_to_snapshot(false);
    snapshots.set_omit_expression(true);
    snapshots
}

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
fn nothing_configured_is_a_whole_configuration() {
    let config = load_text("").unwrap();
    let [server] = config.supervisords.as_slice() else {
        panic!("{config:?}");
    };
    assert_eq!(server.name.as_str(), "main");
    let Endpoint::Search(paths) = &server.endpoint else {
        panic!("{server:?}");
    };
    assert_eq!(paths[0], Path::new("/var/run/supervisor.sock"));
    assert_eq!(config.engine.retry, None);
    assert!(!config.engine.servers[0].must_answer);
    assert_eq!(config.engine.servers[0].itself, None);
    assert!(config.notify.channels.is_empty());
    assert_eq!(config.store.path, Path::new("/state/supervigil.db"));
    assert_eq!(config.warnings, []);
    snapshots().bind(|| insta::assert_snapshot!("defaults", settings(&config)));
}

#[test]
fn a_file_that_names_nothing_new_is_as_good_as_none() {
    let folder = tempfile::tempdir().unwrap();
    let empty = config::load(None, &environment().in_folder(folder.path())).unwrap();
    for text in [
        "",
        "[[supervisord]]\n",
        "[alert]\n[http]\n[storage]\n[log]\n",
    ] {
        assert_eq!(
            settings(&load_text(text).unwrap()),
            settings(&empty),
            "{text}"
        );
    }
}

#[test]
fn a_minimal_file_tells_somebody() {
    let path = Path::new(FOLDER).join("valid-minimal.toml");
    let config = config::load(Some(&path), &environment()).unwrap();
    let [channel] = config.notify.channels.as_slice() else {
        panic!("{config:?}");
    };
    assert_eq!(
        (channel.name.as_str(), channel.max_per_minute),
        ("dingtalk", 16)
    );
    assert_eq!(channel.severities, [Severity::Critical, Severity::Warning]);
    let ChannelKind::DingTalk(robot) = &channel.kind else {
        panic!("{channel:?}");
    };
    let webhook = format!("https://oapi.dingtalk.com/robot/send?access_token={SECRET}");
    assert_eq!(robot.webhook.expose_secret(), webhook);
    assert_eq!(robot.message_type, MessageType::Markdown);
    assert!(robot.secret.is_none() && robot.keyword.is_empty() && !robot.at_all);
    assert_eq!(config.source, Some(path));
}

#[test]
fn every_key_arrives_where_it_belongs_and_no_secret_in_debug() {
    let path = Path::new(FOLDER).join("valid-full.toml");
    let config = config::load(Some(&path), &environment()).unwrap();
    let shown = settings(&config);
    assert!(!shown.contains(SECRET), "{shown}");
    snapshots().bind(|| insta::assert_snapshot!("full", overview(&config)));

    let there = config.supervisords[1].credentials.as_ref().unwrap();
    assert_eq!(there.password.expose_secret(), "hunter2-hunter2-hunter2");
    let rule = &config.engine.programs[0];
    assert!(rule.matcher.is_match("es:a_1") && !rule.matcher.is_match("es:c_1"));
    assert!(config.engine.programs[1].matcher.is_match("批处理一号"));
    let RetryRule::Own(own) = &rule.retry else {
        panic!("{rule:?}");
    };
    assert_eq!(
        (own.max_attempts, own.on_fatal, own.max_per_minute),
        (1, true, 3)
    );
    assert!(
        config.notify.redact[1].is_match("ax"),
        "$$ is one dollar sign"
    );
    let names: Vec<_> = config
        .notify
        .channels
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    assert_eq!(names, ["运维", "webhook", "webhook-2", "am"]);
    let ChannelKind::DingTalk(robot) = &config.notify.channels[0].kind else {
        panic!("{shown}");
    };
    let webhook = robot.webhook.expose_secret();
    assert!(
        webhook.ends_with("access_token=hunter2"),
        "the line's end is trimmed"
    );
    assert_eq!(config.http.listen, Listen::Unix("/run/h.sock".into()));
}

#[test]
fn variables_stand_in_any_text() {
    let path = Path::new(FOLDER).join("valid-variables.toml");
    let config = config::load(Some(&path), &environment()).unwrap();
    let server = &config.supervisords[0];
    assert_eq!(server.name.as_str(), "db1");
    let authority = "db1:9001".to_owned();
    assert_eq!(server.endpoint, Endpoint::Tcp { authority });
    let credentials = server.credentials.as_ref().unwrap();
    assert_eq!(credentials.username, "a$b");
    assert_eq!(credentials.password.expose_secret(), "hunter2$");
    assert_eq!(server.poll_interval, Duration::from_secs(7));
    assert!(config.engine.programs[0].matcher.is_match("db1_a:b"));
}

#[test]
fn secrets_are_looked_for_among_the_credentials_and_then_beside_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (beside, credentials) = (folder.path().join("etc"), folder.path().join("credentials"));
    for (path, text) in [
        (beside.join("one"), "one beside\n"),
        (beside.join("two"), "two beside\r\n"),
        (credentials.join("one"), "one credential"),
    ] {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let text = "[[supervisord]]\nname = 'a'\nurl = 'http://a:1'\nusername = 'u'\npassword_file = 'one'\n\
                [[supervisord]]\nname = 'b'\nurl = 'http://b:1'\nusername = 'u'\npassword_file = '${TWO}'\n";
    let file = beside.join("s.toml");
    fs::write(&file, text).unwrap();
    let with = Environment::of([
        ("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap()),
        ("TWO", "two"),
    ]);
    let without = Environment::of([("TWO", beside.join("two").to_str().unwrap())]);
    for (environment, passwords) in [
        (with, ["one credential", "two beside"]),
        (without, ["one beside", "two beside"]),
    ] {
        let config = config::load(Some(&file), &environment).unwrap();
        let found: Vec<_> = config
            .supervisords
            .iter()
            .map(|server| {
                server
                    .credentials
                    .as_ref()
                    .unwrap()
                    .password
                    .expose_secret()
            })
            .collect();
        assert_eq!(found, passwords);
        assert_eq!(config.warnings, []);
    }
}

#[test]
fn secrets_that_everybody_can_read_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.toml");
    let secret = folder.path().join("p");
    fs::write(&secret, SECRET).unwrap();
    let warnings = |text: &str, config_mode: u32, secret_mode: u32| {
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(config_mode)).unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(secret_mode)).unwrap();
        let config = config::load(Some(&file), &environment()).unwrap();
        let warnings = config.warnings.iter().map(ToString::to_string);
        warnings.collect::<Vec<_>>().join("\n")
    };
    let in_file = "[[supervisord]]\nusername = 'u'\npassword_file = 'p'\n";
    let written = "[[supervisord]]\nusername = 'u'\npassword = 'hunter2'\n";
    let variable = "[[supervisord]]\nusername = 'u'\npassword = '${ROBOT}'\n";
    let address = "[[webhook]]\nurl = 'http://127.0.0.1:8080/'\n";
    assert_eq!(warnings(in_file, 0o644, 0o640), "");
    assert!(warnings(in_file, 0o644, 0o644).contains("p: everybody on this machine"));
    assert_eq!(warnings(written, 0o640, 0o600), "");
    let told = warnings(written, 0o644, 0o600);
    assert!(
        told.contains("s.toml: everybody") && !told.contains(SECRET),
        "{told}"
    );
    assert_eq!(warnings(variable, 0o644, 0o600), "");
    assert_eq!(warnings(address, 0o644, 0o600), "");
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
fn the_file_is_the_named_one_or_the_local_one() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, level: &str| {
        let path = folder.path().join(name);
        fs::write(&path, format!("[log]\nlevel = '{level}'\n")).unwrap();
        path
    };
    let local = write("supervigil.toml", "warn");
    let by_variable = write("variable.toml", "error");
    let by_flag = write("flag.toml", "debug");
    let missing = folder.path().join("missing.toml");
    let plain = Environment::of([("SUPERVIGIL_CONFIG", "")]).in_folder(folder.path());
    let named = Environment::of([("SUPERVIGIL_CONFIG", by_variable.to_str().unwrap())])
        .in_folder(folder.path());
    let nowhere = Environment::of([("SUPERVIGIL_CONFIG", missing.to_str().unwrap())]);
    let source = |explicit, environment| config::load(explicit, environment).unwrap().source;
    assert_eq!(source(Some(&by_flag), &named), Some(by_flag.clone()));
    assert_eq!(source(None, &named), Some(by_variable));
    assert_eq!(source(None, &plain), Some(local));
    for (explicit, environment, named_by) in [
        (Some(missing.as_path()), &plain, "--config"),
        (None, &nowhere, "$SUPERVIGIL_CONFIG"),
    ] {
        let error = config::load(explicit, environment).unwrap_err();
        assert_eq!(error.kind(), "missing");
        assert!(error.to_string().contains(named_by), "{error}");
    }
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
fn the_supervisord_that_started_us_is_found_and_so_are_we() {
    let child = [
        ("SUPERVISOR_ENABLED", "1"),
        ("SUPERVISOR_SERVER_URL", "unix:///run/parent.sock"),
        ("SUPERVISOR_GROUP_NAME", "vigil"),
        ("SUPERVISOR_PROCESS_NAME", "supervigil"),
    ];
    let environment = Environment::of(child);
    let itself = Some(ProgramName::new("vigil", "supervigil"));
    let config = load_text_in("", &environment).unwrap();
    let parent = Endpoint::Unix("/run/parent.sock".into());
    assert_eq!(config.supervisords[0].endpoint, parent);
    assert!(config.engine.servers[0].must_answer);
    assert_eq!(config.engine.servers[0].itself, itself);

    let one = load_text_in("[[supervisord]]\nurl = 'http://x:1'\n", &environment).unwrap();
    assert_eq!(one.engine.servers[0].itself, itself);

    let two = "[[supervisord]]\nname = 'a'\nurl = 'http://x:1'\n\
               [[supervisord]]\nname = 'b'\nurl = 'unix:///run/parent.sock'\n";
    let two = load_text_in(two, &environment).unwrap();
    assert_eq!(two.engine.servers[0].itself, None);
    assert_eq!(two.engine.servers[1].itself, itself);

    let wrong = Environment::of([("SUPERVISOR_SERVER_URL", "ftp://x")]);
    let error = config::load(None, &wrong.in_folder("/nonexistent")).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("$SUPERVISOR_SERVER_URL: this is neither"),
        "{error}"
    );
}

#[test]
fn a_robot_on_loopback_may_be_plain_http() {
    for host in ["127.0.0.1:1", "localhost:1", "[::1]:1"] {
        let text = format!("[[dingtalk]]\nwebhook = 'http://{host}/robot/send?access_token=x'\n");
        assert!(load_text(&text).is_ok(), "{text}");
    }
    for host in ["10.0.0.1", "localhost.example.com", "127.0.0.1.example.com"] {
        let text = format!("[[dingtalk]]\nwebhook = 'http://{host}/robot/send?access_token=x'\n");
        assert!(load_text(&text).is_err(), "{text}");
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

const EXAMPLE: &str = include_str!("../deploy/supervigil.example.toml");

/// The example with everything in it that is off.
fn whole_example() -> String {
    let lines = EXAMPLE.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c == '[' || c.is_ascii_lowercase()) => rest,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_says_the_defaults() {
    let defaults = load_text("").unwrap();
    assert_eq!(settings(&load_text(EXAMPLE).unwrap()), settings(&defaults));

    let whole = load_text(&whole_example()).unwrap();
    let alone = load_text(
        "[retry]\n[[program]]\nmatch = 'es_node_*'\n\
         [[dingtalk]]\nwebhook = 'https://x/?access_token=x'\n",
    );
    let alone = alone.unwrap();
    assert_eq!(whole.engine.retry, alone.engine.retry);
    assert_eq!(whole.engine.alert, defaults.engine.alert);
    assert!(whole.engine.programs[0].expected_up && alone.engine.programs[0].expected_up);
    let robot = |config: &Config| format!("{:?}", config.notify.channels[0]);
    assert_eq!(
        robot(&whole).replace("\"ops\"", "\"dingtalk\""),
        robot(&alone)
    );
    assert_eq!(whole.notify.channels.len(), 3);
    assert_eq!(whole.notify.language, Language::Zh);
    assert_eq!(whole.log.format, logging::Format::Auto);
}

/// The program itself lists the keys of a table when it is asked for one that is not there.
#[test]
fn the_example_knows_every_key() {
    let whole = whole_example();
    let mut sections: Vec<&str> = whole.split("\n[").collect();
    sections.remove(0);
    for (header, keys) in sections
        .iter()
        .map(|section| section.split_once('\n').unwrap())
    {
        let header = format!("[{header}");
        let Err(ConfigError::Mistakes(mistakes)) = load_text(&format!("{header}\nqqq = 1\n"))
        else {
            panic!("{header}");
        };
        let listing = mistakes
            .list()
            .iter()
            .map(config::Mistake::message)
            .find_map(|message| Some(message.split_once("the keys here are ")?.1.to_owned()))
            .unwrap();
        for key in listing.replace(" and ", ", ").split(", ") {
            let has = |key: &str| {
                keys.contains(&format!("\n{key} = ")) || keys.contains(&format!("\n#{key} = "))
            };
            let explained = |key: &str| keys.contains(key);
            let twin = key.strip_suffix("_file").unwrap_or(key);
            let twin_of = format!("{key}_file");
            assert!(
                has(key) || (has(twin) || has(&twin_of)) && explained(key),
                "{header} lacks {key}:\n{keys}"
            );
        }
    }
    assert_eq!(sections.len(), 10);
}
