//! Whose algorithms TLS uses: aws-lc's, but for records where the processor has an AES-GCM that only ring makes use of.

use std::sync::{Arc, LazyLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};

/// One for the process.
pub(super) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(choose()));
    Arc::clone(&PROVIDER)
}

/// Every one that a processor may get.
#[cfg(test)]
pub(super) fn possible() -> Vec<CryptoProvider> {
    let own = aws_lc_rs::default_provider();
    #[cfg(target_arch = "x86_64")]
    return vec![own.clone(), ring::records(own)];
    #[cfg(not(target_arch = "x86_64"))]
    vec![own]
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
    use std::ptr;

    use rustls::{CipherSuite, SupportedCipherSuite};

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
}
