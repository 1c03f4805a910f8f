//! Certificates and rustls configurations. A CA is made anew at every start: no key lies in the repository.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A server configuration for `127.0.0.1` and `localhost`, and the PEM text of the CA that signed its certificate.
///
/// # Errors
/// When a key or certificate cannot be made.
pub fn server() -> Result<(Arc<ServerConfig>, String)> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // With rcgen's one default name for both, OpenSSL would take the leaf for self-signed.
    params.distinguished_name.push(DnType::CommonName, "benchmark CA");
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let leaf_key = KeyPair::generate()?;
    let leaf =
        CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()])?.signed_by(&leaf_key, &issuer)?;
    let key = PrivateKeyDer::try_from(leaf_key.serialize_der())?;
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)?;
    Ok((Arc::new(config), issuer.pem()))
}

/// A client configuration that trusts the CA in `pem` and nothing else.
///
/// # Errors
/// When `pem` holds no certificate.
pub fn client(pem: &str) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes())?)?;
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
