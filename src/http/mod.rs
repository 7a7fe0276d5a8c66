//! The page, the API, `/metrics` and the probes.
//!
//! Owns the listening socket, its limits and every route. It only reads: the published picture, the
//! main loop's heartbeat and the exposition that it is handed, so that it answers while supervisord
//! hangs. It leaves what is shown to the floors that publish it.
//!
//! Invariant: no request changes anything, and none waits for anything but the client itself.

mod api;
mod bind;
mod guard;
mod page;
mod query;
mod routes;
mod server;
mod settings;
mod words;

use std::{fmt, sync::Arc};

use jiff::tz::TimeZone;
use tokio::sync::watch;

use crate::model::{Moment, Published};

pub use bind::{HttpError, Listener, bind};
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
    /// Makes the body of `/metrics`, in the text format 0.0.4.
    pub exposition: Arc<dyn Fn() -> String + Send + Sync>,
    /// Told of each answered request: the route's template and the status code.
    pub served: Arc<dyn Fn(&'static str, u16) + Send + Sync>,
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
