//! What an ingest works on, as it crosses the door.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use serde::Deserialize;

use super::{SinkKind, whatsapp::WhatsApp};
use crate::{
    error::{Code, Error, Result},
    executor::Job,
    secret::Secret,
    telegram::Kind,
};

/// One medium to be stored.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IngestJob {
    /// What makes it the same job as another.
    pub key: String,
    /// The generated name without its extension: every try writes the same one.
    pub name: String,
    /// Where the bytes come from.
    pub source: SourceSpec,
    /// What does not go through JSON; of `base64` and `bytes` sources.
    #[serde(skip)]
    pub payload: Option<Payload>,
    /// Whose medium it is: sessions take turns.
    #[serde(default)]
    pub session: String,
    /// The declared type.
    #[serde(default)]
    pub mime_type: Option<String>,
    /// The sender's name of the file; handed back, never used.
    #[serde(default)]
    pub file_name: Option<String>,
    /// What to prewarm it as; found out when absent.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// sha256 the bytes must have, 64 lower-case hex digits.
    #[serde(default)]
    pub sha256: Option<String>,
    /// Where it goes; the executor's sinks when absent.
    #[serde(default)]
    pub sinks: Option<Vec<SinkKind>>,
    /// Key of the object that is written.
    #[serde(default)]
    pub r2_key: Option<String>,
    /// Puts an image that could be made smaller aside, where it can be looked at, in the place of storing it.
    #[serde(default)]
    pub aside: bool,
    /// That its type was judged already, and not by what it is now.
    #[serde(default)]
    pub judged: bool,
    /// Most bytes; the executor's when absent.
    #[serde(default)]
    pub max_bytes: Option<u64>,
    /// Higher first.
    #[serde(default)]
    pub priority: i32,
    /// How long nobody else runs this job, in ms.
    #[serde(default)]
    pub lease_ms: Option<u64>,
}

/// Where the bytes come from.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum SourceSpec {
    /// A web server. Addresses of media are as good as keys to them, hence [`Secret`].
    Url {
        /// The address.
        url: Secret,
        /// Headers to send, in lower case.
        #[serde(default)]
        headers: Vec<(String, Secret)>,
    },
    /// The payload, as base64 text.
    Base64,
    /// The payload, as it is.
    Bytes,
    /// A local file.
    Path {
        /// Its path.
        path: String,
    },
    /// An object of the bucket.
    R2Key {
        /// Its key.
        r2_key: String,
    },
    /// Something only the caller can find an address by.
    MediaId {
        /// What it is called.
        #[serde(rename = "mediaId")]
        _media_id: String,
    },
    /// An encrypted file on WhatsApp's servers.
    Whatsapp(Box<WhatsApp>),
}

/// What does not go through JSON.
#[derive(Clone)]
pub struct Payload {
    /// The bytes or the text.
    pub bytes: Bytes,
    /// Its share of what the executor holds.
    pub held: Arc<Held>,
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.bytes.len())
    }
}

/// A share of a number of bytes, given back when it is dropped.
#[derive(Debug)]
pub struct Held {
    total: Arc<AtomicU64>,
    bytes: u64,
}

