//! What must go out of a log, and what must stay.

use proptest::prelude::*;

use super::*;

fn shown(text: &str) -> String {
    shown_by(text, &Redaction::default())
}

fn shown_by(text: &str, redaction: &Redaction) -> String {
    tail_lines(text.as_bytes(), false, 100, redaction).join("\n")
}

#[test]
fn every_built_in_rule_is_an_expression() {
    assert!(rules::is_complete());
    assert!(TERMINAL.is_some());
}

/// Lines with a secret in the form of each file, language and tool, and what is left of them.
const SECRETS: &[(&str, &str)] = &[
    ("password=hunter2", "password=***"),
    (
        "db.password = hunter2, user=bob",
        "db.password = ***, user=bob",
    ),
    (
        r#"{"password": "hunter2 \" more", "a": 1}"#,
        r#"{"password": ***, "a": 1}"#,
    ),
    (
        r#"{"log":"{\"token\":\"hunter2 x\",\"a\":1}"}"#,
        r#"{"log":"{\"token\":***",\"a\":1}"}"#,
    ),
    ("{'secret': b'hunter2'}", "{'secret': ***}"),
    ("MYSQL_PASSWD='two hunter2 words' x", "MYSQL_PASSWD=*** x"),
    ("smtpPwd: hunter2", "smtpPwd: ***"),
    ("db_pass=hunter2", "db_pass=***"),
    ("api_key: hunter2", "api_key: ***"),
    ("x-api-key: hunter2", "x-api-key: ***"),
    ("apikey=hunter2", "apikey=***"),
    ("accessKeySecret: hunter2", "accessKeySecret: ***"),
    ("aws_secret_access_key=hunter2", "aws_secret_access_key=***"),
    ("SECRET_KEY_BASE=hunter2", "SECRET_KEY_BASE=***"),
    ("clientSecret => hunter2", "clientSecret => ***"),
    (
        "Config{password=hunter2, port=1}",
        "Config{password=***, port=1}",
    ),
    ("password=hunter2,hunter2;hunter2 x", "password=*** x"),
    ("token=abc\"hunter2 x", "token=*** x"),
    ("密码：hunter2", "密码：***"),
    ("数据库密码 = hunter2", "数据库密码 = ***"),
    (
        "GET /send?access_token=hunter2&x=1",
        "GET /send?access_token=***&x=1",
    ),
    (
        "GET /o?Expires=1&Signature=hunter2%3D HTTP/1.1",
        "GET /o?Expires=1&Signature=*** HTTP/1.1",
    ),
    (
        "Authorization: Bearer hunter2.abc",
        "Authorization: Bearer ***",
    ),
    (
        r#"{"authorization":"Basic Ym9iOmh1bnRlcjI="}"#,
        r#"{"authorization":"Basic ***"}"#,
    ),
    ("authorization=hunter2", "authorization=***"),
    ("sent bearer hunter2.abc to db", "sent bearer *** to db"),
    ("Cookie: sid=hunter2; a=b", "Cookie: ***"),
    (
        "mysqld --password hunter2 --port 1",
        "mysqld --password *** --port 1",
    ),
    ("x --db-token=hunter2 y", "x --db-token=*** y"),
    (
        r#"["run", "--password", "hunter2"]"#,
        r#"["run", "--password", ***"#,
    ),
    ("curl -u bob:hunter2 http://db", "curl -u bob:*** http://db"),
    ("mysql -h db -phunter2 x", "mysql -h db -p*** x"),
    (
        "redis-cli -h db -a hunter2 ping",
        "redis-cli -h db -a *** ping",
    ),
    (
        "CREATE USER bob IDENTIFIED BY 'hunter2';",
        "CREATE USER bob IDENTIFIED BY ***;",
    ),
    ("<password>hunter2</password>", "<password>***</password>"),
    ("jdbc:mysql://bob:hunter2@db/x", "jdbc:mysql://***@db/x"),
    ("redis://:hun@ter2@db:6379", "redis://***@db:6379"),
    ("postgres://bob:hunter2/x@db/x", "postgres://***@db/x"),
    ("id AKIAIOSFODNN7EXAMPLE.", "id ***."),
    ("LTAI5tHunter2Hunter2Hunter", "***"),
    ("k AIzaSyA1hunter2hunter2hunter2hunter2hun x", "k *** x"),
    ("ghp_hunter2hunter2hunter2", "***"),
    ("github_pat_hunter2_hunter2", "***"),
    ("xoxb-hunter2-hunter2", "***"),
    ("t=eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSM end", "t=*** end"),
    (
        "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIEhunter2\n-----END RSA PRIVATE KEY-----\nb",
        "a\n***\nb",
    ),
];

