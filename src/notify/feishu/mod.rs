//! Robots of Feishu and Lark, which is Feishu abroad.
//!
//! Owns the wire form: the request's body, its signature, the meaning of an answer. All of it is pure;
//! `channels.rs` does the sending, and the outbox decides when. Facts are from Feishu's page on custom
//! robots (open.feishu.cn/document/ukTMukTMukTM/ucTM5YjL3ETO24yNxkjN) where nothing else is said.
//!
//! A robot cannot tell a repetition from a second message, so one that arrived unheard shows twice.

mod message;
mod sign;
mod verdict;

pub(super) use message::body;
pub(super) use sign::signed;
pub(super) use verdict::judge;
