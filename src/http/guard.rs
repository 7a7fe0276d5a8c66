//! What every answer carries and every request must pass: safety headers, the check of `Host`, the
//! count and the log line.

use std::net::SocketAddr;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::{
    Sources, page,
    routes::{Refusal, template},
};

/// The hosts that a request may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hosts {
    /// Any: whoever reaches the socket is meant to.
    Any,
    /// This machine's own names only. A page in the user's browser can make its own name point here
    /// (DNS rebinding), but it cannot keep the browser from saying that name.
    Loopback(String),
}

impl Hosts {
    /// The hosts for a server that listens there; none is a unix socket.
    pub(super) fn of(address: Option<SocketAddr>) -> Self {
        match address {
            Some(address) if address.ip().to_canonical().is_loopback() => {
                Self::Loopback(match address {
                    SocketAddr::V4(address) => address.ip().to_string(),
                    SocketAddr::V6(address) => format!("[{}]", address.ip()),
                })
            }
            Some(_) | None => Self::Any,
        }
    }

    /// Whether a request may name that host. One that names none comes from no browser.
    fn allow(&self, host: Option<&str>) -> bool {
        match (self, host) {
            (Self::Any, _) | (Self::Loopback(_), None) => true,
            (Self::Loopback(own), Some(host)) => {
                let name = without_port(host);
                name.eq_ignore_ascii_case("localhost")
                    || ["127.0.0.1", "[::1]", own].contains(&name)
            }
        }
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

/// Lets a request pass that names an allowed host.
pub(super) async fn check_host(
    State(hosts): State<Hosts>,
    request: Request,
    next: Next,
) -> Response {
    if hosts.allow(named_host(request.uri(), request.headers())) {
        next.run(request).await
    } else {
        Refusal::new(
            StatusCode::MISDIRECTED_REQUEST,
            "this server listens on loopback and answers to localhost, 127.0.0.1 and [::1] only; use one of them as the host, or change [http] listen",
        )
        .into_response()
    }
}

/// What cannot be read counts as a name that is not allowed.
fn named_host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    uri.authority()
        .map(axum::http::uri::Authority::as_str)
        .or_else(|| {
            let host = headers.get(header::HOST)?;
            Some(host.to_str().unwrap_or("?"))
        })
}

/// Counts the answer, and writes a line at debug.
pub(super) async fn count(
    State(sources): State<Sources>,
    request: Request,
    next: Next,
) -> Response {
    let path = template(request.uri().path());
    let method = request.method().clone();
    let response = next.run(request).await;
    let code = response.status().as_u16();
    (sources.served)(path, code);
    tracing::debug!(%method, path, code, "answered an HTTP request");
    response
}

/// Puts the safety headers on the answer.
pub(super) async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, page::policy());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_answers_to_its_own_names_only() {
        let hosts = Hosts::of(Some("127.0.0.2:9877".parse().unwrap()));
        for host in [
            "localhost",
            "LOCALHOST:9877",
            "127.0.0.1:9877",
            "[::1]:1",
            "[::1]",
            "127.0.0.2",
        ] {
            assert!(hosts.allow(Some(host)), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:9877",
            "127.0.0.3",
            "localhost.evil.example",
            "",
            "[::2]:1",
            "?",
        ] {
            assert!(!hosts.allow(Some(host)), "{host}");
        }
        assert!(hosts.allow(None));
    }

    #[test]
    fn elsewhere_any_name_will_do() {
        let anywhere = Hosts::of(Some("0.0.0.0:9877".parse().unwrap()));
        assert!(anywhere.allow(Some("node7.example:9877")));
        assert_eq!(Hosts::of(None), Hosts::Any);
    }

    #[test]
    fn loopback_is_loopback_in_every_notation() {
        for address in ["[::1]:9877", "[::ffff:127.0.0.1]:9877"] {
            let hosts = Hosts::of(Some(address.parse().unwrap()));
            assert!(hosts.allow(Some(address)), "{address}");
            assert!(!hosts.allow(Some("evil.example")), "{address}");
        }
    }
}
