//! The DingTalk stand-in, `dingtalk.py`: it checks signatures on its own and answers as told.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use super::{
    http::{Answer, exchange},
    leash::{Leash, end},
    wait::{PATIENCE, wait_for},
};

/// The access token that it knows.
const TOKEN: &str = "the-token";

/// A running stand-in. It ends with this value.
#[derive(Debug)]
pub(crate) struct DingTalk {
    webhook: String,
    address: String,
    child: Child,
    _leash: Leash,
}

impl DingTalk {
    /// Starts one: `&["--secret", "SEC..."]`, `&["--keyword", "ops"]`.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let leash = Leash::new();
        let mut command = Command::new("python3");
        command
            .arg("-u")
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/support/dingtalk.py"
            ))
            .args(["--token", TOKEN])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = leash
            .on(&mut command)
            .spawn()
            .expect("python3 is needed to run the tests");
        let mut first = String::new();
        BufReader::new(child.stdout.take().expect("its output"))
            .read_line(&mut first)
            .expect("the stand-in says where it listens");
        let url = first
            .trim()
            .strip_prefix("listening on ")
            .unwrap_or_else(|| panic!("the DingTalk stand-in said {first:?} first"));
        let webhook = format!("{url}?access_token={TOKEN}");
        let address = url
            .trim_start_matches("http://")
            .split('/')
            .next()
            .expect("an address")
            .to_owned();
        Self {
            webhook,
            address,
            child,
            _leash: leash,
        }
    }

    /// The address for `[[dingtalk]] webhook`, with the access token.
    pub(crate) fn webhook(&self) -> &str {
        &self.webhook
    }

    /// `[[dingtalk]]` for supervigil's configuration, with more lines.
    pub(crate) fn table(&self, name: &str, lines: &str) -> String {
        format!(
            "[[dingtalk]]\nname = \"{name}\"\nwebhook = \"{}\"\n{lines}\n",
            self.webhook
        )
    }

    /// Every request that it got, oldest first, refused ones too: `time`, `accepted`, `refusal`,
    /// `uuid`, `query`, `message`, `body`.
    pub(crate) fn messages(&self) -> Vec<Value> {
        self.list("/messages")
    }

    /// What people saw, oldest first: title and text of each message.
    pub(crate) fn shown(&self) -> Vec<String> {
        self.list("/shown").iter().filter_map(text_of).collect()
    }

    /// What it answers to the next requests, one entry each.
    pub(crate) fn script(&self, answers: &Value) {
        let answer = self.ask("POST", "/script", &answers.to_string());
        assert_eq!(
            answer.status, 200,
            "the stand-in takes the script: {}",
            answer.body
        );
    }

    /// Posts a message as a sender would.
    pub(crate) fn post(&self, message: &Value) -> Answer {
        let (_, path) = self.webhook.split_once(&self.address).expect("a path");
        self.ask("POST", path, &message.to_string())
    }

    /// Waits until people saw a message that contains the text, and returns it.
    pub(crate) fn wait_until_shown(&self, text: &str) -> String {
        self.wait_until_shown_within(PATIENCE, text)
    }

    /// As [`Self::wait_until_shown`], with a deadline of one's own.
    pub(crate) fn wait_until_shown_within(&self, deadline: Duration, text: &str) -> String {
        wait_for(deadline, &format!("DingTalk to show {text:?}"), || {
            self.shown()
                .into_iter()
                .find(|message| message.contains(text))
        })
    }

    fn list(&self, path: &str) -> Vec<Value> {
        let answer = self.ask("GET", path, "");
        serde_json::from_str(&answer.body).expect("the stand-in answers with a JSON list")
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let stream = TcpStream::connect(&self.address).expect("the stand-in listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a deadline");
        let headers = [
            ("Host", self.address.as_str()),
            ("Content-Type", "application/json"),
        ];
        exchange(stream, method, path, &headers, body).expect("the stand-in answers")
    }
}

fn text_of(shown: &Value) -> Option<String> {
    let message = &shown["message"];
    let part = &message[message["msgtype"].as_str()?];
    let fields = ["title", "text", "content"];
    let said: Vec<_> = fields
        .iter()
        .filter_map(|field| part[*field].as_str())
        .collect();
    Some(said.join("\n"))
}

impl Drop for DingTalk {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}