#[test]
fn secrets_go() {
    for (text, expected) in SECRETS {
        assert_eq!(shown(text), *expected, "{text}");
        assert!(!shown(text).contains("hunter2"), "{text}");
    }
}

#[test]
fn a_robots_secret_goes() {
    let secret = format!("SEC{}", "0a1b2c3d".repeat(8));
    assert_eq!(shown(&format!("with {secret}.")), "with ***.");
}

/// Lines as servers write them by the thousand, with no secret in them.
const ORDINARY: &[&str] = &[
    // Elasticsearch
    "[2026-11-23T05:41:18,123][ERROR][o.e.b.Bootstrap] [es_node_a] Exception",
    "[2026-11-23T05:41:18,123][WARN ][o.e.c.c.ClusterFormationFailureHelper] [es_node_a] master not discovered yet: have discovered [{es_node_a}{q1w2e3}{10.0.0.5}{10.0.0.5:9300}{cdfhilmrstw}{ml.machine_memory=16777216, xpack.installed=true}]",
    "[2026-11-23T05:41:18,123][INFO ][o.e.x.s.a.TokenService] [es_node_a] refresh keys",
    "[2026-11-23T05:41:18,123][INFO ][o.e.x.s.s.SecurityStatusChangeListener] Active license is now [BASIC]; Security is disabled",
    r#"{"type":"custom","tokenizer":"ik_max_word","filter":["lowercase"]}"#,
    "analyzer [ik] tokenizer: ik_smart, max_token_length: 255",
    "failed to obtain node locks, tried [/data/es]: is another node running?",
    "java.lang.OutOfMemoryError: Java heap space",
    "    at org.elasticsearch.Foo.bar(Foo.java:42) ~[elasticsearch.jar:7.1]",
    "[gc][young][1234][5] duration [1.2s], collections [1]/[1.5s], total [1.2s]/[3.4m]",
    "bind: address already in use http://127.0.0.1:9200/_cluster?pretty=true",
    // Spring, Kafka, ZooKeeper
    "2026-11-23 05:41:18.123 ERROR 4711 --- [main] c.e.s.JwtTokenFilter : Cannot set user authentication",
    "2026-11-23 05:41:18.123  INFO 1 --- [ main] c.e.PasswordEncoderConfig: using bcrypt",
    "org.springframework.security.authentication.BadCredentialsException: Bad credentials",
    "ssl.key.password = null",
    "ssl.keystore.password = [hidden]",
    "Session establishment complete on server db/10.0.0.5:2181, sessionid = 0x15a3, negotiated timeout = 40000",
    // Python
    r#"  File "/srv/app/auth/token.py", line 42, in refresh"#,
    "KeyError: 'password'",
    "sqlalchemy.exc.OperationalError: (pymysql.err.OperationalError) (1045, \"Access denied for user 'app'@'10.0.0.5' (using password: YES)\")",
    "django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty.",
    "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)",
    "usage: total_tokens=4096 prompt_tokens: 12",
    // nginx and others
    r#"10.0.0.5 - bob [23/Nov/2026:05:41:18 +0000] "GET /api/v1/users?page=2&size=10 HTTP/1.1" 200 612 "-" "curl/8.0""#,
    "2026/11/23 05:41:18 [error] 7#7: *42 connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.5, server: db, request: \"GET / HTTP/1.1\"",
    "SyntaxError: Unexpected token: punc",
    "SyntaxError: Unexpected token < in JSON at position 0",
    "use --password or --token to log in",
    "using basic authentication for admin",
    "Authorization: denied for bob",
    "thread 'main' panicked at app::token::refresh: no entry",
    "if token == null",
    "PWD=/var/lib/app",
    "12 tests, pass: 11, fail: 1",
    "https://registry.npmjs.org/@babel/core",
    "image repo/app@sha256:0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9",
    "commit 0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d by bob@example.com",
    "the password was wrong",
    "token expired",
    "tokenizer ready, 3 tokens",
    "中文日志：磁盘已满",
    "密码错误，请重试",
];

