//! Real Prometheuses, Debian's, each with a storage and a port of its own.

use std::{
    env, fs,
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    http::exchange,
    leash::{Leash, end},
    supervigil::free_port,
    wait::{PATIENCE, wait_until},
};

/// Where Debian's package puts it.
const PROGRAM: &str = "/usr/bin/prometheus";

/// Whether tests with it are to run: they are left out where it is not installed, but not in CI.
pub(crate) fn is_wanted() -> bool {
    let in_ci = env::var_os("CI").is_some_and(|value| value == "true");
    in_ci || Path::new(PROGRAM).exists()
}

/// A running Prometheus. It ends with this value.
#[derive(Debug)]
pub(crate) struct Prometheus {
    address: String,
    child: Child,
    // Ended before the folder goes.
    _leash: Leash,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts one that scrapes `HOST:PORT` every second, as the job `supervigil`, and keeps exemplars.
    pub(crate) fn scraping(target: &str) -> Self {
        let folder = TempDir::with_prefix_in("pr", "/tmp").expect("a folder in /tmp");
        let config = format!(
            "global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: supervigil\n    \
             static_configs:\n      - targets: [\"{target}\"]\n"
        );
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, config).expect("a configuration file");
        let address = format!("127.0.0.1:{}", free_port());
        let log = fs::File::create(folder.path().join("log")).expect("a file for its log");
        let leash = Leash::new();
        let mut command = Command::new(PROGRAM);
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}/data",
                folder.path().display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .arg("--enable-feature=exemplar-storage")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let started = Self {
            address,
            child: leash
                .on(&mut command)
                .spawn()
                .expect("Prometheus is installed"),
            _leash: leash,
            _folder: folder,
        };
        wait_until(PATIENCE, "Prometheus to be ready", || {
            started
                .get("/-/ready")
                .is_some_and(|(status, _)| status == 200)
        });
        started
    }

    /// The `data` of an answer of its API.
    pub(crate) fn api(&self, path: &str) -> Value {
        let (status, body) = self.get(path).expect("Prometheus listens");
        assert_eq!(status, 200, "{path}: {body}");
        let mut answer: Value = serde_json::from_str(&body).expect("JSON");
        answer["data"].take()
    }

    /// The series that a query gives at present, each with its labels and its value.
    pub(crate) fn query(&self, promql: &str) -> Vec<Value> {
        let data = self.api(&format!("/api/v1/query?query={}", encoded(promql)));
        data["result"].as_array().expect("a vector").clone()
    }

    fn get(&self, path: &str) -> Option<(u16, String)> {
        let stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let host = [("Host", self.address.as_str())];
        let answer = exchange(stream, "GET", path, &host, "").ok()?;
        Some((answer.status, answer.body))
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Percent-encodes everything that may mean something in a query string.
fn encoded(text: &str) -> String {
    use std::fmt::Write as _;

    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || byte == b'_' {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a string");
        }
        encoded
    })
}
