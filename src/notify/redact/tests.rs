//! What must go out of a log, and what must stay.

use proptest::prelude::*;

use super::*;

fn shown(text: &str) -> String {
    tail_lines(text, 100, &[]).join("\n")
}

#[test]
fn every_built_in_rule_is_an_expression() {
    assert_eq!(RULES.len(), sources().len());
    assert!(TERMINAL.is_some());
}

#[test]
fn secrets_go() {
    for (text, expected) in [
        ("password=hunter2", "password=***"),
        (
            "db.password = hunter2, user=bob",
            "db.password = ***, user=bob",
        ),
        (
            r#"{"password": "hunter2 \" more", "a": 1}"#,
            r#"{"password": ***, "a": 1}"#,
        ),
        ("MYSQL_PASSWD='two words' x", "MYSQL_PASSWD=*** x"),
        ("api_key: hunter2", "api_key: ***"),
        ("x-api-key: hunter2", "x-api-key: ***"),
        ("aws_secret_access_key=hunter2", "aws_secret_access_key=***"),
        (
            "GET /send?access_token=hunter2&x=1",
            "GET /send?access_token=***&x=1",
        ),
        (
            "Authorization: Bearer hunter2.abc",
            "Authorization: Bearer ***",
        ),
        (
            "mysqld --password hunter2 --port 1",
            "mysqld --password *** --port 1",
        ),
        ("jdbc:mysql://bob:hunter2@db/x", "jdbc:mysql://***@db/x"),
        ("redis://:hun@ter2@db:6379", "redis://***@db:6379"),
        ("id AKIAIOSFODNN7EXAMPLE.", "id ***."),
        ("LTAI5tHunter2Hunter2Hunter", "***"),
        ("t=eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSM end", "t=*** end"),
        (
            "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIEhunter2\n-----END RSA PRIVATE KEY-----\nb",
            "a\n***\nb",
        ),
        ("a\n-----BEGIN PRIVATE KEY-----\nMIIEhunter2", "a\n***"),
        ("MIIEhunter2abc\n-----END PRIVATE KEY-----\nb", "***\nb"),
    ] {
        assert_eq!(shown(text), expected, "{text}");
        assert!(!shown(text).contains("hunter2"), "{text}");
    }
}

#[test]
fn the_rest_stays() {
    for text in [
        "[2026-11-23T05:41:18,123][ERROR][o.e.b.Bootstrap] [es_node_a] Exception",
        "java.lang.OutOfMemoryError: Java heap space",
        "    at org.elasticsearch.Foo.bar(Foo.java:42) ~[elasticsearch.jar:7.1]",
        "bind: address already in use http://127.0.0.1:9200/_cluster?pretty=true",
        "tokenizer ready, 3 tokens",
        "the password was wrong",
        "中文日志：磁盘已满",
    ] {
        assert_eq!(shown(text), text);
    }
}

#[test]
fn the_users_rules_are_added() {
    let user = [
        Regex::new("cust-[0-9]+").unwrap(),
        Regex::new("x*").unwrap(),
    ];
    assert_eq!(tail_lines("for cust-123, xx", 1, &user), ["for ***, ***"]);
}

#[test]
fn terminal_sequences_and_control_characters_go() {
    assert_eq!(shown("\x1b[31mred\x1b[0m\ttab\u{7}\u{202e}x"), "red tabx");
    assert_eq!(shown("\x1b]0;title\x07text"), "text");
    assert_eq!(shown("pass\x1b[1mword=hunter2"), "password=***");
    assert_eq!(shown("10%\r20%\r\ndone"), "10%\n20%\ndone");
}

#[test]
fn the_last_lines_are_kept_and_cut_at_a_character() {
    assert_eq!(tail_lines("a\n\nb\nc\n", 2, &[]), ["b", "c"]);
    assert!(tail_lines("a", 0, &[]).is_empty());
    let lines = tail_lines(&"错".repeat(1000), 1, &[]);
    assert_eq!(lines[0].chars().count(), LINE_MAX);
    assert!(lines[0].ends_with('…'));
}

proptest! {
    #[test]
    fn once_is_enough(text in any::<String>()) {
        let once = shown(&text);
        prop_assert_eq!(shown(&once), once);
    }

    #[test]
    fn once_is_enough_for_what_looks_like_secrets(
        parts in proptest::collection::vec(
            prop_oneof![
                Just("password"), Just("token"), Just("="), Just(": "), Just("\""), Just("'"),
                Just("***"), Just("http://"), Just("@"), Just("\n"), Just("Bearer "), Just("--"),
                Just(" "), Just("abcdefgh"), Just("-----END PRIVATE KEY-----"),
                Just("-----BEGIN PRIVATE KEY-----"), Just("AKIA"), Just("0123456789ABC"),
                Just("eyJ"), Just("."), Just("\x1b["), Just("31m"), Just("\\"), Just(","), Just("…"),
            ],
            0..40,
        )
    ) {
        let once = shown(&parts.concat());
        prop_assert_eq!(shown(&once), once);
    }

    #[test]
    fn no_secret_survives(
        key in "(db_)?(password|secret|token|api_key|access-key)",
        join in "(=|: | = |\": \")",
        secret in "[A-Za-z0-9!#$%^*+/_.-]{4,40}",
        before in "[a-z ]{0,450}",
    ) {
        prop_assume!(!before.contains(&secret) && secret.chars().any(|c| c != '*'));
        let text = format!("{before} {key}{join}{secret} after");
        prop_assert!(!shown(&text).contains(&secret), "{}", shown(&text));
    }
}
