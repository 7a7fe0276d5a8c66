//! supervigil keeps watch over supervisord.
//!
//! The map, from the top floor down; a module calls only modules of lower floors, and `tests/tidy.rs`
//! holds it to that.
//!
//! | floor | module | is |
//! |---|---|---|
//! | 6 | [`cli`] | the commands, a file each |
//! | 5 | [`daemon`] | the loop: feeds inputs to the engine, performs its effects, shuts down in order |
//! | 4 | [`clock`] | the only reader of time |
//! | 2 | [`logging`] | where log lines go |
//! | 3 | [`config`] | the file -> settings, or all of its mistakes |
//! | 2 | [`supervisord`] | the client: XML-RPC over a unix socket or TCP |
//! | 2 | [`kernel`] | the kernel's word on the programs' processes: deaths as they happen |
//! | 2 | [`notify`] | the outbox (pure), the messages, the channels |
//! | 2 | [`store`] | SQLite: what survives a restart |
//! | 2 | [`metrics`] | Prometheus |
//! | 2 | [`http`] | the page, the API, the probes |
//! | 1 | [`engine`] | pure: snapshots -> transitions -> incidents, notices and starts |
//! | 1 | [`fault`] | the steps at which tests have it die |
//! | 0 | [`model`] | pure: the words that all of them share |
//!
//! Data flows one way: poll, or hint and look -> snapshot -> transition -> incident -> notice or start
//! -> store -> channel, and what came of it returns as an input.

pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod engine;
mod fault;
pub mod http;
pub mod kernel;
pub mod logging;
pub mod metrics;
pub mod model;
pub mod notify;
pub mod store;
pub mod supervisord;
