//! The four requests of a multipart upload, and the list of those that were begun.
//! API: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>.

use std::{borrow::Cow, fmt::Write, time::Duration};

use bytes::Bytes;
use http::Method;
use sha2::{Digest, Sha256};

use super::{
    Call, MOST_PARTS, Refused, S3, Watch,
    insist::{Proof, end, text},
};
use crate::{
    error::{Code, Error, Result},
    s3::refusal,
    sigv4::{
        EMPTY_SHA256,
        encode::{self, Place},
    },
};

/// How long a failed upload waits for its parts to be removed: whoever waits for the failure waits for this too.
const ABORT_PATIENCE: Duration = Duration::from_secs(5);

/// Longest list of begun uploads that is read: some 1,000 entries.
const LIST_LIMIT: usize = 2 << 20;

/// A begun upload and the parts it has.
pub(super) struct Multipart {
    id: String,
    etags: Vec<String>,
}

type Headers<'a> = Vec<(Cow<'a, str>, String)>;

impl Multipart {
    /// Begins.
    pub(super) async fn create(s3: &S3, key: &str, mut headers: Headers<'_>) -> Result<Self> {
        headers.push(("content-length".into(), "0".to_owned()));
        let call = call(Method::POST, key, "uploads=".into(), headers, Bytes::new());
        let created = s3.achieve(&call, s3.0.timeouts.answer(), Proof::Element("UploadId")).await;
        let body = created.map_err(|refused| refused.error)?.body;
        let id = refusal::element(&body, "UploadId").map(unescape).filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| Error::new(Code::S3Protocol, "the object store began an upload without an id"))?;
        Ok(Self { id, etags: Vec::new() })
    }

    /// Sends the next part.
    pub(super) async fn part(&mut self, s3: &S3, key: &str, body: Bytes, hash: String) -> Result<()> {
        let number = self.etags.len() + 1;
        if number as u64 > MOST_PARTS {
            let why = "the object has more than 10,000 parts; say its length beforehand and the parts are made larger";
            return Err(Error::new(Code::TooLarge, why));
        }
        let deadline = s3.transfer(body.len() as u64);
        let headers = vec![("content-length".into(), body.len().to_string())];
        let query = format!("partNumber={number}&uploadId={}", escaped(&self.id));
        let watch = Some(Watch::new());
        let call = Call { payload_hash: hash.into(), watch, ..call(Method::PUT, key, query.into(), headers, body) };
        let taken = s3.achieve(&call, deadline, Proof::Version).await.map_err(|refused| gone(refused).error)?;
        self.etags.extend(taken.etag);
        Ok(())
    }

    /// How many parts there are.
    pub(super) fn parts(&self) -> u32 {
        u32::try_from(self.etags.len()).unwrap_or(u32::MAX)
    }

    /// Makes an object of the parts, and returns its version.
    pub(super) async fn complete(&self, s3: &S3, key: &str, if_absent: bool) -> Result<Option<String>, Refused> {
        let body = Bytes::from(self.document());
        let mut headers: Headers<'_> = vec![
            ("content-length".into(), body.len().to_string()),
            ("content-type".into(), "application/xml".to_owned()),
        ];
        if if_absent {
            headers.push(("if-none-match".into(), "*".to_owned()));
        }
        let payload_hash = hex::encode(Sha256::digest(&body)).into();
        let query = format!("uploadId={}", escaped(&self.id)).into();
        let call = Call { payload_hash, ..call(Method::POST, key, query, headers, body) };
        let proof = Proof::Element("CompleteMultipartUploadResult");
        let done = s3.achieve(&call, s3.0.timeouts.answer(), proof).await?;
        Ok(refusal::element(&done.body, "ETag").map(unescape))
    }

    fn document(&self) -> String {
        let mut xml = String::from("<CompleteMultipartUpload>");
        for (index, etag) in self.etags.iter().enumerate() {
            let number = index + 1;
            let etag = etag.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
            let _ = write!(xml, "<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
        }
        xml.push_str("</CompleteMultipartUpload>");
        xml
    }

    /// Removes the parts, as far as that can be done soon.
    pub(super) async fn abort(self, s3: &S3, key: &str) {
        abort_id(s3, key, &self.id).await;
    }
}

async fn abort_id(s3: &S3, key: &str, id: &str) {
    let query = format!("uploadId={}", escaped(id)).into();
    let call = call(Method::DELETE, key, query, Vec::new(), Bytes::new());
    let abort = s3.insist(&call, ABORT_PATIENCE);
    // Nobody could do more about a failure: the upload is over either way, and the store removes it after some days.
    if let Ok(Ok(response)) = tokio::time::timeout(ABORT_PATIENCE, abort).await {
        end(response);
    }
}

impl S3 {
    /// Aborts every upload of this key that was begun and not ended, and returns how many. A store that keeps no list of them has
    /// none.
    pub(super) async fn abort_begun(&self, key: &str) -> usize {
        let query = format!("prefix={}&uploads=", escaped(key)).into();
        let call = call(Method::GET, "", query, Vec::new(), Bytes::new());
        let deadline = self.0.timeouts.first_byte();
        let Ok(response) = self.ask(&call, deadline).await else { return 0 };
        let Ok(body) = text(response, deadline, LIST_LIMIT).await else { return 0 };
        let mut aborted = 0;
        for entry in body.split("<Upload>").skip(1) {
            // The prefix of `a` is one of `ab` too.
            let this = refusal::element(entry, "Key").is_some_and(|found| unescape(found) == key);
            if let Some(id) = refusal::element(entry, "UploadId").filter(|_| this) {
                abort_id(self, key, &unescape(id)).await;
                aborted += 1;
            }
        }
        aborted
    }
}

fn call<'a>(method: Method, key: &'a str, query: Cow<'a, str>, headers: Headers<'a>, body: Bytes) -> Call<'a> {
    Call {
        method,
        key,
        query,
        headers,
        body,
        payload_hash: EMPTY_SHA256.into(),
        unavailable: Code::S3Unavailable,
        watch: None,
    }
}

/// An upload that ended without us: another run has cleared it away.
fn gone(refused: Refused) -> Refused {
    if refused.is_gone() { Refused { error: lost(), ..refused } } else { refused }
}

/// The upload is not there: the whole of it has to be sent again.
pub(super) fn lost() -> Error {
    Error::new(Code::S3Unavailable, "the object store has lost the upload (NoSuchUpload)")
}

fn escaped(text: &str) -> String {
    let mut out = Vec::new();
    encode::escape(&mut out, text.as_bytes(), Place::Query);
    String::from_utf8_lossy(&out).into_owned()
}

/// The five entities that XML has without a declaration, and the numbers of its quotes.
pub(in crate::s3) fn unescape(text: &str) -> String {
    let named = [
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#x22;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&lt;", "<"),
        ("&gt;", ">"),
    ];
    // The ampersand last, or what it makes would be read again.
    named.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to)).replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_completion_names_its_parts_in_order() {
        let upload = Multipart { id: String::new(), etags: vec!["\"a\"".to_owned(), "b<&".to_owned()] };
        let part = |number, etag| format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
        let parts = part(1, "&quot;a&quot;") + &part(2, "b&lt;&amp;");
        assert_eq!(upload.document(), format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>"));
        assert_eq!(unescape("&quot;a&amp;quot;&#34;"), "\"a&quot;\"");
    }
}
