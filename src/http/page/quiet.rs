//! What is silenced, held or under maintenance, on the page.

use jiff::Timestamp;

use super::cards::Context;
use crate::model::Published;

/// One of them.
pub(super) struct QuietRow<'a> {
    pub(super) subject: String,
    pub(super) kind: &'static str,
    pub(super) until: String,
    pub(super) author: Option<&'a str>,
    pub(super) reason: &'a str,
}

impl<'a> QuietRow<'a> {
    /// All of them.
    pub(super) fn all(published: &'a Published, context: &Context<'_>) -> Vec<Self> {
        let words = context.language.words();
        let until = |at: Option<Timestamp>| {
            let at = at.map(|at| format!("{} {}", words.until, context.clock(at)));
            at.unwrap_or_else(|| words.until_released.to_owned())
        };
        let silences = published.silences.iter().map(|silence| Self {
            subject: silence.pattern.clone(),
            kind: words.silenced,
            until: until(Some(silence.until)),
            author: Some(&silence.author),
            reason: &silence.reason,
        });
        let holds = published.holds.iter().map(|hold| Self {
            subject: hold.key.to_string(),
            kind: words.held,
            until: until(hold.until),
            author: Some(&hold.author),
            reason: &hold.reason,
        });
        let windows = published.windows.iter().map(|window| Self {
            subject: window.pattern.clone(),
            kind: words.maintenance,
            until: until(Some(window.until)),
            author: None,
            reason: if window.pause_retries {
                words.starts_paused
            } else {
                ""
            },
        });
        silences.chain(holds).chain(windows).collect()
    }
}
