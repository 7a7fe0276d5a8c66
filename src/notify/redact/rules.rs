//! What a line itself shows to be a secret.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::{
    MASK,
    keys::{self, SECRET},
};

/// A form in which secrets are written. Of the expression's groups `before` and `after` are kept and the
/// rest is masked, unless `exempt` says that it is no secret.
struct Rule {
    expression: Regex,
    exempt: Exempt,
    /// Whether a value without quotes goes on behind a separator, as `a,b` does.
    extends: bool,
}

/// Says that a match is no secret.
type Exempt = fn(&Captures<'_>) -> bool;

/// The rules, in the order in which they are applied.
static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let rule = |source: &str, exempt, extends| {
        // Secrets are ASCII: a Chinese character next to one is no part of it.
        let source = source.replace(r"\b", r"(?-u:\b)");
        Some(Rule {
            expression: Regex::new(&source).ok()?,
            exempt,
            extends,
        })
    };
    let by_itself = SELF_EVIDENT.iter().map(|source| rule(source, never, false));
    let in_place = IN_PLACE
        .iter()
        .map(|(source, exempt)| rule(source, *exempt, false));
    let named = named();
    let named = named
        .iter()
        .map(|(source, exempt, extends)| rule(source, *exempt, *extends));
    by_itself.chain(in_place).chain(named).flatten().collect()
});

/// How many rules there are to be.
#[cfg(test)]
pub(super) fn is_complete() -> bool {
    RULES.len() == SELF_EVIDENT.len() + IN_PLACE.len() + named().len()
}

/// What is a secret wherever it stands, by the makers' own forms.
const SELF_EVIDENT: [&str; 8] = [
    // a JSON web token (RFC 7519): it begins with {" in base64
    r"\beyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)*",
    // the ids of keys of AWS, Alibaba Cloud and Tencent Cloud
    r"(?P<before>\b|_)(?:AKIA|ASIA)[0-9A-Z]{12,}",
    r"(?P<before>\b|_)(?:LTAI|AKID)[0-9A-Za-z]{10,}",
    // Google
    r"(?P<before>\b|_)(?:AIza[0-9A-Za-z_-]{30,}|ya29\.[0-9A-Za-z_-]{20,})",
    // GitHub, GitLab, npm and Slack
    r"(?P<before>\b|_)(?:gh[pousr]_|github_pat_|glpat-|npm_|xox[abeposr]-|xapp-)[0-9A-Za-z_-]{10,}",
    // Slack's and Stripe's, OpenAI's and others
    r"(?P<before>hooks\.slack\.com/services/)[0-9A-Za-z/_-]+",
    r"(?P<before>\b|_)(?:[srp]k_(?:live|test)_|sk-)[0-9A-Za-z_-]{20,}",
    // the signing secret of a DingTalk robot
    r"(?P<before>\b|_)SEC[0-9a-f]{64}\b",
];

/// What is a secret by the place in which it stands.
const IN_PLACE: [(&str, Exempt); 10] = [
    // scheme://user:password@, and a password with a slash in it
    (
        r#"(?P<before>\b[A-Za-z][A-Za-z0-9+.-]*://)(?P<secret>[^\s/"'<>]+|[^\s/"'<>@:]*:[^\s/"'<>@]*[^\d\s/"'<>@][^\s/"'<>@]*/[^\s"'<>@]*)(?P<after>@)"#,
        masked,
    ),
    // a signed URL, or one with a key
    (
        r#"(?i)(?P<before>[?&](?:x-amz-|x-goog-|q-)?(?:sign|sig|signature|security-token|key)=)(?P<secret>[^\s&"'<>]+)"#,
        masked,
    ),
    // Authorization: Scheme value
    (
        r#"(?i)(?P<before>\b(?:proxy-)?authorization\\?["']?[ ]?(?:=>|[=:])[ ]?\\?["']?(?:bearer|basic|token|apikey|negotiate)[ ]+)(?P<secret>[^\s"'\\]+)"#,
        masked,
    ),
    (
        r#"(?i)(?P<before>\b(?:proxy-)?authorization\\?["']?[ ]?(?:=>|[=:])[ ]?\\?["']?(?:digest|aws4-hmac-sha256)[ ]+)(?P<secret>[^\n]+)"#,
        masked,
    ),
    (
        r#"(?i)(?P<before>\b(?:proxy-)?authorization\\?["']?[ ]?(?:=>|[=:])[ ]?\\?["']?)(?P<secret>[^\s"'\\,;]+)"#,
        ordinary_word,
    ),
    // Bearer value, anywhere else
    (
        r"(?i)(?P<before>\b(?:bearer|basic|apikey)[ ]+)(?P<secret>[A-Za-z0-9._~+/=-]{6,})",
        ordinary_word,
    ),
    // Cookie: name=value
    (
        r#"(?i)(?P<before>\b(?:set-)?cookie\\?["']?[ ]?:[ ]?\\?["']?)(?P<secret>[^\s"'=]+=[^\n"']+)"#,
        masked,
    ),
    // IDENTIFIED BY 'value', in SQL
    (
        r#"(?i)(?P<before>\bidentified[ ]+(?:with[ ]+\S+[ ]+)?(?:by|as)[ ]+)(?P<secret>'[^'\n]*'?|"[^"\n]*"?)"#,
        masked,
    ),
    // mysql -pvalue, redis-cli -a value
    (
        r"(?P<before>\bmysql[\w-]*\b[^\n|;]*?[ ]-p)(?P<secret>[^\s-]\S*)",
        masked,
    ),
    (
        r"(?P<before>\bredis-cli\b[^\n|;]*?[ ]-a[ ]+)(?P<secret>\S+)",
        masked,
    ),
];

