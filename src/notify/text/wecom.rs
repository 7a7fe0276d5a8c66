//! The form of WeCom's markdown.
//!
//! It has headings, bold, links, code in a line, quotes, `<font>` and mentions as `<@user>`, and no
//! documented way to write one of their signs for itself (WeCom's page on group robots). So such a
//! sign becomes its full-width twin.

use super::markup::{Block, escape_url, is_web_address, join, neighbours, trim_colon, twin};

/// WeCom's markdown. Lists it has none, so a dash is a dash.
pub(super) fn markdown(blocks: &[Block]) -> String {
    join(blocks, |block| match block {
        Block::Heading(text) => format!("### {}", tame(text)),
        Block::Subheading(text) => format!("#### {}", tame(text)),
        Block::Paragraph(text) => tame_line(text),
        Block::Line(text) => format!("- {}", tame(text)),
        Block::Field(label, value) => format!("**{}**: {}", trim_colon(label), tame(value)),
        Block::Link(label, url) if is_web_address(url) => {
            format!("[{label}]({})", escape_url(url))
        }
        Block::Link(label, text) => format!("**{label}**: {}", tame(text)),
        Block::Quote(label, lines) => {
            let lines: Vec<String> = lines
                .iter()
                .map(|line| format!("> {}", tame_line(line)))
                .collect();
            format!("**{}**\n{}", trim_colon(label), lines.join("\n"))
        }
    })
}

/// What begins a line must not become a heading or a quote.
fn tame_line(line: &str) -> String {
    let line = tame(line.trim_start());
    let mut rest = line.chars();
    match rest.next() {
        Some(first @ ('#' | '>')) => format!("{}{}", twin(first), rest.as_str()),
        Some(_) | None => line,
    }
}

/// Text without any sign that WeCom would take for markup, a mention or a part of HTML.
fn tame(text: &str) -> String {
    neighbours(text)
        .map(|(_, c, after)| match c {
            '<' | '*' | '`' => twin(c),
            // A link needs `](`.
            ']' if after == '(' => twin(c),
            // An entity could stand for any of these.
            '&' if after == '#' || after.is_ascii_alphabetic() => twin(c),
            '\n' => ' ',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn signs_of_markup_become_their_twins() {
        for (text, expected) in [
            ("<@zhangsan> <@all>", "＜@zhangsan> ＜@all>"),
            (
                "<font color=\"info\">a</font>",
                "＜font color=\"info\">a＜/font>",
            ),
            ("**bold** `code`", "＊＊bold＊＊ ｀code｀"),
            ("[a](http://evil)", "[a］(http://evil)"),
            ("&lt;@all&gt; &#60;", "＆lt;@all＆gt; ＆#60;"),
            ("two\nlines", "two lines"),
        ] {
            assert_eq!(tame(text), expected);
        }
    }

    #[test]
    fn what_is_only_itself_stays_as_it_is() {
        for text in [
            "es_node_a __init__",
            "[2026-11-23T05:41:18][ERROR] a && b",
            "at org.Foo(Foo.java:42) C:\\dir",
            "a > b # c",
        ] {
            assert_eq!(tame_line(text), text);
        }
    }

    #[test]
    fn only_an_address_is_a_link() {
        let runbook = |url: &str| markdown(&[Block::Link("Runbook", url.to_owned())]);
        assert_eq!(
            runbook("https://wiki/a(b)"),
            "[Runbook](https://wiki/a%28b%29)"
        );
        assert_eq!(runbook("<@all> page 3"), "**Runbook**: ＜@all> page 3");
    }

    proptest! {
        #[test]
        fn no_sign_of_markup_is_left(text in r"[-#<>&*`@\[\]()/a-z; \n\\]{0,30}") {
            let line = tame_line(&text);
            let signs = ["<", "*", "`", "](", "&a", "&l", "&#", "\n"];
            prop_assert!(signs.iter().all(|sign| !line.contains(sign)), "{line}");
            prop_assert!(!line.starts_with(['#', '>']), "{line}");
        }
    }

    #[test]
    fn a_log_line_never_becomes_structure() {
        assert_eq!(tame_line("  # not a heading"), "＃ not a heading");
        assert_eq!(tame_line("> not a quote"), "＞ not a quote");
    }
}