#[test]
fn the_rest_stays() {
    for text in ORDINARY {
        assert_eq!(shown(text), text.trim_end(), "{text}");
    }
}

#[test]
fn a_name_that_is_none_does_not_shield_a_secret() {
    assert_eq!(
        shown("c.e.TokenFilter: password=hunter2"),
        "c.e.TokenFilter: password=***"
    );
    assert_eq!(shown("token=null&secret=hunter2"), "token=null&secret=***");
}

#[test]
fn the_users_rules_are_added() {
    let user = ["cust-[0-9]+", "x*"].map(|text| expression(text).unwrap());
    let redaction = Redaction::new(user.to_vec());
    assert_eq!(shown_by("for cust-123, xx", &redaction), "for ***, ***");
}

#[test]
fn an_expression_has_a_limit() {
    assert!(expression(r"(?:\w{1000}){100}").is_err());
    assert!(expression(r"(?i)internal-[a-z0-9]{8,64}\b").is_ok());
}

#[test]
fn what_is_known_goes_wherever_it_stands() {
    let redaction = Redaction::default()
        .knowing("hunter2hunter2")
        .knowing("https://hook.example/hunter3")
        .knowing("supervisor");
    assert_eq!(
        shown_by(
            "supervisor xhunter2hunter2y posts to https://hook.example/hunter3!",
            &redaction
        ),
        "supervisor x***y posts to ***!"
    );
    assert!(!format!("{redaction:?}").contains("hunter2"));
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
    let none = Redaction::default();
    assert_eq!(tail_lines(b"a\n\nb\nc\n", false, 2, &none), ["b", "c"]);
    assert!(tail_lines(b"a", false, 0, &none).is_empty());
    let lines = tail_lines("错".repeat(1000).as_bytes(), false, 1, &none);
    assert_eq!(lines[0].chars().count(), LINE_MAX);
    assert!(lines[0].ends_with('…'));
}

#[test]
fn what_begins_within_a_line_begins_with_the_next() {
    let none = Redaction::default();
    assert_eq!(tail_lines(b"ter2 x\nwhole\n", true, 9, &none), ["whole"]);
    assert_eq!(
        tail_lines(b"ter2 x\nwhole\n", false, 9, &none),
        ["ter2 x", "whole"]
    );
}

#[test]
fn a_line_without_its_beginning_shows_its_end_and_no_rest_of_a_secret() {
    let none = Redaction::default();
    assert_eq!(tail_lines(b"ter2, b=1\n", true, 9, &none), ["…, b=1"]);
    assert_eq!(
        tail_lines("志日志\n".as_bytes(), true, 9, &none),
        ["…志日志"]
    );
    assert!(tail_lines(b"0a1b2c3d4e5f", true, 9, &none).is_empty());
    let long = format!("{}the end", "a long ".repeat(10_000_000 / 7));
    let lines = tail_lines(long.as_bytes(), false, 9, &none);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].chars().count(), LINE_MAX);
    assert!(lines[0].starts_with('…') && lines[0].ends_with("a long the end"));
}

