//! The page, the API, `/metrics` and the probes.
//!
//! Owns the listening socket, its limits and every route. It reads the published picture, the main
//! loop's heartbeat and the exposition that it is handed, so that it answers while supervisord hangs,
//! and it hands on the hints that are posted to it. It leaves what is shown to the floors that publish
//! it, and what follows from a hint to the main loop.
//!
//! Invariant: no request starts, stops, silences or records anything, but for an order, where
//! `[http] control` lets them be given. A hint changes nothing by itself: it makes supervigil look at
//! supervisord, whose answer alone counts. No request waits for anything but the client itself, and an
//! order for the disk.

mod accept;
mod api;
mod bind;
mod events;
mod guard;
mod notices;
mod orders;
mod page;
mod posting;
mod query;
mod routes;
mod server;
mod settings;
mod words;

use std::{fmt, sync::Arc};

use jiff::tz::TimeZone;
use secrecy::SecretString;
use tokio::sync::{mpsc, watch};

use crate::model::{ExpositionFormat, Moment, Published, Told};

pub use bind::{HttpError, Listener, bind};
pub use events::{EVENTS_MAX, PATH as EVENTS_PATH};
pub use orders::{
    Asked, HOLD_RELEASE as RELEASE_PATH, HOLDS as HOLDS_PATH, SILENCE_END as SILENCE_END_PATH,
    SILENCES as SILENCES_PATH,
};
pub use routes::STATUS as STATUS_PATH;
pub use server::serve;
pub use settings::{Listen, Settings};
pub use words::Language;

/// What the server reads to answer requests, and where it counts them.
#[derive(Clone)]
pub struct Sources {
    /// The picture of everything.
    pub published: watch::Receiver<Arc<Published>>,
    /// When the main loop last made progress; at least every 10 s while it lives.
    pub heartbeat: watch::Receiver<Moment>,
    /// Tells the present.
    pub now: Arc<dyn Fn() -> Moment + Send + Sync>,
    /// Makes the body of `/metrics`.
    pub exposition: Arc<dyn Fn(ExpositionFormat) -> String + Send + Sync>,
    /// Told of each answered request: the route's template and the status code.
    pub served: Arc<dyn Fn(&'static str, u16) + Send + Sync>,
    /// Takes the hints that are posted, batch by batch; while it is full, none are taken.
    pub told: mpsc::Sender<Told>,
    /// Takes orders; none where `[http] control` is off.
    pub orders: Option<mpsc::Sender<Asked>>,
    /// What who posts hints or orders must bring along.
    pub token: Option<SecretString>,
    /// The page's language for a browser that asks for none that it has.
    pub language: Language,
    /// The time zone in which the page shows times.
    pub zone: TimeZone,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}
