//! Whose algorithms TLS uses: aws-lc's, but for records where the processor has an AES-GCM that only ring makes use of.
//!
//! Put together by hand: a library's own default brings into the addon what a client without a certificate never calls, keys
//! to sign with and QUIC.

use std::sync::{Arc, LazyLock};

use rustls::{
    Error, SupportedCipherSuite, Tls13CipherSuite,
    crypto::{
        CipherSuiteCommon, CryptoProvider, GetRandomFailed, KeyProvider, SecureRandom,
        aws_lc_rs::{self, cipher_suite},
    },
    pki_types::PrivateKeyDer,
    sign::SigningKey,
};

/// One for the process.
pub(super) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(compose(is_ring_faster())));
    Arc::clone(&PROVIDER)
}

fn compose(with_ring: bool) -> CryptoProvider {
    CryptoProvider {
        cipher_suites: suites(with_ring),
        kx_groups: aws_lc_rs::DEFAULT_KX_GROUPS.to_vec(),
        signature_verification_algorithms: aws_lc_rs::default_provider().signature_verification_algorithms,
        secure_random: &Random,
        key_provider: &NoKeys,
    }
}

/// Those of [`aws_lc_rs::DEFAULT_CIPHER_SUITES`], in its order.
fn suites(with_ring: bool) -> Vec<SupportedCipherSuite> {
    let (aes_256, aes_128) = if with_ring { RING } else { (&AES_256, &AES_128) };
    vec![
        SupportedCipherSuite::Tls13(aes_256),
        SupportedCipherSuite::Tls13(aes_128),
        SupportedCipherSuite::Tls13(&CHACHA20),
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ]
}

static AES_256: Tls13CipherSuite =
    suite(cipher_suite::TLS13_AES_256_GCM_SHA384, cipher_suite::TLS13_AES_256_GCM_SHA384);
static AES_128: Tls13CipherSuite =
    suite(cipher_suite::TLS13_AES_128_GCM_SHA256, cipher_suite::TLS13_AES_128_GCM_SHA256);
static CHACHA20: Tls13CipherSuite =
    suite(cipher_suite::TLS13_CHACHA20_POLY1305_SHA256, cipher_suite::TLS13_CHACHA20_POLY1305_SHA256);

/// `whole` without QUIC, and with the records of `records`: evaluated when it is compiled, so what panics here is a build.
const fn suite(whole: SupportedCipherSuite, records: SupportedCipherSuite) -> Tls13CipherSuite {
    let (SupportedCipherSuite::Tls13(whole), SupportedCipherSuite::Tls13(records)) = (whole, records) else {
        panic!("a suite of TLS 1.3");
    };
    Tls13CipherSuite {
        common: CipherSuiteCommon {
            suite: whole.common.suite,
            hash_provider: whole.common.hash_provider,
            confidentiality_limit: whole.common.confidentiality_limit,
        },
        hkdf_provider: whole.hkdf_provider,
        aead_alg: records.aead_alg,
        quic: None,
    }
}

#[cfg(target_arch = "x86_64")]
static RING: (&Tls13CipherSuite, &Tls13CipherSuite) = {
    use rustls::crypto::ring::cipher_suite as ring;

    static AES_256: Tls13CipherSuite = suite(cipher_suite::TLS13_AES_256_GCM_SHA384, ring::TLS13_AES_256_GCM_SHA384);
    static AES_128: Tls13CipherSuite = suite(cipher_suite::TLS13_AES_128_GCM_SHA256, ring::TLS13_AES_128_GCM_SHA256);
    (&AES_256, &AES_128)
};
#[cfg(not(target_arch = "x86_64"))]
static RING: (&Tls13CipherSuite, &Tls13CipherSuite) = (&AES_256, &AES_128);

/// Where there is AES in vectors of 256 bits but no AVX-512 (AMD's Zen 3, most of Intel's desktops): aws-lc has no AES-GCM between that of 128
/// bits and that of AVX-512. 7.0 instead of 3.8 GB/s on an EPYC 7003; equal where there is neither.
fn is_ring_faster() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        let of_256_bits = is_x86_feature_detected!("vaes")
            && is_x86_feature_detected!("vpclmulqdq")
            && is_x86_feature_detected!("avx2");
        // All that aws-lc asks for.
        let of_512_bits = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512bw");
        of_256_bits && !of_512_bits
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

