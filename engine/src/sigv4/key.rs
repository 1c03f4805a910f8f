//! The signing key of a day: four chained HMACs, kept until the day, the region or the service changes.
//!
//! The cache belongs to one signer, that is to one credential, so two accounts can never share an entry; a changed
//! credential is a new signer. Nothing expires by a timer: the day is part of what is compared.

use hmac::{Hmac, KeyInit, Mac};
use parking_lot::Mutex;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::secret::Secret;

type HmacSha256 = Hmac<Sha256>;

/// An HMAC state that already holds the day's key; cloning it saves re-deriving and re-keying. The state holds no
/// recoverable secret, but `hmac` zeroes it on drop all the same.
struct Keyed {
    scope: String,
    mac: HmacSha256,
}

/// The last key that was derived.
#[derive(Default)]
pub struct KeyCache(Mutex<Option<Keyed>>);

impl KeyCache {
    /// Signs `text` with the key of `day`, deriving it only when it is not the last one used. Lower-case hex.
    pub fn sign(&self, secret: &Secret, day: &str, region: &str, service: &str, text: &str) -> String {
        let scope = format!("{day}/{region}/{service}");
        let mut cached = self.0.lock();
        let mac = match &*cached {
            Some(keyed) if keyed.scope == scope => keyed.mac.clone(),
            _ => {
                let mac = keyed(&*derive(secret, day, region, service));
                *cached = Some(Keyed { scope, mac: mac.clone() });
                mac
            }
        };
        drop(cached);
        hex::encode(mac.chain_update(text).finalize().into_bytes())
    }
}

/// The derived key: date → region → service → `aws4_request`.
#[must_use]
pub fn derive(secret: &Secret, day: &str, region: &str, service: &str) -> Zeroizing<[u8; 32]> {
    let mut start = Zeroizing::new(Vec::with_capacity(4 + secret.reveal().len()));
    start.extend_from_slice(b"AWS4");
    start.extend_from_slice(secret.reveal().as_bytes());
    let mut key = mac(&start, day);
    for part in [region, service, "aws4_request"] {
        key = mac(&*key, part);
    }
    key
}

fn mac(key: &[u8], text: &str) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(keyed(key).chain_update(text).finalize().into_bytes().into())
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length; the error type exists for other algorithms")]
fn keyed(key: &[u8]) -> HmacSha256 {
    HmacSha256::new_from_slice(key).expect("HMAC takes a key of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of the S3 documentation and AWS's page on deriving a signing key.
    #[test]
    fn the_published_key() {
        let secret = Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned());
        assert_eq!(
            hex::encode(derive(&secret, "20120215", "us-east-1", "iam").as_slice()),
            "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d"
        );
    }

    #[test]
    fn the_cache_never_answers_for_another_scope() {
        let cache = KeyCache::default();
        let secret = Secret::new("s".repeat(64));
        let fresh = |day, region, service| KeyCache::default().sign(&secret, day, region, service, "text");
        for (day, region, service) in [
            ("20260101", "auto", "s3"),
            ("20260102", "auto", "s3"),
            ("20260102", "eu", "s3"),
            ("20260102", "eu", "sts"),
            ("20260101", "auto", "s3"),
        ] {
            assert_eq!(cache.sign(&secret, day, region, service, "text"), fresh(day, region, service));
        }
    }
}
