//! The engine: a pure value.

mod settings;

pub use settings::{
    AlertSettings, ProgramRule, RetryRule, RetrySettings, ServerSettings, Settings,
};
