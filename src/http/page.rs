//! The page at `/`: what one wants to see first at night, on a phone, without JavaScript.
//!
//! Owns what is shown and in which order (trouble first). The words are in `words`, the markup and
//! the colours in `page/`. The template escapes everything; no text from outside reaches the page in
//! another way.

mod cards;
mod quiet;

use std::sync::{Arc, LazyLock};

use askama::Template;
use axum::{
    extract::{Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{Html, IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use super::{
    Sources,
    routes::Refusal,
    words::{Language, Words},
};
use crate::model::{Published, ServerView};
use cards::{ChannelCard, Context, IncidentCard, ServerCard, TransitionRow};
use quiet::QuietRow;

const STYLE: &str = include_str!("page/page.css");

/// Open incidents on the page: as many as anybody scrolls through.
const MAX_INCIDENTS: usize = 50;

/// Silences, holds and maintenance windows on the page.
const MAX_QUIET: usize = 20;

/// Transitions on the page.
const MAX_TRANSITIONS: usize = 20;

/// The content security policy of every answer: nothing but the page's own style, by its hash.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy)
        .unwrap_or_else(|_error| HeaderValue::from_static("default-src 'none'"))
});

/// The value of `Content-Security-Policy`.
pub(super) fn policy() -> HeaderValue {
    POLICY.clone()
}

/// `/`, in the language of `?lang=`, of `Accept-Language` or of the configuration.
pub(super) async fn show(State(sources): State<Sources>, uri: Uri, headers: HeaderMap) -> Response {
    let asked = || {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&uri).ok()?;
        let (_, tag) = pairs.into_iter().find(|(key, _)| key == "lang")?;
        Language::of_tag(&tag)
    };
    let accepted = || {
        let header = headers.get(header::ACCEPT_LANGUAGE)?;
        Language::preferred(header.to_str().ok()?)
    };
    let language = asked().or_else(accepted).unwrap_or(sources.language);
    let published = Arc::clone(&sources.published.borrow());
    let context = Context {
        language,
        now: (sources.now)().wall,
        zone: &sources.zone,
    };
    match Page::of(&published, &context).render() {
        Ok(page) => Html(page).into_response(),
        Err(error) => {
            tracing::error!(%error, "could not make the page");
            Refusal::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the page could not be made; supervigil's log says why",
            )
            .into_response()
        }
    }
}

/// What the template shows.
#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    words: &'static Words,
    style: &'static str,
    version: &'static str,
    verdict: Verdict,
    now: String,
    uptime: String,
    store_error: Option<&'a str>,
    config_ok: bool,
    open: usize,
    incidents: Vec<IncidentCard<'a>>,
    servers: Vec<ServerCard<'a>>,
    quiet: Vec<QuietRow<'a>>,
    quiet_total: usize,
    channels: Vec<ChannelCard<'a>>,
    transitions: Vec<TransitionRow<'a>>,
}

/// The whole in one line.
struct Verdict {
    class: &'static str,
    text: &'static str,
}

impl<'a> Page<'a> {
    fn of(published: &'a Published, context: &Context<'_>) -> Self {
        let words = context.language.words();
        let quiet = QuietRow::all(published, context);
        let open: Vec<_> = published.incidents.iter().filter(|i| i.is_open()).collect();
        Self {
            words,
            style: STYLE,
            version: env!("CARGO_PKG_VERSION"),
            verdict: Verdict::of(published, words),
            now: context.clock(context.now),
            uptime: context.since(published.started_at),
            store_error: published.store.error.as_deref(),
            config_ok: published.config.last_reload_ok,
            open: open.len(),
            incidents: open
                .iter()
                .take(MAX_INCIDENTS)
                .map(|incident| IncidentCard::of(incident, context))
                .collect(),
            servers: published
                .servers
                .iter()
                .map(|server| ServerCard::of(server, context))
                .collect(),
            quiet_total: quiet.len(),
            quiet: quiet.into_iter().take(MAX_QUIET).collect(),
            channels: published
                .channels
                .iter()
                .map(|channel| ChannelCard::of(channel, context))
                .collect(),
            transitions: published
                .transitions
                .iter()
                .take(MAX_TRANSITIONS)
                .map(|transition| TransitionRow::of(transition, context))
                .collect(),
        }
    }

    fn hidden_incidents(&self) -> usize {
        self.open - self.incidents.len()
    }
}

impl Verdict {
    fn of(published: &Published, words: &'static Words) -> Self {
        let fine = |server: &Arc<ServerView>| server.up;
        let trouble = published.incidents.iter().any(|i| i.is_open())
            || published.servers.iter().any(|server| server.unreachable)
            || published.channels.iter().any(|channel| !channel.up)
            || published.store.error.is_some()
            || !published.config.last_reload_ok;
        let (class, text) = if trouble {
            ("bad", words.trouble)
        } else if published.servers.iter().all(fine) && !published.servers.is_empty() {
            ("ok", words.all_well)
        } else {
            ("warn", words.waiting)
        };
        Self { class, text }
    }
}
