//! The form without any markup: a heading, and lines below it that are text or a link.
//!
//! For services that take a message in parts, each of a kind of its own, so that nothing in a text can
//! become something else.

use super::markup::{Block, is_web_address};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::notify) enum Line {
    /// Nothing but text.
    Text(String),
    /// A named address.
    Link(&'static str, String),
}

impl Line {
    /// Whether people see `words` in it.
    pub(in crate::notify) fn shows(&self, words: &str) -> bool {
        match self {
            Self::Text(text) => text.contains(words),
            Self::Link(label, _) => label.contains(words),
        }
    }
}

/// The first heading, or `title` where there is none, and all the rest in lines.
pub(super) fn lines(title: &str, blocks: &[Block]) -> (String, Vec<Line>) {
    let (heading, rest) = match blocks {
        [Block::Heading(heading), rest @ ..] => (heading.as_str(), rest),
        blocks => (title, blocks),
    };
    let lines = rest.iter().flat_map(|block| match block {
        Block::Heading(text) | Block::Subheading(text) => vec![line(&format!("■ {text}"))],
        Block::Paragraph(text) => vec![line(text)],
        Block::Line(text) => vec![line(&format!("- {text}"))],
        Block::Field(label, value) => vec![line(&format!("{label}{value}"))],
        Block::Link(label, url) if is_web_address(url) => vec![Line::Link(label, url.clone())],
        Block::Link(label, text) => vec![line(&format!("{label}: {text}"))],
        Block::Quote(label, log) => std::iter::once(line(label))
            .chain(log.iter().map(|text| line(&format!("| {text}"))))
            .collect(),
    });
    (heading.to_owned(), lines.collect())
}

/// Text on one line, whatever is in it.
fn line(text: &str) -> Line {
    Line::Text(text.replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_is_a_link() {
        let of = |url: &str| lines("", &[Block::Link("Runbook", url.to_owned())]).1;
        let link = Line::Link("Runbook", "https://wiki/es".to_owned());
        assert_eq!(of("https://wiki/es"), [link]);
        let text = Line::Text("Runbook: page 3".to_owned());
        assert_eq!(of("page 3"), [text]);
    }

    #[test]
    fn the_first_heading_stands_above_the_lines() {
        let heading = Block::Heading("heading".to_owned());
        let text = Block::Paragraph("two\nlines".to_owned());
        let below = vec![Line::Text("two lines".to_owned())];
        let both = lines("title", &[heading, text.clone()]);
        assert_eq!(both, ("heading".to_owned(), below.clone()));
        assert_eq!(lines("title", &[text]), ("title".to_owned(), below));
    }
}
