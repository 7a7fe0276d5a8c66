//! The main log, followed: from sockets that follow a script, and from real supervisords.

#![cfg(test)]

#[expect(dead_code, reason = "a part of it is used here")]
#[path = "../peer/mod.rs"]
mod peer;
#[expect(dead_code, reason = "a part of it is used here")]
#[path = "../support/mod.rs"]
mod support;

mod real;
mod scripted;

use std::{sync::Arc, time::Duration};

use supervigil::{
    model::{ProgramEvent, ServerName, Telling},
    supervisord::{Client, Credentials, Endpoint, Settings},
};

const USER: &str = "user";
const PASSWORD: &str = "hunter2";

fn client(endpoint: Endpoint, timeout: Duration) -> Client {
    with_password(endpoint, timeout, PASSWORD)
}

fn with_password(endpoint: Endpoint, timeout: Duration, password: &str) -> Client {
    Client::new(&Settings {
        name: ServerName::new("main"),
        endpoint,
        credentials: Some(Credentials {
            username: USER.into(),
            password: password.to_owned().into(),
        }),
        poll_interval: Duration::from_secs(5),
        timeout,
        max_load: 0.02,
        follow_log: true,
        watch_pids: false,
    })
}

fn about(name: &str, event: ProgramEvent) -> Telling {
    Telling::Program {
        group: None,
        name: Arc::from(name),
        event,
    }
}

fn spawned(name: &str, pid: u32) -> Telling {
    about(name, ProgramEvent::Spawned { pid: Some(pid) })
}
