//! Sending: a delivery goes to its receiver, and comes back as an answer.
//!
//! Owns the HTTP client, its deadlines and its caps. What an answer means is for `webhook.rs`,
//! `alertmanager/` and the robots' folders, when to send for the outbox. Addresses and tokens never
//! leave this module: an error says the channel's name, and of a cluster's member its host.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use reqwest::{Client, Response, Url, header, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::task::JoinSet;

use super::{
    alertmanager::{self, Member},
    answer::{Answer, Verdict},
    dingtalk, feishu,
    settings::{ChannelKind, DingTalkSettings, FeishuSettings, Settings},
    slack, tls, webhook, wecom,
};
use crate::model::{Delivery, Moment};

/// For the TCP and TLS handshakes: several round trips round the world.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// For everything together: what takes longer than this is tried again.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The most bytes of an answer that are read: the robots' have some hundred.
const ANSWER_MAX: usize = 64 * 1024;

/// Why channels cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// An address is not one.
    #[error(
        "the address of channel `{channel}` is not a URL ({why}): give it in full, as in https://host/path"
    )]
    Url {
        /// The channel.
        channel: String,
        /// What is wrong with it, without the address itself.
        why: String,
    },
    /// A token has characters that no header may have.
    #[error(
        "the bearer token of channel `{channel}` has characters that an HTTP header cannot hold: check its file"
    )]
    Token {
        /// The channel.
        channel: String,
    },
}

impl ChannelError {
    /// The kind, of a closed set, for labels and logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Url { .. } => "url",
            Self::Token { .. } => "token",
        }
    }
}

/// The way to every receiver. A clone shares the connections' settings.
#[derive(Clone)]
pub struct Channels {
    shared: Arc<Shared>,
}

struct Shared {
    targets: BTreeMap<String, Target>,
    /// Made at the first need: the roots of TLS take some megabytes, and a program that has nothing
    /// to tell needs none.
    client: OnceLock<Result<Client, String>>,
}

/// A receiver; its secrets are in the types that do not show them.
enum Target {
    DingTalk(Url, DingTalkSettings),
    Feishu(Url, FeishuSettings),
    WeCom(Url),
    Slack(Url),
    Webhook(Url, Option<header::HeaderValue>),
    Alertmanager(Vec<Member>),
    Log,
}

impl fmt::Debug for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.shared.targets.keys()).finish()
    }
}

impl Channels {
    /// The ways to the channels of these settings. Nothing is connected yet.
    pub fn new(settings: &Settings) -> Result<Self, ChannelError> {
        let mut targets = BTreeMap::new();
        for channel in settings.effective_channels() {
            let name = channel.name;
            let target = match channel.kind {
                ChannelKind::DingTalk(settings) => {
                    Target::DingTalk(url(&name, &settings.webhook)?, settings)
                }
                ChannelKind::Feishu(settings) => {
                    Target::Feishu(url(&name, &settings.webhook)?, settings)
                }
                ChannelKind::WeCom(settings) => Target::WeCom(url(&name, &settings.webhook)?),
                ChannelKind::Slack(settings) => Target::Slack(url(&name, &settings.webhook)?),
                ChannelKind::Webhook(settings) => {
                    let token = settings.bearer_token.as_ref();
                    let token = token.map(|token| bearer(&name, token)).transpose()?;
                    Target::Webhook(url(&name, &settings.url)?, token)
                }
                ChannelKind::Alertmanager(settings) => {
                    let urls = settings.urls.iter().map(|address| url(&name, address));
                    let members = urls.map(|url| Ok(Member::new(url?)));
                    Target::Alertmanager(members.collect::<Result<_, _>>()?)
                }
                ChannelKind::Log => Target::Log,
            };
            targets.insert(name, target);
        }
        Ok(Self {
            shared: Arc::new(Shared {
                targets,
                client: OnceLock::new(),
            }),
        })
    }

    /// Sends a delivery once and says what came of it. `now` is for the signatures, which are made
    /// here for each attempt: a delivery's bytes are the same on every one.
    pub async fn send(&self, channel: &str, delivery: &Delivery, now: Moment) -> Answer {
        match self.shared.targets.get(channel) {
            None => Answer::new(
                Verdict::Dead,
                format!("there is no channel `{channel}` any more"),
            ),
            Some(Target::Log) => {
                let notices = delivery.notices.len();
                tracing::warn!(channel, notices, "{}", delivery.body);
                Answer::taken()
            }
            Some(Target::DingTalk(url, settings)) => {
                let url = dingtalk::address(settings, url, now.wall);
                self.ask(url, &delivery.body, dingtalk::judge).await
            }
            Some(Target::Feishu(url, settings)) => {
                let body = feishu::signed(settings, &delivery.body, now.wall);
                self.ask(url.clone(), &body, feishu::judge).await
            }
            Some(Target::WeCom(url)) => self.ask(url.clone(), &delivery.body, wecom::judge).await,
            Some(Target::Slack(url)) => self.ask(url.clone(), &delivery.body, slack::judge).await,
            Some(Target::Webhook(url, token)) => {
                match self.post(url.clone(), token.as_ref(), &delivery.body).await {
                    Ok(response) => {
                        let wait = retry_after(&response);
                        after(webhook::judge(response.status().as_u16()), wait)
                    }
                    Err(answer) => answer,
                }
            }
            Some(Target::Alertmanager(members)) => self.post_to_all(members, &delivery.body).await,
        }
    }

