//! An object that somebody else reads: what is known of it without reading it, and a URL that lets them.

use std::borrow::Cow;

use bytes::Bytes;
use futures_util::FutureExt;
use http::Method;

use super::{Call, S3};
use crate::{
    error::{Code, Error, Phase, Result},
    http::Response,
    secret::Secret,
    sigv4::{
        EMPTY_SHA256, Expires, Parts, Payload, TargetRef,
        encode::{self, Place},
    },
};

/// What a store tells of an object without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Size in bytes.
    pub len: u64,
    /// Version; absent where the store has none, or only a weak one.
    pub etag: Option<String>,
    /// The content type it was stored with.
    pub content_type: Option<String>,
}

/// How a link shows its object to whoever follows it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Link<'a> {
    /// How long it is valid, in seconds; 1 to 604,800.
    pub expires_in: u32,
    /// Content type to answer with, instead of the stored one.
    pub content_type: Option<&'a str>,
    /// File name to answer with.
    pub file_name: Option<&'a str>,
    /// Makes the URL another one than every URL before, for readers that remember a failure by the URL.
    pub nonce: Option<u64>,
}

/// `Content-Disposition` (RFC 6266): the name in plain ASCII for the simple, and whole for everybody else.
pub(super) fn disposition(name: &str) -> String {
    let plain = |c: char| if matches!(c, ' '..='~') && !matches!(c, '"' | '\\' | '%') { c } else { '_' };
    let fallback: String = name.chars().map(plain).collect();
    let mut whole = Vec::new();
    encode::escape(&mut whole, name.as_bytes(), Place::Query);
    let whole = String::from_utf8_lossy(&whole);
    format!("attachment; filename=\"{fallback}\"; filename*=UTF-8''{whole}")
}

impl Meta {
    pub(super) fn of(response: &Response) -> Option<Self> {
        Some(Self {
            len: response.content_length()?,
            etag: response.header("etag").filter(|etag| !etag.starts_with("W/")).map(str::to_owned),
            content_type: response.header("content-type").map(str::to_owned),
        })
    }
}

impl S3 {
    /// Asks for an object without reading it.
    ///
    /// # Errors
    /// As [`S3::open`].
    pub async fn head(&self, key: &str) -> Result<Meta> {
        let call = Call {
            method: Method::HEAD,
            key,
            query: Cow::default(),
            headers: Vec::new(),
            body: Bytes::new(),
            payload_hash: EMPTY_SHA256.into(),
            unavailable: Code::DownloadFailed,
            watch: None,
        };
        let mut response =
            self.call(&call, self.0.timeouts.first_byte()).await.map_err(|error| error.at(Phase::Download))?;
        let no_length = || Error::new(Code::S3Protocol, "the object store answered HEAD without a Content-Length");
        let meta = Meta::of(&response).ok_or_else(|| no_length().at(Phase::Download))?;
        // There is no body; taking its end is what makes the connection free for the next request.
        response.chunk().now_or_never();
        Ok(meta)
    }

    /// A URL that reads the object for whoever has it, until it expires: as good as a key, hence a [`Secret`].
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when the key cannot be signed.
    pub fn link(&self, key: &str, link: &Link<'_>) -> Result<Secret> {
        let path = [&self.0.base.path, "/", &encode::key(key)].concat();
        let mut query = Vec::new();
        let mut add = |name: &str, value: &str| {
            if !query.is_empty() {
                query.push(b'&');
            }
            query.extend_from_slice(name.as_bytes());
            query.push(b'=');
            encode::escape(&mut query, value.as_bytes(), Place::Query);
        };
        if let Some(content_type) = link.content_type {
            add("response-content-type", content_type);
        }
        if let Some(name) = link.file_name {
            add("response-content-disposition", &disposition(name));
        }
        if let Some(nonce) = link.nonce {
            add("x-nonce", &nonce.to_string());
        }
        let parts = Parts {
            method: "GET",
            target: TargetRef {
                path: &path,
                query: str::from_utf8(&query).unwrap_or_default(),
                ..self.0.base.borrowed()
            },
            payload: Payload::Default,
            seconds: self.now_ms() / 1000,
            sign_all: false,
        };
        let mut scratch = self.0.scratch.lock();
        let signed = self.0.signer.presign_into(&parts, [], Expires::new(link.expires_in, false)?, &mut scratch)?;
        Ok(Secret::new(signed.text().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_header() {
        assert_eq!(disposition("a b.pdf"), "attachment; filename=\"a b.pdf\"; filename*=UTF-8''a%20b.pdf");
        let nasty = disposition("é\"\r\nx: y%41");
        assert_eq!(nasty, "attachment; filename=\"____x: y_41\"; filename*=UTF-8''%C3%A9%22%0D%0Ax%3A%20y%2541");
    }
}
