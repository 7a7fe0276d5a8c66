//! Where this supervigil runs, as messages name it.
//!
//! Owns the one look at the host: its name, its address, its time zone. Everything that renders takes
//! a [`Place`] as a value.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use jiff::tz::TimeZone;

/// An address of a documentation block (RFC 5737) that nothing is sent to: it makes the kernel say
/// from which of its addresses it would go out.
const ELSEWHERE: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);

/// The host, as people know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The host's name.
    pub host: String,
    /// The address that it talks to the world from, where there is one.
    pub ip: Option<IpAddr>,
    /// The zone that times are shown in.
    pub zone: TimeZone,
}

impl Place {
    /// This host. It asks the kernel and sends nothing.
    pub fn here() -> Self {
        let name = rustix::system::uname();
        Self {
            host: name.nodename().to_string_lossy().into_owned(),
            ip: outward_address(),
            zone: TimeZone::system(),
        }
    }
}

/// The address of the default route; none where there is no such route.
fn outward_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(ELSEWHERE).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_unspecified()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host_has_a_name() {
        assert!(!Place::here().host.is_empty());
    }
}
