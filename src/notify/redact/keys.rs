//! Which names name a secret, and which values are none.

/// What makes a name that of a secret, as a part of an expression that does not care for case.
pub(super) const SECRET: &str = "pass(?:word|wd|phrase|code)|pwd|secret|token|credential|密码|口令|密钥|令牌|\
     (?:api|app|access|private|secret|auth|account|sign(?:ing|ature)?|encrypt(?:ion)?|master|shared)\
     [ _.-]?key(?:[_.-]?(?:id|secret))?|(?:db|user|smtp|mail|admin|root|redis|mysql)pass\\b|\
     (?:\\b|[_.-])(?:auth|pass)\\b";

/// What a name ends with that is about a secret and is none: parts of programs, and what is said of
/// secrets.
const ABOUT: [&str; 67] = [
    "action",
    "adapter",
    "advice",
    "age",
    "aries",
    "ary",
    "aspect",
    "auth",
    "authenticator",
    "bean",
    "builder",
    "cache",
    "checker",
    "class",
    "client",
    "config",
    "configuration",
    "context",
    "controller",
    "converter",
    "count",
    "dao",
    "decoder",
    "enabled",
    "encoder",
    "endpoint",
    "error",
    "exception",
    "expiration",
    "expires",
    "expiry",
    "factory",
    "file",
    "filter",
    "generator",
    "handler",
    "helper",
    "impl",
    "index",
    "interceptor",
    "ization",
    "ized",
    "izer",
    "len",
    "length",
    "less",
    "limit",
    "listener",
    "manager",
    "module",
    "parser",
    "path",
    "plugin",
    "policy",
    "provider",
    "realm",
    "repository",
    "required",
    "resolver",
    "server",
    "service",
    "size",
    "store",
    "timeout",
    "type",
    "util",
    "validator",
];

/// Values that say that there is no secret, or that somebody hid it before.
const NO_SECRETS: [&str; 15] = [
    "empty",
    "false",
    "hidden",
    "masked",
    "nil",
    "no",
    "none",
    "not",
    "null",
    "off",
    "on",
    "redacted",
    "true",
    "undefined",
    "yes",
];

/// Words that follow a flag's name in a sentence about it.
const AFTER_A_FLAG: [&str; 16] = [
    "and", "are", "as", "but", "can", "cannot", "flag", "for", "if", "in", "is", "must", "option",
    "or", "to", "was",
];

/// Whether what follows the secret word in a name makes it the name of something else.
pub(super) fn is_about_secrets(rest_of_name: &str) -> bool {
    words(rest_of_name).any(|word| {
        let singular = word.strip_suffix('s').unwrap_or(&word);
        ABOUT
            .iter()
            .any(|about| *about == word || *about == singular)
    })
}

/// Whether a value is none that is worth hiding.
pub(super) fn is_no_secret(value: &str) -> bool {
    let bare = value.trim_matches(['"', '\'', '\\', '(', ')', '[', ']', '<', '>', '.']);
    let lower = bare.to_ascii_lowercase();
    let is_comparison = value.chars().all(|c| matches!(c, '=' | '>' | '~'));
    // Names of Rust and C++ are written with two colons.
    let is_path = value.starts_with(':');
    let is_nothing = bare.is_empty() || is_comparison || is_path;
    is_masked(value) || is_nothing || NO_SECRETS.contains(&lower.as_str())
}

/// Whether a value is a mask, or was cut short within one.
pub(super) fn is_masked(value: &str) -> bool {
    let bare = value.trim_matches(['"', '\'', '\\']);
    !bare.is_empty() && bare.chars().all(|c| matches!(c, '*' | '…'))
}

/// Whether what stands behind `--password` is a word of a sentence.
pub(super) fn is_prose(value: &str) -> bool {
    AFTER_A_FLAG.contains(&value.to_ascii_lowercase().as_str())
}

/// Whether a value is as random as secrets are: a word of a language has neither digits nor capitals
/// within it, and is not that long.
pub(super) fn is_random(value: &str) -> bool {
    let has_digit = value.chars().any(|c| c.is_ascii_digit());
    let has_capital_within = value.chars().skip(1).any(|c| c.is_ascii_uppercase())
        && value.chars().any(|c| c.is_ascii_lowercase());
    has_digit || has_capital_within || value.len() >= 24
}

/// Whether a text is nothing but small letters, nothing but capitals, or nothing but digits.
pub(super) fn is_word(text: &str) -> bool {
    let all = |test: fn(&char) -> bool| text.chars().all(|c| test(&c));
    all(char::is_ascii_lowercase) || all(char::is_ascii_uppercase) || all(char::is_ascii_digit)
}

/// The words of a name, in lower case: `userToken_TTL` is three.
fn words(name: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        let begins = c.is_uppercase() && !before.is_uppercase();
        if begins || !c.is_alphanumeric() {
            words.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.into_iter().filter(|word| !word.is_empty())
}