/// A name of a secret, how its value is joined to it, and what ends the value.
fn form() -> impl Strategy<Value = (String, &'static str, &'static str)> {
    let name = "(db_|spring\\.datasource\\.|X-|my)?(password|passwd|pwd|secret|token|api_key|access-key|credential)(_1|_prod)?";
    let joined = prop_oneof![
        Just(("=", " after")),
        Just((": ", " after")),
        Just((" = ", "\nafter")),
        Just((" => ", " after")),
        Just(("\": \"", "\", \"a\": 1}")),
        Just(("\\\":\\\"", "\\\", \\\"a\\\": 1}")),
        Just(("': '", "', 'a': 1}")),
        Just((": b'", "' after")),
        Just(("='", "' after")),
        Just(("：", " after")),
    ];
    (name, joined).prop_map(|(name, (join, end))| (name, join, end))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

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
                Just("authorization"), Just("mysql -p"), Just("<"), Just(">"), Just("</"), Just("s"),
                Just("Filter"), Just("null"), Just("&"), Just("?key"), Just(")"), Just(";"), Just(":"),
            ],
            0..40,
        )
    ) {
        let once = shown(&parts.concat());
        prop_assert_eq!(shown(&once), once);
    }

    #[test]
    fn no_secret_survives(
        (name, join, end) in form(),
        secret in "[A-Za-z0-9!#$%^*+/_.-]{4,40}",
        before in "[a-z ]{0,450}",
    ) {
        prop_assume!(!before.contains(&secret) && !end.contains(&secret));
        prop_assume!(secret.chars().any(char::is_alphanumeric) && !keys::is_no_secret(&secret));
        // `pwd` is also the name of a folder, and a folder is none.
        prop_assume!(!secret.starts_with('/'));
        let text = format!("{before} {name}{join}{secret}{end}");
        prop_assert!(!shown(&text).contains(&secret), "{}", shown(&text));
        // A slash ends the part of an address that may hold a password, unless it is no port.
        let encoded = format!("{before} http://bob:{}@db/ x", secret.replace('/', "%2F"));
        let secret = secret.replace('/', "%2F");
        prop_assert!(!shown(&encoded).contains(&secret), "{}", shown(&encoded));
    }

    #[test]
    fn no_token_survives_by_its_form_alone(
        token in prop_oneof![
            "AKIA[0-9A-Z]{16}", "ASIA[0-9A-Z]{16}", "LTAI[0-9A-Za-z]{20}", "AKID[0-9A-Za-z]{32}",
            "AIza[0-9A-Za-z_-]{35}", "gh[pousr]_[0-9A-Za-z]{36}", "github_pat_[0-9A-Za-z_]{40}",
            "xox[bp]-[0-9]{10}-[0-9A-Za-z]{20}", "SEC[0-9a-f]{64}",
            "eyJ[0-9A-Za-z_-]{20}\\.[0-9A-Za-z_-]{20}\\.[0-9A-Za-z_-]{20}",
        ],
        before in "([a-z中]{1,9}[ =:\"'(/]{1,2}){0,9}中?",
        after in "中?([ ,;\"')&][a-z中]{1,9}){0,9}",
    ) {
        let text = format!("{before}{token}{after}");
        let part = token.get(4..).unwrap();
        prop_assert!(!shown(&text).contains(part), "{}", shown(&text));
    }

    #[test]
    fn what_is_shown_is_bounded_whatever_it_is_made_of(
        bytes in proptest::collection::vec(any::<u8>(), 0..4000),
        is_cut in any::<bool>(),
        max in 0_usize..20,
    ) {
        let lines = tail_lines(&bytes, is_cut, max, &Redaction::default());
        prop_assert!(lines.len() <= max);
        for line in &lines {
            prop_assert!(line.chars().count() <= LINE_MAX);
            prop_assert!(!line.trim().is_empty() && !line.chars().any(char::is_control));
        }
    }

    #[test]
    fn ordinary_lines_stay_among_others(lines in proptest::sample::subsequence(ORDINARY, 0..10)) {
        let text = lines.join("\n");
        prop_assert_eq!(shown(&text), text);
    }
}
