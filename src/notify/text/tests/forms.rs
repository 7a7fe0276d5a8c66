//! A message about several incidents, in the forms of the other robots.

use std::fmt::Write as _;

use super::{render, storm};
use crate::notify::{Language, text::Line};

#[test]
fn wecom() {
    insta::assert_snapshot!(render(Language::Zh, &storm(), 0).wecom_markdown());
}

#[test]
fn slack() {
    insta::assert_snapshot!(render(Language::En, &storm(), 0).slack_mrkdwn());
}

#[test]
fn lines() {
    let (mut all, lines) = render(Language::Zh, &storm(), 0).lines();
    for line in lines {
        match line {
            Line::Text(text) => write!(all, "\n{text}").unwrap(),
            Line::Link(label, url) => write!(all, "\n({label} -> {url})").unwrap(),
        }
    }
    insta::assert_snapshot!(all);
}
