//! Clusters of Alertmanagers.
//!
//! Owns the wire form of API v2: the address of each member, the alerts that incidents are, the meaning
//! of the answers. All of it is pure; `channels.rs` does the sending, and the outbox decides when.
//!
//! The members of a cluster tell each other of silences and notifications, but not of alerts, so each
//! of them is posted everything (Alertmanager's page "High Availability").

mod alert;
mod verdict;

use reqwest::Url;

pub(super) use alert::{BATCH_MAX, RESEND_EVERY, body};
pub(super) use verdict::{judge, together};

/// One member of a cluster.
#[derive(Clone)]
pub(super) struct Member {
    /// Where to post; its userinfo may hold a secret.
    pub(super) url: Url,
    /// What it is called in logs and on the page: its host and port, in which no secret can be.
    pub(super) name: String,
}

impl Member {
    /// The member with that address, to which the path of API v2 is added: `http://host/prefix` is
    /// posted to at `/prefix/api/v2/alerts`.
    pub(super) fn new(mut url: Url) -> Self {
        let host = url.host_str().unwrap_or_default();
        let name = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        // Only an address that cannot have a path has no segments, and http and https can.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v2", "alerts"]);
        }
        Self { url, name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_goes_behind_the_prefix_and_the_name_has_no_secret() {
        for (url, posted_to, name) in [
            (
                "http://127.0.0.1:9093",
                "http://127.0.0.1:9093/api/v2/alerts",
                "127.0.0.1:9093",
            ),
            (
                "https://u:hunter2@am/alertmanager/?key=hunter3",
                "https://u:hunter2@am/alertmanager/api/v2/alerts?key=hunter3",
                "am",
            ),
            (
                "http://[::1]:9093/a/b",
                "http://[::1]:9093/a/b/api/v2/alerts",
                "[::1]:9093",
            ),
        ] {
            let member = Member::new(Url::parse(url).unwrap());
            assert_eq!(member.url.as_str(), posted_to);
            assert_eq!(member.name, name);
        }
    }
}
