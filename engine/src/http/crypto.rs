//! Whose algorithms TLS uses: aws-lc's, but for records where the processor has an AES-GCM that only ring makes use of.

use std::sync::{Arc, LazyLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};

/// One for the process.
pub(super) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(choose()));
    Arc::clone(&PROVIDER)
}

fn choose() -> CryptoProvider {
    let provider = aws_lc_rs::default_provider();
    #[cfg(target_arch = "x86_64")]
    if ring::is_faster() {
        return ring::records(provider);
    }
    provider
}

#[cfg(target_arch = "x86_64")]
mod ring {
    use rustls::{
        SupportedCipherSuite, Tls13CipherSuite,
        crypto::{CipherSuiteCommon, CryptoProvider, aws_lc_rs::cipher_suite as own, ring::cipher_suite as ring},
    };

    /// Where there is AES in vectors of 256 bits but no AVX-512 (AMD's Zen 3, most of Intel's desktops): aws-lc has no AES-GCM between that of
    /// 128 bits and that of AVX-512. 7.0 instead of 3.8 GB/s on an EPYC 7003; equal where there is neither.
    pub(super) fn is_faster() -> bool {
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

    /// The records of TLS 1.3. Servers that speak nothing newer than 1.2 are few.
    pub(super) fn records(mut provider: CryptoProvider) -> CryptoProvider {
        for suite in &mut provider.cipher_suites {
            if let Some(other) = SUITES.iter().find(|other| other.suite() == suite.suite()) {
                *suite = *other;
            }
        }
        provider
    }

    static SUITES: [SupportedCipherSuite; 2] =
        [SupportedCipherSuite::Tls13(&AES_256), SupportedCipherSuite::Tls13(&AES_128)];
    static AES_256: Tls13CipherSuite = suite(own::TLS13_AES_256_GCM_SHA384, ring::TLS13_AES_256_GCM_SHA384);
    static AES_128: Tls13CipherSuite = suite(own::TLS13_AES_128_GCM_SHA256, ring::TLS13_AES_128_GCM_SHA256);

    /// `whole` with the records of `records`, and not more of it: ring's hashes would be 36 KB of the addon. It is evaluated when it is
    /// compiled, so what panics here is a build.
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
}

#[cfg(test)]
#[cfg(target_arch = "x86_64")]
mod tests {
    use std::{
        io::{Read, Write},
        ptr,
    };

    use ::aws_lc_rs::{encoding::AsDer, rsa};
    use rustls::{
        CipherSuite, ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection,
        SupportedCipherSuite,
    };

    use super::*;

    fn names(provider: &CryptoProvider) -> Vec<CipherSuite> {
        provider.cipher_suites.iter().map(SupportedCipherSuite::suite).collect()
    }

    #[test]
    fn what_ring_has_part_in_are_the_two_suites_with_aes() {
        let (own, mixed) = (aws_lc_rs::default_provider(), ring::records(aws_lc_rs::default_provider()));
        assert_eq!(names(&mixed), names(&own), "in the order of the library");
        // Two suites are equal where their names are.
        let records = |suite: &SupportedCipherSuite| suite.tls13().map(|suite| ptr::from_ref(suite.aead_alg).addr());
        let both = mixed.cipher_suites.iter().zip(&own.cipher_suites);
        let other = both.filter(|(mixed, own)| records(mixed) != records(own)).map(|(mixed, _)| mixed.suite());
        let expected = [CipherSuite::TLS13_AES_256_GCM_SHA384, CipherSuite::TLS13_AES_128_GCM_SHA256];
        assert_eq!(other.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn each_suite_is_understood_by_the_librarys_own_at_the_other_end() {
        for provider in [aws_lc_rs::default_provider(), ring::records(aws_lc_rs::default_provider())] {
            for suite in &provider.cipher_suites {
                speak(CryptoProvider { cipher_suites: vec![*suite], ..provider.clone() }, suite.suite());
            }
        }
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
