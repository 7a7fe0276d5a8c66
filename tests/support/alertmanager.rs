//! Real Alertmanagers, Debian's, each with a storage and a port of its own.

use std::{
    env, fs,
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    http::{Answer, exchange},
    leash::{Leash, end},
    supervigil::free_port,
    wait::{PATIENCE, wait_for, wait_until},
};

/// Where Debian's package puts it.
const PROGRAM: &str = "/usr/bin/prometheus-alertmanager";

/// The user that it asks for where it is told to, as its configuration has it: the password by bcrypt
/// is `hunter2`.
const USERS: &str =
    "basic_auth_users:\n  ops: \"$2b$04$abcdefghijklmnopqrstuuV3duMsC0HpUex6N9qapiuOHHWkwRXVm\"\n";

/// Whether tests with it are to run: they are left out where it is not installed, but not in CI.
pub(crate) fn is_wanted() -> bool {
    let in_ci = env::var_os("CI").is_some_and(|value| value == "true");
    in_ci || Path::new(PROGRAM).exists()
}

/// A running Alertmanager. It ends with this value.
#[derive(Debug)]
pub(crate) struct Alertmanager {
    address: String,
    arguments: Vec<String>,
    child: Child,
    leash: Leash,
    folder: TempDir,
}

impl Alertmanager {
    /// Starts one that tells nobody.
    pub(crate) fn start() -> Self {
        Self::start_with(free_port(), "", &["--cluster.listen-address="])
    }

    /// Starts one on a port, with the address of a webhook that it tells (empty: none) and more
    /// arguments.
    pub(crate) fn start_with(port: u16, webhook: &str, arguments: &[&str]) -> Self {
        let folder = TempDir::with_prefix_in("am", "/tmp").expect("a folder in /tmp");
        fs::write(folder.path().join("am.yml"), config(webhook)).expect("a configuration file");
        fs::write(folder.path().join("users.yml"), USERS).expect("a file of users");
        let address = format!("127.0.0.1:{port}");
        let mut all = vec![
            format!("--config.file={}/am.yml", folder.path().display()),
            format!("--storage.path={}/data", folder.path().display()),
            format!("--web.listen-address={address}"),
        ];
        let more = arguments.iter();
        all.extend(more.map(|text| text.replace("FOLDER", &folder.path().display().to_string())));
        let leash = Leash::new();
        let child = spawn(&all, folder.path(), &leash);
        let mut started = Self {
            address,
            arguments: all,
            child,
            leash,
            folder,
        };
        started.wait_until_it_listens();
        started
    }

    /// Its address, as supervigil's configuration names it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Kills it, and starts it again with nothing in its storage.
    pub(crate) fn restart_empty(&mut self) {
        end(&mut self.child);
        drop(fs::remove_dir_all(self.folder.path().join("data")));
        self.child = spawn(&self.arguments, self.folder.path(), &self.leash);
        self.wait_until_it_listens();
    }

    /// The alerts that have not ended.
    pub(crate) fn alerts(&self) -> Vec<Value> {
        let answer = self.request("GET", "/api/v2/alerts", "");
        serde_json::from_str(&answer.body)
            .unwrap_or_else(|error| panic!("{error}: {}", answer.body))
    }

    /// The names and kinds of the alerts that have not ended, sorted.
    pub(crate) fn firing(&self) -> Vec<String> {
        let named = self.alerts().into_iter().map(|alert| {
            let label = |name: &str| alert["labels"][name].as_str().unwrap_or("-").to_owned();
            format!("{} {}", label("name"), label("kind"))
        });
        let mut named: Vec<_> = named.collect();
        named.sort();
        named
    }

    /// Waits until these alone have not ended, by name and kind, sorted.
    pub(crate) fn wait_until_firing(&self, wanted: &[&str]) {
        wait_until(PATIENCE, &format!("{wanted:?} to be firing"), || {
            self.firing() == wanted
        });
    }

    /// Waits for the alert of a program.
    pub(crate) fn wait_for_alert(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        wait_for(PATIENCE, &format!("an alert of {name}"), || {
            self.alerts()
                .into_iter()
                .find(|alert| alert["labels"]["name"] == name && wanted(alert))
        })
    }

    /// Silences a program.
    pub(crate) fn silence(&self, name: &str) {
        let silence = json!({
            "matchers": [{"name": "name", "value": name, "isRegex": false, "isEqual": true}],
            "startsAt": "2020-01-01T00:00:00Z",
            "endsAt": "2100-01-01T00:00:00Z",
            "createdBy": "a test",
            "comment": "quiet",
        });
        let answer = self.request("POST", "/api/v2/silences", &silence.to_string());
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// How many alerts it was posted that were `firing` or `resolved`.
    pub(crate) fn received(&self, status: &str) -> u32 {
        let series =
            format!("alertmanager_alerts_received_total{{status=\"{status}\",version=\"v2\"}} ");
        let metrics = self.request("GET", "/metrics", "").body;
        let mut lines = metrics.lines();
        let value = lines.find_map(|line| line.strip_prefix(&series));
        value.map_or(0, |value| value.parse().expect("a number"))
    }

    fn request(&self, method: &str, path: &str, body: &str) -> Answer {
        let stream = TcpStream::connect(&self.address).expect("Alertmanager listens");
        let headers = [("Content-Type", "application/json")];
        exchange(stream, method, path, &headers, body).expect("Alertmanager answers")
    }

    fn wait_until_it_listens(&mut self) {
        wait_until(PATIENCE, "Alertmanager to listen", || {
            if let Some(status) = self.child.try_wait().expect("it can be reaped") {
                let said = fs::read_to_string(self.folder.path().join("log"));
                panic!(
                    "Alertmanager ended with {status}:\n{}",
                    said.unwrap_or_default()
                );
            }
            TcpStream::connect(&self.address).is_ok()
        });
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Groups as Alertmanager's own example does, with waits that suit tests.
fn config(webhook: &str) -> String {
    let receiver = if webhook.is_empty() {
        String::new()
    } else {
        format!("  webhook_configs:\n  - url: {webhook}\n")
    };
    format!(
        "route:\n  receiver: people\n  group_by: [alertname]\n  group_wait: 100ms\n\
         \x20 group_interval: 200ms\n  repeat_interval: 1h\n\
         receivers:\n- name: people\n{receiver}"
    )
}

fn spawn(arguments: &[String], folder: &Path, leash: &Leash) -> Child {
    let log = fs::File::create(folder.join("log")).expect("a file for its log");
    let mut command = Command::new(PROGRAM);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a second handle"))
        .stderr(log);
    leash
        .on(&mut command)
        .spawn()
        .unwrap_or_else(|error| panic!("{PROGRAM}: {error}: run tests/setup"))
}
