//! The signing key of a day and the texts of a second, kept until the day or the second changes.
//!
//! The cache belongs to one signer, that is to one credential, so two accounts can never share an entry; a changed
//! credential empties it. Nothing expires by a timer: day and second are what is compared.

use zeroize::Zeroizing;

use super::{
    Credentials, Options,
    date::amz_date,
    encode::{Place, escape},
    hash::{HmacKey, Started, hex},
};
use crate::secret::Secret;

/// What all signatures of one second share.
pub struct Moment {
    seconds: u64,
    /// `yyyymmddThhmmssZ`.
    pub date: [u8; 16],
    /// `date/region/service/aws4_request`.
    pub scope: Vec<u8>,
    /// The value of `authorization` up to the names of the signed headers.
    pub authorization: Vec<u8>,
    /// The first parameters of a presigned query, encoded: algorithm, credential, date.
    pub query: Vec<u8>,
    /// The string to sign up to the hash of the canonical request, in the MAC already.
    start: Started,
}

struct Day {
    text: [u8; 8],
    key: HmacKey,
}

/// The last day's key and the last second's texts.
#[derive(Default)]
pub struct KeyCache {
    day: Option<Day>,
    moment: Option<Moment>,
}

/// A moment with the key of its day.
pub struct Pen<'a> {
    /// What the second gives.
    pub moment: &'a Moment,
    key: &'a HmacKey,
}

impl Pen<'_> {
    /// The signature, lower-case hex, for the sha256 of a canonical request in lower-case hex.
    pub fn sign(&self, canonical_hash: &[u8; 64]) -> [u8; 64] {
        hex(&self.moment.start.finish(self.key, canonical_hash))
    }

    /// The HMAC of any text under the day's key, lower-case hex.
    pub fn mac(&self, text: &[u8]) -> [u8; 64] {
        hex(&self.key.mac(text))
    }
}

impl KeyCache {
    /// Forgets the credential.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// What is needed to sign at `seconds`.
    pub fn at(&mut self, seconds: u64, credentials: &Credentials, options: &Options) -> Pen<'_> {
        let Self { day, moment } = self;
        // A moment is only ever made together with its day's key, so that a moment that fits has a key that fits.
        let fits = matches!((&*moment, &*day), (Some(moment), Some(_)) if moment.seconds == seconds);
        if !fits {
            *moment = None;
        }
        let date = moment.as_ref().map_or_else(|| amz_date(seconds), |moment| moment.date);
        let text = date.first_chunk().copied().unwrap_or_default();
        if !fits && day.as_ref().is_some_and(|day| day.text != text) {
            *day = None;
        }
        let day = day.get_or_insert_with(|| Day {
            text,
            key: derive(&credentials.secret_access_key, text, &options.region, &options.service),
        });
        let moment = moment.get_or_insert_with(|| Moment::new(seconds, date, &day.key, credentials, options));
        Pen { moment, key: &day.key }
    }
}

impl Moment {
    fn new(seconds: u64, date: [u8; 16], key: &HmacKey, credentials: &Credentials, options: &Options) -> Self {
        let day = date.get(..8).unwrap_or_default();
        let (region, service) = (options.region.as_bytes(), options.service.as_bytes());
        let scope = [day, b"/", region, b"/", service, b"/aws4_request"].concat();
        let id = credentials.access_key_id.as_bytes();
        let credential = [id, b"/", &scope].concat();
        let authorization = [b"AWS4-HMAC-SHA256 Credential=", credential.as_slice(), b", SignedHeaders="].concat();
        let mut query = b"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=".to_vec();
        escape(&mut query, &credential, Place::Query);
        query.extend_from_slice(b"&X-Amz-Date=");
        query.extend_from_slice(&date);
        let start = key.start(&[b"AWS4-HMAC-SHA256\n", date.as_slice(), b"\n", &scope, b"\n"].concat());
        Self { seconds, date, scope, authorization, query, start }
    }
}

/// The derived key: date → region → service → `aws4_request`.
fn derive(secret: &Secret, day: [u8; 8], region: &str, service: &str) -> HmacKey {
    let mut start = Zeroizing::new(Vec::with_capacity(4 + secret.reveal().len()));
    start.extend_from_slice(b"AWS4");
    start.extend_from_slice(secret.reveal().as_bytes());
    let mut key = HmacKey::new(&start);
    for part in [day.as_slice(), region.as_bytes(), service.as_bytes(), b"aws4_request"] {
        key = HmacKey::new(&*Zeroizing::new(key.mac(part)));
    }
    key
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::Sha256;

    use super::*;

    fn credentials(secret: &str) -> Credentials {
        Credentials {
            access_key_id: "AK".to_owned(),
            secret_access_key: Secret::new(secret.to_owned()),
            session_token: None,
        }
    }

    fn library(key: &[u8], text: &[u8]) -> Vec<u8> {
        Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(text).finalize().into_bytes().to_vec()
    }

    /// The worked example of AWS's page on deriving a signing key.
    #[test]
    fn the_published_key() {
        let secret = Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned());
        let published = hex::decode("f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d").unwrap();
        let key = derive(&secret, *b"20120215", "us-east-1", "iam");
        assert_eq!(key.mac(b"text").as_slice(), library(&published, b"text"));
    }

    /// A secret of 61 characters is the first that makes a key of more than a block with its prefix.
    #[test]
    fn secrets_of_any_length() {
        for length in 1..=500 {
            let secret = "s".repeat(length);
            let mut key = format!("AWS4{secret}").into_bytes();
            for part in ["20260101", "auto", "s3", "aws4_request"] {
                key = library(&key, part.as_bytes());
            }
            let ours = derive(&Secret::new(secret), *b"20260101", "auto", "s3");
            assert_eq!(ours.mac(b"text").as_slice(), library(&key, b"text"), "{length}");
        }
    }

    #[test]
    fn the_cache_never_answers_for_another_day_or_second() {
        let mut cache = KeyCache::default();
        let credentials = credentials(&"s".repeat(64));
        let options = Options::for_service("auto", "s3");
        let midnight = 1_767_312_000; // 2026-01-02T00:00:00Z
        for seconds in [midnight - 1, midnight, midnight + 1, midnight, midnight - 1, midnight - 86_400, midnight] {
            let fresh = KeyCache::default().at(seconds, &credentials, &options).sign(&[b'a'; 64]);
            let pen = cache.at(seconds, &credentials, &options);
            assert_eq!(pen.sign(&[b'a'; 64]), fresh);
            assert_eq!(pen.moment.date, amz_date(seconds));
        }
    }
}
