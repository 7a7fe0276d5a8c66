//! Orders: silences and holds begin and end by `POST`, where `[http] control` allows it.
//!
//! | path | takes | gives |
//! |---|---|---|
//! | `/api/v1/silences` | `pattern`, `for`, `reason`, `author` | `{"silence":{...}}` |
//! | `/api/v1/silences/end` | `id`, `author` | `{"silence":{...}}`, which is over |
//! | `/api/v1/holds` | `program`, `author`; may have `server`, `for`, `reason` | `{"hold":{...}}` |
//! | `/api/v1/holds/release` | `program`, `author`; may have `server` | `{"hold":{...}}`, which is over |
//!
//! `for` is a duration such as `2h`. They are taken from this host, or from whoever has the token;
//! never from a page in somebody's browser.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{
    Sources,
    api::HoldRow,
    posting::{self, Peer},
    routes::Refusal,
};
use crate::{
    engine::{Order, OrderError, Ordered, Whom},
    model::{ServerName, SilenceId},
};

/// Where a silence is posted, and where its end is.
pub const SILENCES: &str = "/api/v1/silences";
/// Where the end of a silence is posted.
pub const SILENCE_END: &str = "/api/v1/silences/end";
/// Where a hold is posted.
pub const HOLDS: &str = "/api/v1/holds";
/// Where the end of a hold is posted.
pub const HOLD_RELEASE: &str = "/api/v1/holds/release";

/// The largest order: its texts have at most 800 characters of four bytes each.
const BODY_BYTES_MAX: usize = 8 * 1024;

/// For the main loop to carry an order out and the disk to have it.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);

/// An order on its way to the main loop, and the way back for what it came to.
#[derive(Debug)]
pub struct Asked {
    /// What is to be done.
    pub order: Order,
    /// Who wants it.
    pub author: String,
    /// Takes what it came to, once the disk has it.
    pub answer: oneshot::Sender<Result<Ordered, OrderError>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SilenceBody {
    pattern: String,
    r#for: String,
    reason: String,
    author: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EndBody {
    id: SilenceId,
    author: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldBody {
    program: String,
    server: Option<ServerName>,
    r#for: Option<String>,
    #[serde(default)]
    reason: String,
    author: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseBody {
    program: String,
    server: Option<ServerName>,
    author: String,
}

/// `POST /api/v1/silences`.
pub(super) async fn silence(State(sources): State<Sources>, request: Request) -> Response {
    take(&sources, request, |body: SilenceBody| {
        let order = Order::Silence {
            pattern: body.pattern,
            lasting: lasting(&body.r#for)?,
            reason: body.reason,
        };
        Ok((order, body.author))
    })
    .await
}

/// `POST /api/v1/silences/end`.
pub(super) async fn end_silence(State(sources): State<Sources>, request: Request) -> Response {
    take(&sources, request, |body: EndBody| {
        Ok((Order::EndSilence { id: body.id }, body.author))
    })
    .await
}

/// `POST /api/v1/holds`.
pub(super) async fn hold(State(sources): State<Sources>, request: Request) -> Response {
    take(&sources, request, |body: HoldBody| {
        let order = Order::Hold {
            program: Whom {
                server: body.server,
                name: body.program,
            },
            lasting: body.r#for.as_deref().map(lasting).transpose()?,
            reason: body.reason,
        };
        Ok((order, body.author))
    })
    .await
}

/// `POST /api/v1/holds/release`.
pub(super) async fn release(State(sources): State<Sources>, request: Request) -> Response {
    take(&sources, request, |body: ReleaseBody| {
        let program = Whom {
            server: body.server,
            name: body.program,
        };
        Ok((Order::Release { program }, body.author))
    })
    .await
}

/// Any method but those that a path takes.
pub(super) async fn only_posting() -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "this path takes POST only")
}

async fn take<B: DeserializeOwned>(
    sources: &Sources,
    request: Request,
    read: impl FnOnce(B) -> Result<(Order, String), Refusal>,
) -> Response {
    match try_to_take(sources, request, read).await {
        Ok(Ordered::Silence(silence)) => {
            Json(BTreeMap::from([("silence", silence)])).into_response()
        }
        Ok(Ordered::Hold(hold)) => {
            Json(BTreeMap::from([("hold", HoldRow::of(&hold))])).into_response()
        }
        Err(refusal) => posting::refuse(refusal),
    }
}

async fn try_to_take<B: DeserializeOwned>(
    sources: &Sources,
    request: Request,
    read: impl FnOnce(B) -> Result<(Order, String), Refusal>,
) -> Result<Ordered, Refusal> {
    let peer = request.extensions().get().copied().unwrap_or(Peer::Remote);
    let (head, body) = request.into_parts();
    let orders = sources.orders.as_ref().ok_or_else(|| {
        Refusal::new(
            StatusCode::FORBIDDEN,
            "orders are off; set [http] control = true, and restart supervigil, to take them",
        )
    })?;
    posting::check("orders", peer, &head.headers, sources.token.as_ref())?;
    let too_large = format!("an order has at most {BODY_BYTES_MAX} bytes");
    let body = posting::whole(body, BODY_BYTES_MAX, &too_large).await?;
    let body = serde_json::from_slice(&body).map_err(|error| {
        Refusal::new(
            StatusCode::BAD_REQUEST,
            format!("this is no such order: {error}"),
        )
    })?;
    let (order, author) = read(body)?;
    ask(orders, order, author).await
}

/// Hands an order to the main loop, and waits for what it comes to.
async fn ask(
    orders: &mpsc::Sender<Asked>,
    order: Order,
    author: String,
) -> Result<Ordered, Refusal> {
    let busy = || {
        Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "supervigil is busy or stopping; look whether it was done, and try again",
        )
    };
    let (answer, answered) = oneshot::channel();
    let asked = Asked {
        order,
        author,
        answer,
    };
    orders.try_send(asked).map_err(|_full_or_closed| busy())?;
    match timeout(ANSWER_DEADLINE, answered).await {
        Ok(Ok(outcome)) => outcome.map_err(|error| refusal(&error)),
        Ok(Err(_)) | Err(_) => Err(busy()),
    }
}

fn refusal(error: &OrderError) -> Refusal {
    let code = match error {
        OrderError::Pattern { .. }
        | OrderError::Missing { .. }
        | OrderError::TooLong { .. }
        | OrderError::Lasting => StatusCode::BAD_REQUEST,
        OrderError::NoSuchProgram { .. }
        | OrderError::NoSuchSilence { .. }
        | OrderError::NotHeld { .. } => StatusCode::NOT_FOUND,
        OrderError::Ambiguous { .. } | OrderError::TooMany => StatusCode::CONFLICT,
    };
    Refusal::new(code, error.to_string())
}

fn lasting(text: &str) -> Result<Duration, Refusal> {
    humantime::parse_duration(text).map_err(|_no_duration| {
        Refusal::new(
            StatusCode::BAD_REQUEST,
            format!("{text:?} is not a duration; write one such as \"2h\" or \"1h30m\""),
        )
    })
}
