//! The client of one supervisord.

mod settings;

pub use settings::{Credentials, Endpoint, Settings};
