//! `[http]`.

use std::{net::SocketAddr, ops::RangeInclusive};

use secrecy::{ExposeSecret as _, SecretString};

use super::{check, endpoint, problem::Fault, raw::Section, reading::Located, value::quote};
use crate::http::{Listen, Settings};

/// Characters below which a token can be guessed: 20 of base64 are 120 bits.
const MIN_TOKEN: usize = 20;

/// Programs with series of their own; a million is more than any Prometheus takes from one target.
const PROCESSES: RangeInclusive<u32> = 1..=1_000_000;

/// Loopback, port 9877.
const LISTEN: Listen = Listen::Tcp(SocketAddr::new(
    std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
    9877,
));

/// Reads the table.
pub(super) fn read(section: &mut Section<'_>) -> Settings {
    let listen = section.parsed("listen", "write text in quotes", listen);
    let control = section.flag("control").unwrap_or(false);
    let token_given = ["token", "token_file"].iter().any(|key| section.has(key));
    let token = token(section);
    if control && token.is_none() {
        check::control_is_private(section, listen.as_ref(), token_given);
    }
    Settings {
        listen: listen.map_or(LISTEN, |listen| listen.value),
        control,
        token,
        compact_state: section.flag("compact_state").unwrap_or(false),
        max_processes: section
            .whole("max_processes", &PROCESSES, "is too many")
            .and_then(|processes| usize::try_from(processes).ok())
            .unwrap_or(5000),
    }
}

fn token(section: &mut Section<'_>) -> Option<SecretString> {
    let Located { value, place } = section.secret("token", "token_file")?;
    let length = value.expose_secret().chars().count();
    if length < MIN_TOKEN {
        let fault = Fault::new(
            format!("a token of {length} characters can be guessed"),
            format!("use at least {MIN_TOKEN}, such as `openssl rand -base64 24` makes"),
        );
        section.reading().report(&place, fault);
    }
    Some(value)
}

fn listen(text: &str) -> Result<Listen, Fault> {
    if let Some(path) = text.strip_prefix("unix://") {
        return endpoint::socket_path(path).map(Listen::Unix);
    }
    let Ok(address) = text.parse() else {
        return Err(Fault::new(
            format!("{} is not an IP address with a port", quote(text)),
            "write \"127.0.0.1:9877\" or \"unix:///run/supervigil/http.sock\"",
        ));
    };
    Ok(Listen::Tcp(address))
}