impl Held {
    /// Takes `bytes` of `most`; `None` where so many are not left.
    #[must_use]
    pub fn take(total: &Arc<AtomicU64>, bytes: u64, most: u64) -> Option<Self> {
        let more = |held: u64| held.checked_add(bytes).filter(|sum| *sum <= most);
        total.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Self { total: Arc::clone(total), bytes })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl IngestJob {
    /// Checks what the types cannot say. JavaScript has checked it before; this is the wall behind that door.
    ///
    /// # Errors
    /// `INVALID_JOB`, naming the field.
    pub fn validate(&self) -> Result<()> {
        let invalid = |what: &'static str| Err(Error::new(Code::InvalidJob, what));
        if self.key.is_empty() {
            return invalid("key: must not be empty");
        }
        // The one text of a job that becomes part of a path.
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
        if self.name.is_empty() || self.name.len() > 128 || !self.name.bytes().all(plain) {
            return invalid("name: must be 1 to 128 letters, digits, '_' and '-'");
        }
        if self.sha256.as_deref().is_some_and(|sha256| !is_sha256(sha256)) {
            return invalid("sha256: must be 64 lower-case hex digits");
        }
        if matches!(self.source, SourceSpec::Base64 | SourceSpec::Bytes) != self.payload.is_some() {
            return invalid("source: bytes and base64 come as a payload, and nothing else does");
        }
        match &self.source {
            SourceSpec::Whatsapp(media) => media.validate(),
            SourceSpec::Url { headers, .. } => {
                let fits = |(name, value): &(String, Secret)| {
                    http::HeaderName::from_bytes(name.as_bytes()).is_ok()
                        && http::HeaderValue::from_str(value.reveal()).is_ok()
                };
                if headers.iter().all(fits) { Ok(()) } else { invalid("source.headers: cannot be sent") }
            }
            _ => Ok(()),
        }
    }
}

impl IngestJob {
    /// What the sha256 of the bytes must be.
    pub fn expected(&self) -> impl Iterator<Item = String> {
        let sent = if let SourceSpec::Whatsapp(media) = &self.source { media.file_sha256.clone() } else { None };
        self.sha256.clone().into_iter().chain(sent)
    }
}

/// Whether a text is a sha256 as we write it.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

impl Job for IngestJob {
    fn key(&self) -> &str {
        &self.key
    }

    fn priority(&self) -> i32 {
        self.priority
    }

    fn scope(&self) -> &str {
        &self.session
    }

    fn chats(&self) -> &[String] {
        &[]
    }

    fn size(&self) -> Option<u64> {
        None
    }

    fn lease(&self) -> Option<Duration> {
        self.lease_ms.map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(source: &str) -> Result<IngestJob> {
        let text = format!(r#"{{"key":"k","name":"1_a","source":{source}}}"#);
        serde_json::from_str(&text).map_err(|error| Error::new(Code::InvalidJob, error.to_string()))
    }

    #[test]
    fn every_source_has_its_form() {
        let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        for source in [
            r#"{"type":"url","url":"https://a/b","headers":[["x","y"]]}"#.to_owned(),
            r#"{"type":"path","path":"/a"}"#.to_owned(),
            r#"{"type":"r2Key","r2Key":"a"}"#.to_owned(),
            r#"{"type":"mediaId","mediaId":"1"}"#.to_owned(),
            format!(r#"{{"type":"whatsapp","directPath":"/a","mediaKey":"{key}","mediaType":"thumbnail-link"}}"#),
        ] {
            job(&source).and_then(|job| job.validate()).unwrap_or_else(|error| panic!("{source}: {error}"));
        }
        for source in [
            r#"{"type":"bytes"}"#.to_owned(),
            r#"{"type":"ftp","url":"x"}"#.to_owned(),
            r#"{"type":"url","url":"https://a/b","headers":[["x","y\n"]]}"#.to_owned(),
            format!(r#"{{"type":"whatsapp","mediaKey":"{key}","mediaType":"image"}}"#),
            r#"{"type":"whatsapp","directPath":"/a","mediaKey":"AAAA","mediaType":"image"}"#.to_owned(),
        ] {
            assert!(job(&source).and_then(|job| job.validate()).is_err(), "{source}");
        }
    }

    #[test]
    fn what_is_held_is_bounded_and_given_back() {
        let total = Arc::new(AtomicU64::new(0));
        let first = Held::take(&total, 6, 10).unwrap();
        assert!(Held::take(&total, 5, 10).is_none());
        assert!(Held::take(&total, u64::MAX, 10).is_none());
        let second = Held::take(&total, 4, 10).unwrap();
        drop((first, second));
        assert_eq!(total.load(Ordering::Relaxed), 0);
    }
}