/// What is a secret by its name: the expression, its exemption, and whether its values extend.
fn named() -> [(String, Exempt, bool); 4] {
    // "text", 'text', b'text', and \"text\" of JSON within JSON
    let quoted = r#"\\+["'][^"'\n]*|[bBuUrR]?"(?:[^"\\\n]|\\.)*\\?"?[^\s,;&"'}\])]*|[bBuUrR]?'(?:[^'\\\n]|\\.)*\\?'?[^\s,;&"'}\])]*"#;
    [
        // <name>value</name>
        (
            format!(
                r"(?i)(?P<before><[\w:.-]*(?:{SECRET})(?P<rest>[\w:.-]*)[^<>\n]*>)(?P<secret>[^<\n]+)(?P<after></)"
            ),
            no_secret,
            false,
        ),
        // curl --user name:value
        (
            r#"(?P<before>(?:^|\s)(?:-u|--user)[ =]["']?[^\s:"']+:)(?P<secret>[^\s"']+)"#
                .to_owned(),
            number,
            false,
        ),
        // --name value, and "--name", "value"
        (
            format!(
                r#"(?i)(?P<before>(?:^|[\s"'\[(])--?[\w-]*(?:{SECRET})(?:["'],)?[ ]+)(?P<secret>"[^"\n]*"?\S*|'[^'\n]*'?\S*|[^\s-]\S*)"#
            ),
            flag_in_a_sentence,
            false,
        ),
        // name = value, name: "value", ?name=value
        (
            format!(
                r#"(?i)(?P<before>(?P<odd>unexpected )?(?P<name>{SECRET})(?P<rest>[\w.-]*)(?:\\*["'])?[^\S\n]*(?:=>|:=|[=:：])[^\S\n]*)(?P<secret>{quoted}|[^\s,;&"'}}\])]+)"#
            ),
            no_secret,
            true,
        ),
    ]
}

fn never(_: &Captures<'_>) -> bool {
    false
}

fn masked(found: &Captures<'_>) -> bool {
    keys::is_masked(part(found, "secret"))
}

fn ordinary_word(found: &Captures<'_>) -> bool {
    masked(found) || !keys::is_random(part(found, "secret"))
}

fn number(found: &Captures<'_>) -> bool {
    masked(found) || part(found, "secret").chars().all(|c| c.is_ascii_digit())
}

fn flag_in_a_sentence(found: &Captures<'_>) -> bool {
    masked(found) || keys::is_prose(part(found, "secret"))
}

/// Whether a name or a value says that it is none.
fn no_secret(found: &Captures<'_>) -> bool {
    let (value, rest) = (part(found, "secret"), part(found, "rest"));
    let name = part(found, "name").to_lowercase();
    let is_count = value.len() <= 9 && value.chars().all(|c| c.is_ascii_digit());
    // Tokens are counted, and tests that pass; parsers tell of a token that they do not expect.
    let is_counted = is_count && (rest == "s" || name.ends_with("pass"));
    let is_folder = name == "pwd" && value.starts_with('/');
    let is_word = name.ends_with("auth") && !keys::is_random(value);
    let is_ordinary = is_counted || is_folder || is_word || !part(found, "odd").is_empty();
    is_ordinary || keys::is_no_secret(value) || keys::is_about_secrets(rest)
}

fn part<'a>(found: &Captures<'a>, name: &str) -> &'a str {
    found.name(name).map_or("", |part| part.as_str())
}

/// The text with a mask in place of every secret that a rule finds.
pub(super) fn hide(text: &str) -> String {
    RULES
        .iter()
        .fold(text.to_owned(), |text, rule| rule.apply(&text))
}

impl Rule {
    fn apply(&self, text: &str) -> String {
        let mut hidden = String::with_capacity(text.len());
        let mut at = 0;
        while let Some(found) = self.expression.captures_at(text, at)
            && let Some(whole) = found.get(0)
        {
            let before = found.name("before");
            let kept_to = before.map_or_else(|| whole.start(), |before| before.end());
            if (self.exempt)(&found) {
                // What follows may still hold a secret: a name that is none may stand before one.
                let name = found.name("name");
                let next = name.map_or(kept_to, |name| name.end());
                let rest = text.get(next..).unwrap_or_default();
                let step = rest.chars().next().map_or(1, char::len_utf8);
                let next = if next > at { next } else { at + step };
                hidden.push_str(text.get(at..next).unwrap_or_default());
                at = next;
                continue;
            }
            hidden.push_str(text.get(at..kept_to).unwrap_or_default());
            hidden.push_str(MASK);
            let after = found.name("after");
            at = after.map_or_else(|| whole.end(), |after| after.start());
            if self.extends && !part(&found, "secret").starts_with(['"', '\'', '\\']) {
                at = extended(text, at);
            }
        }
        hidden.push_str(text.get(at..).unwrap_or_default());
        hidden
    }
}

/// Where a value really ends that was taken to end at a separator: it goes on where another character
/// of a value follows, and no other name with a value.
fn extended(text: &str, mut end: usize) -> usize {
    loop {
        let rest = text.get(end..).unwrap_or_default();
        let mut characters = rest.chars();
        let Some(separator) = characters.next().filter(|c| is_separator(*c)) else {
            return end;
        };
        let run = characters.as_str();
        let length = run.find(|c: char| c.is_whitespace() || is_separator(c));
        let run = run.get(..length.unwrap_or(run.len())).unwrap_or_default();
        if run.is_empty() || run.contains(['=', ':', '：']) {
            return end;
        }
        end += separator.len_utf8() + run.len();
    }
}

fn is_separator(c: char) -> bool {
    matches!(c, ',' | ';' | '&' | '"' | '\'' | '}' | ']' | ')')
}
