//! The main job, end to end: a real supervisord, the real binary, a DingTalk stand-in. Each test is
//! about one behaviour, as people and their tools see it: messages, the API, metrics, exit codes.

#![cfg(test)]

#[expect(dead_code, reason = "a part of it is used here")]
#[path = "../support/mod.rs"]
mod support;

mod alertmanager;
mod baseline;
mod check;
mod clocks;
mod commands;
mod dingtalk;
mod discovery;
mod disk;
mod exits;
mod fatal;
mod forms;
mod groups;
mod loops;
mod main_log;
mod oom;
mod open_files;
mod operator;
mod orders;
mod prometheus;
mod restarts;
mod retry;
mod secrecy;
mod several;
mod signals;
mod silence;
mod sockets;
mod stage;
mod steps;
mod tail;
mod text;
mod watch;
