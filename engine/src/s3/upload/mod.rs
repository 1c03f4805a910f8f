//! Writing an object whose length is not known before its end: one request while it fits into a part, a multipart upload as
//! soon as it does not.
//!
//! One part is kept in memory, whole, because a store wants to know the length and the hash of a request before the first byte
//! of its body; that is also what lets a part be sent again when the network fails. So a transfer costs one part (5 MiB) of
//! memory and a little, whatever the size of the object.
//!
//! Nothing is left behind: an upload that is not finished is aborted, by [`Upload::abort`], by a failure and by being dropped. What no
//! client can clear away is an upload whose beginning was carried out and never answered; R2 removes those after seven days.

mod file;
mod insist;
mod multipart;
mod pieces;
mod stat;

use bytes::Bytes;
use http::Method;
use sha2::{Digest, Sha256};

pub use self::file::{FileJob, FileUpload, Stored, Uploaded};
#[cfg(any(test, fuzzing))]
pub(super) use self::multipart::unescape;
pub(super) use self::pieces::Watch;
use self::{insist::Proof, multipart::Multipart};
use super::{Call, Refused, S3};
use crate::error::{Code, Error, Phase, Result};

/// Smallest size that stores take for a part that is not the last, and what is kept in memory.
const PART_BYTES: usize = 5 << 20;

/// Parts of an upload are numbered up to this.
const MOST_PARTS: u64 = 10_000;

/// Metadata that holds the sha256 of the whole object: by it another run knows what need not be sent again.
pub(super) const SHA256: &str = "x-amz-meta-sha256";

/// Metadata that names the upload that made an object. When an answer is lost, it tells whether the object that is there now is ours.
const MADE_BY: &str = "x-amz-meta-warmpath-upload";

/// How an object is written.
#[derive(Clone, Debug, Default)]
pub struct UploadOptions {
    /// Content type it is stored with.
    pub content_type: Option<String>,
    /// Metadata: names without their `x-amz-meta-`, of letters, digits and hyphens; values of printable ASCII.
    pub metadata: Vec<(String, String)>,
    /// sha256 of the whole, lower-case hex, where it is known beforehand; kept as metadata. That of an object of one part is kept anyway.
    pub sha256: Option<String>,
    /// Length, where it is known beforehand: objects above 48 GiB need larger parts, which is the memory they cost.
    pub len: Option<u64>,
    /// Fail when there is an object already, unless it is the same one.
    pub if_absent: bool,
}

/// An object that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The version that the store made of it; absent where it named none.
    pub etag: Option<String>,
    /// Size in bytes.
    pub bytes: u64,
    /// Parts it was sent in; 1 for a single request.
    pub parts: u32,
    /// Whether the same object was there before (only with [`UploadOptions::if_absent`]).
    pub existed: bool,
}

/// An object being written.
pub struct Upload {
    s3: S3,
    key: String,
    options: UploadOptions,
    part_bytes: usize,
    /// The part that is being filled.
    buffer: Vec<u8>,
    hash: Sha256,
    /// From the second part on.
    multipart: Option<Multipart>,
    /// Bytes that the store has.
    stored: u64,
    made_by: String,
    broken: Option<Error>,
}

impl S3 {
    /// Begins to write an object. Nothing is sent before the first part is full or the object ends.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for metadata that cannot be sent; `TOO_LARGE` for a length that no store takes.
    pub fn upload(&self, key: &str, options: UploadOptions) -> Result<Upload> {
        check_metadata(&options.metadata)?;
        let part_bytes = part_size(options.len)?;
        let first = options.len.map_or(64 * 1024, |len| usize::try_from(len).unwrap_or(usize::MAX).min(part_bytes));
        Ok(Upload {
            s3: self.clone(),
            key: key.to_owned(),
            options,
            part_bytes,
            buffer: Vec::with_capacity(first),
            hash: Sha256::new(),
            multipart: None,
            stored: 0,
            made_by: format!("{:032x}", fastrand::u128(..)),
            broken: None,
        })
    }
}

