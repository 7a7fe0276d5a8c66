//! Where a supervisord listens, as its URL says.
//!
//! Pure. The form is supervisord's own `serverurl`: `unix:///path` or `http://host:port`, with or
//! without the `/RPC2` that the calls go to.

use std::path::PathBuf;

use super::{problem::Fault, value::quote};
use crate::supervisord::{Endpoint, usual_paths};

/// Bytes of a unix socket's path: `sun_path` of unix(7) holds 108, the last of which is 0.
pub(super) const MAX_SOCKET_PATH: usize = 107;

const FIX: &str = "write \"unix:///var/run/supervisor.sock\" or \"http://127.0.0.1:9001\"";

/// The endpoint that is the first of the usual sockets.
pub(super) fn usual() -> Endpoint {
    Endpoint::Search(usual_paths())
}

/// Reads a URL.
pub(super) fn parse(text: &str) -> Result<Endpoint, Fault> {
    if let Some(path) = text.strip_prefix("unix://") {
        return socket_path(path).map(Endpoint::Unix);
    }
    if let Some(rest) = text.strip_prefix("http://") {
        return authority(rest).map(|authority| Endpoint::Tcp { authority });
    }
    Err(if text.starts_with("https://") {
        Fault::new(
            "supervisord speaks plain HTTP only",
            "write http://, and put a tunnel in between where the network is not trusted",
        )
    } else if let Some(path) = text.strip_prefix("unix:") {
        Fault::new(
            "two slashes are missing after unix:",
            format!("write {}", quote(&format!("unix://{path}"))),
        )
    } else if text.starts_with('/') {
        Fault::new(
            "this is a path and no URL",
            format!("write {}", quote(&format!("unix://{text}"))),
        )
    } else {
        Fault::new("this is neither a unix:// nor an http:// URL", FIX)
    })
}

/// Checks the path of a unix socket.
pub(super) fn socket_path(path: &str) -> Result<PathBuf, Fault> {
    if path.trim_matches('/').is_empty() {
        return Err(Fault::new(
            "the socket's path is empty",
            "write unix:// and the whole path, such as \"unix:///run/example.sock\"",
        ));
    }
    if path.len() > MAX_SOCKET_PATH {
        return Err(Fault::new(
            format!("the socket's path is longer than the {MAX_SOCKET_PATH} bytes that fit"),
            "use a shorter path",
        ));
    }
    if path.contains(char::is_control) {
        return Err(Fault::new(
            "the socket's path holds a control character",
            "use a plain path",
        ));
    }
    Ok(PathBuf::from(path))
}

fn authority(rest: &str) -> Result<String, Fault> {
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if authority.contains('@') {
        return Err(Fault::new(
            "a user name stands in the URL",
            "put it under username and password, or password_file",
        ));
    }
    if !matches!(path, "" | "RPC2" | "RPC2/") {
        return Err(Fault::new(
            format!(
                "supervisord does not answer under {}",
                quote(&format!("/{path}"))
            ),
            format!("write {}", quote(&format!("http://{authority}"))),
        ));
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        Some(_) | None => {
            return Err(Fault::new(
                "the URL names no port",
                format!("write {}", quote(&format!("http://{authority}:9001"))),
            ));
        }
    };
    if !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Err(Fault::new(
            format!("{} is not a port", quote(port)),
            "use 1 to 65535; supervisord's usual one is 9001",
        ));
    }
    if !is_host(host) {
        return Err(Fault::new(format!("{} is not a host", quote(host)), FIX));
    }
    Ok(authority.to_owned())
}

/// A host name, an IPv4 address, or an IPv6 address in brackets.
fn is_host(host: &str) -> bool {
    if let Some(inside) = host.strip_prefix('[') {
        return inside
            .strip_suffix(']')
            .is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
    }
    !host.is_empty()
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_as_supervisorctl_reads_them() {
        let unix = |path: &str| Ok(Endpoint::Unix(PathBuf::from(path)));
        let tcp = |authority: &str| {
            Ok(Endpoint::Tcp {
                authority: authority.to_owned(),
            })
        };
        for (url, endpoint) in [
            ("unix:///run/s.sock", unix("/run/s.sock")),
            ("unix://s.sock", unix("s.sock")),
            ("http://127.0.0.1:9001", tcp("127.0.0.1:9001")),
            ("http://127.0.0.1:9001/", tcp("127.0.0.1:9001")),
            ("http://db-1.example_x:1/RPC2", tcp("db-1.example_x:1")),
            ("http://[::1]:9001/RPC2/", tcp("[::1]:9001")),
        ] {
            assert_eq!(parse(url), endpoint, "{url}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said() {
        for (url, what) in [
            ("", "neither"),
            ("s.sock", "neither"),
            ("127.0.0.1:9001", "neither"),
            ("ftp://x", "neither"),
            ("/run/s.sock", "a path and no URL"),
            ("unix:/run/s.sock", "two slashes"),
            ("unix://", "path is empty"),
            ("unix:///", "path is empty"),
            ("unix:///\n", "control character"),
            ("https://x:9001", "plain HTTP only"),
            ("http://x", "no port"),
            ("http://[::1]", "no port"),
            ("http://:9001", "not a host"),
            ("http://::1:9001", "not a host"),
            ("http://a b:9001", "not a host"),
            ("http://x:0", "not a port"),
            ("http://x:65536", "not a port"),
            ("http://x:9001/RPC3", "does not answer under"),
            ("http://u:p@x:9001", "user name"),
        ] {
            let fault = parse(url).expect_err(url);
            assert!(fault.what.contains(what), "{url}: {fault}");
        }
        let of_length = |length: usize| format!("unix:///{}", "x".repeat(length - 1));
        assert!(parse(&of_length(MAX_SOCKET_PATH)).is_ok());
        assert!(parse(&of_length(MAX_SOCKET_PATH + 1)).is_err());
    }
}
