//! The page, the API and the probes.

mod settings;

pub use settings::{Listen, Settings};