/// Equal parts, as R2 wants them: 5 MiB, or what a known length needs to fit into the number of parts.
fn part_size(len: Option<u64>) -> Result<usize> {
    let needed = len.unwrap_or(0).div_ceil(MOST_PARTS).next_multiple_of(1 << 20);
    // 5 GiB is the limit of one part; long before it the memory is.
    if needed > 1 << 30 {
        return Err(Error::new(Code::TooLarge, "the object would need parts above 1 GiB"));
    }
    Ok(usize::try_from(needed).unwrap_or(usize::MAX).max(PART_BYTES))
}

fn check_metadata(metadata: &[(String, String)]) -> Result<()> {
    for (name, value) in metadata {
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        // Both sides of a value are trimmed before it is signed, so white space there would not come back.
        let is_value = value.bytes().all(|b| matches!(b, b' '..=b'~')) && value.trim() == value;
        if !is_name || !is_value {
            let why = "names must be of letters, digits and hyphens, values of printable ASCII";
            return Err(Error::quoting(Code::InvalidArgument, &format!("metadata: {why}"), name));
        }
    }
    Ok(())
}

impl Upload {
    /// Takes the next bytes. Waits while a part is sent, which is what slows a fast source down.
    ///
    /// # Errors
    /// `S3_UNAVAILABLE`, `S3_THROTTLED`, `S3_REJECTED` and the other `S3_*`, `TLS`, `TOO_LARGE`. The upload has been aborted then.
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.whole()?;
        while !bytes.is_empty() {
            // Not before there is more: an object of exactly one part is one request.
            if self.buffer.len() == self.part_bytes
                && let Err(error) = self.send_part().await
            {
                return Err(self.fail(error).await);
            }
            let (now, later) = bytes.split_at(bytes.len().min(self.part_bytes - self.buffer.len()));
            // Doubled, as a vector does, but never beyond a part: that memory would not be filled.
            let wanted = self.buffer.len() + now.len();
            if wanted > self.buffer.capacity() {
                self.buffer.reserve_exact(wanted.next_power_of_two().min(self.part_bytes) - self.buffer.len());
            }
            self.buffer.extend_from_slice(now);
            self.hash.update(now);
            bytes = later;
        }
        Ok(())
    }

    /// Another key and content type, where nothing was sent yet; whether that was so.
    pub fn rename(&mut self, key: &str, content_type: &str) -> bool {
        let is_open = self.multipart.is_none();
        if is_open {
            key.clone_into(&mut self.key);
            self.options.content_type = Some(content_type.to_owned());
        }
        is_open
    }

    /// Bytes that the store has taken so far.
    #[must_use]
    pub const fn stored(&self) -> u64 {
        self.stored
    }

    /// Ends the object and makes it visible.
    ///
    /// # Errors
    /// As [`Upload::write`]; `S3_REJECTED` where [`UploadOptions::if_absent`] finds another object.
    pub async fn finish(mut self) -> Result<Written> {
        self.seal().await
    }

    /// As [`Upload::finish`], for those who may have to abort it in the middle.
    async fn seal(&mut self) -> Result<Written> {
        self.whole()?;
        let written = if self.multipart.is_some() { self.finish_parts().await } else { self.put_whole().await };
        match written {
            Ok(written) => {
                self.multipart = None;
                Ok(written)
            }
            Err(error) => Err(self.fail(error).await),
        }
    }

    /// Gives the upload up and removes its parts from the store. Being dropped does the same without waiting for it.
    pub async fn abort(mut self) {
        if let Some(multipart) = self.multipart.take() {
            multipart.abort(&self.s3, &self.key).await;
        }
    }

    fn whole(&self) -> Result<()> {
        self.broken.clone().map_or(Ok(()), Err)
    }

    async fn fail(&mut self, error: Error) -> Error {
        let error = error.at(Phase::Upload);
        self.broken = Some(error.clone());
        self.buffer = Vec::new();
        if let Some(multipart) = self.multipart.take() {
            multipart.abort(&self.s3, &self.key).await;
        }
        error
    }

    /// What is in the buffer, and its hash.
    fn take_part(&mut self) -> (Bytes, String) {
        (std::mem::take(&mut self.buffer).into(), hex::encode(self.hash.finalize_reset()))
    }

    async fn send_part(&mut self) -> Result<()> {
        if self.multipart.is_none() {
            let headers = self.headers(self.options.sha256.as_deref());
            self.multipart = Some(Multipart::create(&self.s3, &self.key, headers).await?);
        }
        let (body, hash) = self.take_part();
        let len = body.len() as u64;
        let Some(multipart) = &mut self.multipart else { return Ok(()) };
        multipart.part(&self.s3, &self.key, body.clone(), hash).await?;
        self.stored += len;
        // The same memory again, as soon as the connection has let go of it.
        self.buffer = if body.is_unique() { body.into() } else { Vec::with_capacity(self.part_bytes) };
        self.buffer.clear();
        Ok(())
    }

    async fn finish_parts(&mut self) -> Result<Written> {
        if !self.buffer.is_empty() {
            self.send_part().await?;
        }
        let bytes = self.stored;
        let Some(multipart) = &self.multipart else {
            return Err(Error::new(Code::Internal, "an upload without parts"));
        };
        let parts = multipart.parts();
        let (etag, existed) = match multipart.complete(&self.s3, &self.key, self.options.if_absent).await {
            Ok(etag) => (etag, false),
            Err(refused) => self.look(refused, self.options.sha256.as_deref(), bytes, Some(parts)).await?,
        };
        Ok(Written { etag, bytes, parts, existed })
    }

    async fn put_whole(&mut self) -> Result<Written> {
        let (body, hash) = self.take_part();
        let bytes = body.len() as u64;
        let mut headers = self.headers(Some(&hash));
        headers.push(("content-length".into(), body.len().to_string()));
        if self.options.if_absent {
            headers.push(("if-none-match".into(), "*".to_owned()));
        }
        let call = Call {
            method: Method::PUT,
            key: &self.key,
            query: "".into(),
            headers,
            body,
            payload_hash: hash.clone().into(),
            unavailable: Code::S3Unavailable,
            watch: Some(Watch::new()),
        };
        let deadline = self.s3.transfer(bytes);
        let (etag, existed) = match self.s3.achieve(&call, deadline, Proof::Version).await {
            Ok(proven) => (proven.etag, false),
            Err(refused) => self.look(refused, Some(&hash), bytes, None).await?,
        };
        self.stored = bytes;
        Ok(Written { etag, bytes, parts: 1, existed })
    }

    /// The headers that make an object what it is. Names of metadata are sent in lower case, as they are signed.
    fn headers(&self, sha256: Option<&str>) -> Vec<(std::borrow::Cow<'static, str>, String)> {
        let mut headers: Vec<(std::borrow::Cow<'static, str>, String)> =
            Vec::with_capacity(self.options.metadata.len() + 5);
        headers.extend(self.options.content_type.as_ref().map(|value| ("content-type".into(), value.clone())));
        for (name, value) in &self.options.metadata {
            headers.push((format!("x-amz-meta-{}", name.to_ascii_lowercase()).into(), value.clone()));
        }
        headers.extend(sha256.map(|value| (SHA256.into(), value.to_owned())));
        headers.push((MADE_BY.into(), self.made_by.clone()));
        headers
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let Some(multipart) = self.multipart.take() else { return };
        let (s3, key) = (self.s3.clone(), std::mem::take(&mut self.key));
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { multipart.abort(&s3, &key).await });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_as_large_as_they_must_be() {
        assert_eq!(part_size(None).unwrap(), PART_BYTES);
        assert_eq!(part_size(Some(PART_BYTES as u64 * MOST_PARTS)).unwrap(), PART_BYTES);
        let more = part_size(Some(PART_BYTES as u64 * MOST_PARTS + 1)).unwrap();
        assert_eq!(more, 6 << 20);
        assert_eq!(part_size(Some(u64::MAX)).unwrap_err().code, Code::TooLarge);
    }

    #[test]
    fn metadata_stays_in_its_header() {
        let check = |name: &str, value: &str| check_metadata(&[(name.to_owned(), value.to_owned())]).is_ok();
        assert!(check("Chat-Id", "-100 1") && check("a", ""));
        for (name, value) in
            [("", "x"), ("a b", "x"), ("a\r\n", "x"), ("é", "x"), ("a", "é"), ("a", "x\n"), ("a", " x")]
        {
            assert!(!check(name, value), "{name:?} {value:?}");
        }
    }
}
