//! Whom we trust: the system's certificates, or the bundled web roots where a container has none, plus the caller's.

use std::sync::{Arc, OnceLock};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::crypto;
use crate::error::{Code, Error, Result};

/// The system's roots, read once a process: parsing some 140 certificates for every executor would be waste.
fn system_roots() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    Arc::clone(ROOTS.get_or_init(|| Arc::new(roots_of(rustls_native_certs::load_native_certs().certs))))
}

fn roots_of(system: Vec<CertificateDer<'static>>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(system);
    if roots.is_empty() {
        // A slim container image has no CA store; failing here would only send people looking for one.
        roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    }
    roots
}

/// The client side of TLS, for HTTP/1.1.
///
/// # Errors
/// `INVALID_OPTION` when `ca` holds no PEM certificate, or one that does not parse.
pub fn client_config(ca: Option<&str>) -> Result<Arc<ClientConfig>> {
    let mut roots = system_roots();
    if let Some(pem) = ca {
        let bad = || Error::new(Code::InvalidOption, "http.ca: must be one or more PEM certificates");
        let merged = Arc::make_mut(&mut roots);
        let mut count = 0;
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            merged.add(certificate.map_err(|_| bad())?).map_err(|_| bad())?;
            count += 1;
        }
        if count == 0 {
            return Err(bad());
        }
    }
    let mut config = ClientConfig::builder_with_provider(crypto::provider())
        .with_safe_default_protocol_versions()
        .map_err(|_| Error::new(Code::Internal, "the TLS provider supports no protocol version"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // `records` seals and opens what rustls has agreed on.
    config.enable_secret_extraction = true;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_ca_store_the_bundled_roots_are_trusted() {
        let broken = CertificateDer::from(vec![1, 2, 3]);
        for nothing in [vec![], vec![broken]] {
            assert_eq!(roots_of(nothing).len(), webpki_root_certs::TLS_SERVER_ROOT_CERTS.len());
        }
        let one = webpki_root_certs::TLS_SERVER_ROOT_CERTS.first().cloned();
        assert_eq!(roots_of(one.into_iter().collect()).len(), 1, "a store that is there is the only one");
    }

    #[test]
    fn a_ca_that_is_none_is_an_option_error() {
        for bad in ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert_eq!(client_config(Some(bad)).unwrap_err().code, Code::InvalidOption, "{bad}");
        }
        client_config(None).unwrap();
    }
}
