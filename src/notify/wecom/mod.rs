//! Group robots of WeCom (企业微信).
//!
//! Owns the wire form: the request's body and the meaning of an answer. All of it is pure;
//! `channels.rs` does the sending, and the outbox decides when. Facts are from WeCom's page on group
//! robots (developer.work.weixin.qq.com/document/path/91770) where nothing else is said.
//!
//! A robot cannot tell a repetition from a second message, so one that arrived unheard shows twice.

mod message;
mod verdict;

pub(super) use message::body;
pub(super) use verdict::judge;
