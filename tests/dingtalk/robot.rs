//! The stand-ins for robots, `dingtalk.py` and `robots.py` in `tests/support`, as processes of their
//! own.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

/// A running stand-in; it ends with this value.
pub(crate) struct Robot {
    process: Child,
    url: String,
}

impl Robot {
    /// Starts DingTalk's and waits until it says where it listens.
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::of("dingtalk.py", options)
    }

    /// Starts the one that a script is.
    pub(crate) fn of(script: &str, options: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/support")
            .join(script);
        let mut process = Command::new("python3")
            .arg("-B")
            .arg(script)
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is needed for this test");
        let mut line = String::new();
        let output = process.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        let url = line
            .trim()
            .strip_prefix("listening on ")
            .unwrap()
            .to_owned();
        Self { process, url }
    }

    /// The address for a configuration.
    pub(crate) fn webhook(&self, token: &str) -> String {
        self.address(&format!("?access_token={token}"))
    }

    /// The address of a path.
    pub(crate) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Sets what the next requests are answered.
    pub(crate) fn script(&self, answers: &Value) {
        self.ask("POST", "/script", &answers.to_string());
    }

    /// What it knows.
    pub(crate) fn get(&self, path: &str) -> Value {
        serde_json::from_str(&self.ask("GET", path, "")).unwrap()
    }

    /// One plain HTTP request, without the code that is under test.
    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let host = self.url.strip_prefix("http://").unwrap();
        let host = host.split('/').next().unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 "), "{head}");
        body.to_owned()
    }
}

impl Drop for Robot {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
