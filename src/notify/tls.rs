//! TLS for the channels: rustls on ring, the system's roots, bundled ones where it has none.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

/// The configuration of every TLS connection. A static binary in an empty container has no roots of
/// the system; Mozilla's, which are built in, serve it then.
pub(super) fn client_config() -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    let (taken, _) = roots.add_parsable_certificates(system.certs);
    if taken == 0 {
        let bundled = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
        roots.add_parsable_certificates(bundled.iter().cloned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
