//! The form of Slack's mrkdwn.
//!
//! `&`, `<` and `>` are escaped, which is all that Slack asks for
//! (docs.slack.dev/messaging/formatting-message-text). That keeps links and mentions out, but no bold
//! type, no code, no emoji and no `@here`: their signs become their full-width twins.

use super::markup::{Block, is_web_address, join, neighbours, trim_colon, twin};

/// Slack's mrkdwn. It has neither headings nor lists, and bold type needs a space or a sign of ASCII
/// behind it.
pub(super) fn mrkdwn(blocks: &[Block]) -> String {
    join(blocks, |block| match block {
        Block::Heading(text) | Block::Subheading(text) => format!("*{}*", escape(text)),
        Block::Paragraph(text) => escape(text),
        Block::Line(text) => format!("• {}", escape(text)),
        Block::Field(label, value) => format!("• *{}*: {}", trim_colon(label), escape(value)),
        Block::Link(label, url) if is_web_address(url) => {
            format!("• <{}|{label}>", escape_url(url))
        }
        Block::Link(label, text) => format!("• *{label}*: {}", escape(text)),
        Block::Quote(label, lines) => {
            let lines: Vec<String> = lines
                .iter()
                .map(|line| format!("> {}", escape(line.trim_start())))
                .collect();
            format!("*{}*\n{}", trim_colon(label), lines.join("\n"))
        }
    })
}

/// Text of which Slack takes nothing for markup, an emoji, a link or a mention.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text.chars();
    for (before, c, after) in neighbours(text) {
        rest.next();
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '*' | '`' | '~' => escaped.push(twin(c)),
            // Within a word it is nothing but itself.
            '_' if !(before.is_alphanumeric() && after.is_alphanumeric()) => escaped.push(twin(c)),
            '@' if !before.is_alphanumeric() && after.is_alphabetic() => escaped.push(twin(c)),
            ':' if begins_emoji(rest.as_str()) => escaped.push(twin(c)),
            '\n' => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Whether what follows a colon makes it the beginning of `:name:`. The minutes of a time do not.
fn begins_emoji(rest: &str) -> bool {
    rest.split_once(':').is_some_and(|(name, _)| {
        let is_minutes = name.len() == 2 && name.bytes().all(|digit| digit.is_ascii_digit());
        let is_name = name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '+' | '\''));
        is_name && !name.is_empty() && !is_minutes
    })
}

/// An address as the target of a link.
fn escape_url(url: &str) -> String {
    url.chars()
        .map(|c| match c {
            '&' => "&amp;".to_owned(),
            '<' => "%3C".to_owned(),
            '>' => "%3E".to_owned(),
            '|' => "%7C".to_owned(),
            ' ' => "%20".to_owned(),
            c => c.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_slack_would_take_for_something_is_escaped() {
        for (text, expected) in [
            (
                "<@U012AB3CD> <!channel>",
                "&lt;＠U012AB3CD&gt; &lt;!channel&gt;",
            ),
            ("<http://evil|a>", "&lt;http://evil|a&gt;"),
            ("a && b &lt;", "a &amp;&amp; b &amp;lt;"),
            (
                "*bold* `code` ~gone~ _slanted_",
                "＊bold＊ ｀code｀ ～gone～ ＿slanted＿",
            ),
            ("__init__", "＿＿init＿＿"),
            (
                "@here @channel, ops@example.com",
                "＠here ＠channel, ops@example.com",
            ),
            (":fire: :+1: :100:", "：fire: ：+1: ：100:"),
            ("two\nlines", "two lines"),
        ] {
            assert_eq!(escape(text), expected);
        }
    }

    #[test]
    fn only_an_address_is_a_link() {
        let runbook = |url: &str| mrkdwn(&[Block::Link("Runbook", url.to_owned())]);
        assert_eq!(
            runbook("https://wiki/a|b>?c&d"),
            "• <https://wiki/a%7Cb%3E?c&amp;d|Runbook>"
        );
        assert_eq!(runbook("!channel"), "• *Runbook*: !channel");
        assert_eq!(runbook("<!channel>"), "• *Runbook*: &lt;!channel&gt;");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_no_sign_is_left(text in r"[<>&*_~`@:!|a-z0-9;# \\]{0,30}") {
            let escaped = escape(&text);
            let signs = ["<", ">", "*", "~", "`"];
            prop_assert!(signs.iter().all(|sign| !escaped.contains(sign)), "{escaped}");
            let read = escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
            let read: String = read
                .chars()
                .map(|c| ('!'..='~').find(|sign| twin(*sign) == c).unwrap_or(c))
                .collect();
            prop_assert_eq!(read, text);
        }
    }

    #[test]
    fn what_is_only_itself_stays_as_it_is() {
        for text in [
            "es:es_node_a @ es-host-1",
            "[2026-11-23T05:41:18][ERROR] at org.Foo(Foo.java:42)",
            "exit code 1: C:\\dir # c",
        ] {
            assert_eq!(escape(text), text);
        }
    }
}