#[derive(Debug)]
struct Random;

impl SecureRandom for Random {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), GetRandomFailed> {
        ::aws_lc_rs::rand::fill(buffer).map_err(|_| GetRandomFailed)
    }
}

/// We show no certificate.
#[derive(Debug)]
struct NoKeys;

impl KeyProvider for NoKeys {
    fn load_private_key(&self, _: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        Err(Error::General("a client without keys".into()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use ::aws_lc_rs::{encoding::AsDer, rsa};
    use rustls::{CipherSuite, ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

    use super::*;

    fn names(suites: &[SupportedCipherSuite]) -> Vec<CipherSuite> {
        suites.iter().map(SupportedCipherSuite::suite).collect()
    }

    #[test]
    fn the_suites_are_the_librarys_in_its_order() {
        for with_ring in [false, true] {
            assert_eq!(names(&suites(with_ring)), names(aws_lc_rs::DEFAULT_CIPHER_SUITES));
        }
    }

    #[test]
    fn each_suite_is_understood_by_the_librarys_own_at_the_other_end() {
        for with_ring in [false, true] {
            for suite in suites(with_ring) {
                speak(CryptoProvider { cipher_suites: vec![suite], ..compose(with_ring) }, suite.suite());
            }
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn rings_records_are_rings() {
        let of = |suite: &Tls13CipherSuite| std::ptr::from_ref(suite.aead_alg).addr();
        assert_ne!(of(RING.0), of(&AES_256));
        assert_ne!(of(RING.1), of(&AES_128));
    }

    /// A handshake, and texts up to one byte more than a record each way.
    fn speak(client: CryptoProvider, suite: CipherSuite) {
        let key = if format!("{suite:?}").contains("_RSA_") {
            // rcgen over ring makes none of these.
            let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
            rcgen::KeyPair::try_from(pair.as_der().unwrap().as_ref()).unwrap()
        } else {
            rcgen::KeyPair::generate().unwrap()
        };
        let certificate =
            rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        let client =
            ClientConfig::builder_with_provider(Arc::new(client)).with_safe_default_protocol_versions().unwrap();
        let client = client.with_root_certificates(roots).with_no_client_auth();
        let mut client = ClientConnection::new(Arc::new(client), "localhost".try_into().unwrap()).unwrap();
        let server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let server = server.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let server = server.with_single_cert(vec![certificate.der().clone()], key.into()).unwrap();
        let mut server = ServerConnection::new(Arc::new(server)).unwrap();

        // A macro, as the two ends are two types.
        macro_rules! carry {
            ($from:ident, $to:ident) => {
                while $from.wants_write() {
                    let mut wire = Vec::new();
                    $from.write_tls(&mut wire).unwrap();
                    let mut wire = wire.as_slice();
                    while !wire.is_empty() {
                        $to.read_tls(&mut wire).unwrap();
                        $to.process_new_packets().unwrap();
                    }
                }
            };
        }
        while client.is_handshaking() || server.is_handshaking() {
            carry!(client, server);
            carry!(server, client);
        }
        assert_eq!(client.negotiated_cipher_suite().unwrap().suite(), suite);
        for length in [1, 15, 16, 17, 255, 256, 257, 1000, 4096, 16_383, 16_384, 16_385] {
            let sent: Vec<u8> = (0_u8..=250).cycle().take(length).collect();
            let mut received = vec![0; length];
            client.writer().write_all(&sent).unwrap();
            carry!(client, server);
            server.reader().read_exact(&mut received).unwrap();
            assert_eq!(received, sent);
            received.fill(0);
            server.writer().write_all(&sent).unwrap();
            carry!(server, client);
            client.reader().read_exact(&mut received).unwrap();
            assert_eq!(received, sent);
        }
    }
}