    /// Posts JSON to a receiver whose answer is in the body.
    async fn ask(&self, url: Url, body: &str, judge: fn(u16, &[u8]) -> Answer) -> Answer {
        let response = match self.post(url, None, body).await {
            Ok(response) => response,
            Err(answer) => return answer,
        };
        let status = response.status().as_u16();
        let wait = retry_after(&response);
        match read(response).await {
            Ok(body) => after(judge(status, &body), wait),
            Err(error) => judge_failure(error),
        }
    }

    /// Posts the same to every member of a cluster at once: one that hangs keeps no other waiting.
    async fn post_to_all(&self, members: &[Member], body: &str) -> Answer {
        let mut posts = JoinSet::new();
        for (place, Member { url, .. }) in members.iter().enumerate() {
            let (channels, url, body) = (self.clone(), url.clone(), body.to_owned());
            posts.spawn(async move {
                let answer = channels.ask(url, &body, alertmanager::judge).await;
                (place, answer)
            });
        }
        let mut answers = posts.join_all().await;
        answers.sort_by_key(|(place, _)| *place);
        let answers = answers.into_iter().map(|(_, answer)| answer);
        let names = members.iter().map(|member| member.name.as_str());
        alertmanager::together(names.zip(answers).collect())
    }

    /// Posts JSON; a failure is an answer too.
    async fn post(
        &self,
        url: Url,
        token: Option<&header::HeaderValue>,
        body: &str,
    ) -> Result<Response, Answer> {
        let client = self.shared.client.get_or_init(client);
        let client = client.as_ref().map_err(|why| {
            let detail = format!("TLS cannot be set up on this host: {why}");
            Answer::new(Verdict::Unreachable, detail)
        })?;
        let mut request = client
            .post(url)
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
            .body(body.to_owned());
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, token);
        }
        request.send().await.map_err(judge_failure)
    }
}

/// The HTTP client. A redirect would carry the token elsewhere, so none is followed; a connection is
/// used once, because one that idled may be closed already, which looks like a message that may have
/// arrived.
fn client() -> Result<Client, String> {
    let tls = tls::client_config().map_err(|error| error.to_string())?;
    Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .redirect(redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .user_agent(concat!("supervigil/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| words(&error.without_url()))
}

/// The body of an answer, or its beginning.
async fn read(mut response: Response) -> reqwest::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > ANSWER_MAX {
            break;
        }
        body.extend(chunk);
    }
    Ok(body)
}

/// For how long the receiver asks to be left alone (RFC 9110, section 10.2.3); a date in place of the
/// seconds is not understood.
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(header::RETRY_AFTER)?;
    let seconds = value.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The answer with the wait that its head asks for; what its body says of that comes first.
fn after(answer: Answer, wait: Option<Duration>) -> Answer {
    match (answer.wait, wait) {
        (None, Some(wait)) => answer.after(wait),
        (Some(_), _) | (None, None) => answer,
    }
}

/// What it means that no answer came. Only where no connection came about is it certain that nothing
/// arrived.
fn judge_failure(error: reqwest::Error) -> Answer {
    let error = error.without_url();
    let (verdict, what) = if error.is_connect() {
        (Verdict::Unreachable, "the receiver cannot be reached")
    } else if error.is_timeout() {
        (Verdict::TimedOut, "no answer came in time")
    } else if error.is_builder() {
        (Verdict::Misconfigured, "the request cannot be made")
    } else {
        (
            Verdict::ConnectionLost,
            "the connection broke before an answer came",
        )
    };
    Answer::new(verdict, format!("{what}: {}", words(&error)))
}

/// The innermost cause: the outer ones only say that a request failed.
fn words(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn url(channel: &str, url: &SecretString) -> Result<Url, ChannelError> {
    let invalid = |why: String| ChannelError::Url {
        channel: channel.to_owned(),
        why,
    };
    let url = Url::parse(url.expose_secret()).map_err(|error| invalid(error.to_string()))?;
    if matches!(url.scheme(), "http" | "https") {
        Ok(url)
    } else {
        Err(invalid("neither http nor https".to_owned()))
    }
}

fn bearer(channel: &str, token: &SecretString) -> Result<header::HeaderValue, ChannelError> {
    let value = format!("Bearer {}", token.expose_secret().trim());
    let mut value =
        header::HeaderValue::try_from(value).map_err(|_invalid| ChannelError::Token {
            channel: channel.to_owned(),
        })?;
    value.set_sensitive(true);
    Ok(value)
}
