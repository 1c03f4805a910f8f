//! AWS Signature Version 4, by headers and by query, as S3 and R2 (and any other service) verify it.
//!
//! Signing is pure: the time is an argument, nothing is sent, nothing is read from the environment.

mod canonical;
mod date;
pub mod encode;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
pub(crate) mod hash;
mod header;
mod key;
mod request;
mod sign;

use key::KeyCache;
use parking_lot::Mutex;
use sign::Hand;

pub use date::LAST_SECOND;
pub use request::{EMPTY_SHA256, Parts, Payload, Request, Target, TargetRef, UNSIGNED_PAYLOAD, refuse_control};
pub use sign::{Expires, Scratch, Signature};

use crate::{
    error::{Code, Error, Result},
    secret::Secret,
};

/// Longest life of a presigned URL, in seconds: seven days.
pub const MAX_EXPIRES: u32 = 604_800;

/// Who signs.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Public half of the key.
    pub access_key_id: String,
    /// Secret half of the key; of any length (R2's are 64 characters).
    pub secret_access_key: Secret,
    /// Token of temporary credentials.
    pub session_token: Option<Secret>,
}

impl Credentials {
    fn check(&self) -> Result<()> {
        check_scope_part("accessKeyId", &self.access_key_id)?;
        if self.secret_access_key.is_empty() {
            return Err(Error::new(Code::InvalidOption, "secretAccessKey: must not be empty"));
        }
        if let Some(token) = &self.session_token
            && !token.reveal().bytes().all(|b| b.is_ascii_graphic())
        {
            return Err(Error::new(Code::InvalidOption, "sessionToken: must be printable ASCII without spaces"));
        }
        Ok(())
    }
}

fn check_scope_part(name: &str, text: &str) -> Result<()> {
    if text.is_empty() || text.contains(['/', ',', '=']) || !text.bytes().all(|b| b.is_ascii_graphic()) {
        let why = "must be printable ASCII without spaces, '/', ',' and '=', and not empty";
        return Err(Error::new(Code::InvalidOption, format!("{name}: {why}")));
    }
    Ok(())
}

/// For what is signed, and by which of the protocol's dialects.
#[derive(Clone, Debug)]
pub struct Options {
    /// Region of the scope; `auto` for R2.
    pub region: String,
    /// Service of the scope.
    pub service: String,
    /// Escape the path a second time: every service but S3.
    pub uri_escape_path: bool,
    /// Remove dot segments and empty segments first: every service but S3.
    pub normalize_path: bool,
    /// Send `x-amz-content-sha256`: S3 demands it.
    pub apply_checksum: bool,
}

impl Options {
    /// The dialect that `service` speaks.
    #[must_use]
    pub fn for_service(region: impl Into<String>, service: impl Into<String>) -> Self {
        let service = service.into();
        let s3 = service == "s3";
        Self { region: region.into(), service, uri_escape_path: !s3, normalize_path: !s3, apply_checksum: s3 }
    }
}

/// A signed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// All headers to send: lower-case names, `host` and `authorization` included.
    pub headers: Vec<(String, String)>,
    /// The value of `authorization`.
    pub authorization: String,
    /// The value of `x-amz-date`.
    pub amz_date: String,
    /// The payload hash that was signed.
    pub payload_hash: String,
}

/// The stages of a signature, to be compared line by line with what a server says it computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The canonical request.
    pub canonical_request: String,
    /// The string to sign.
    pub string_to_sign: String,
    /// The signature, lower-case hex.
    pub signature: String,
}

/// Signs requests with one credential.
pub struct Signer {
    credentials: Credentials,
    options: Options,
    keys: Mutex<KeyCache>,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Signer {
    /// A signer for one credential.
    ///
    /// # Errors
    /// `INVALID_OPTION` when a text is empty where it must not be, or holds control characters or a `/`.
    pub fn new(credentials: Credentials, options: Options) -> Result<Self> {
        for (name, text) in [("region", &options.region), ("service", &options.service)] {
            check_scope_part(name, text)?;
        }
        credentials.check()?;
        Ok(Self { credentials, options, keys: Mutex::default() })
    }

    /// Another signer for the same credential: for another thread.
    #[must_use]
    pub fn twin(&self) -> Self {
        Self { credentials: self.credentials.clone(), options: self.options.clone(), keys: Mutex::default() }
    }

    /// Takes another credential: the next signature is made with it.
    ///
    /// # Errors
    /// As [`Signer::new`]; the old credential stays then.
    pub fn set_credentials(&mut self, credentials: Credentials) -> Result<()> {
        credentials.check()?;
        self.credentials = credentials;
        self.keys.get_mut().clear();
        Ok(())
    }

    /// Signs by headers.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when a part of the request cannot be signed.
    pub fn sign(&self, request: &Request<'_>) -> Result<Signed> {
        let mut scratch = Scratch::default();
        let parts = Parts::from(request);
        let signature = self.sign_into(&parts, borrowed(request.headers), &mut scratch)?;
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let mut headers: Vec<_> = signature.headers().map(owned).collect();
        let authorization = signature.text().to_owned();
        headers.push(("authorization".to_owned(), authorization.clone()));
        let amz_date = signature.amz_date().to_owned();
        Ok(Signed { headers, authorization, amz_date, payload_hash: signature.payload_hash().to_owned() })
    }

    /// A URL that carries its own signature. Every header given is signed and must be sent exactly so.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when `expires_in` is not 1…604800 seconds, or a part of the request cannot be signed.
    pub fn presign(&self, request: &Request<'_>, expires_in: u32) -> Result<String> {
        let mut scratch = Scratch::default();
        let expires = Expires::new(expires_in, false)?;
        let url = self.presign_into(&Parts::from(request), borrowed(request.headers), expires, &mut scratch)?;
        Ok(url.text().to_owned())
    }

    /// The stages of [`Signer::sign`].
    ///
    /// # Errors
    /// As [`Signer::sign`].
    pub fn explain(&self, request: &Request<'_>) -> Result<Explanation> {
        self.explain_parts(&Parts::from(request), borrowed(request.headers), None)
    }

    /// Signs by headers, on borrowed text and into buffers that can be used again: nothing is allocated once they have
    /// grown.
    ///
    /// # Errors
    /// As [`Signer::sign`].
    pub fn sign_into<'h, 's>(
        &self,
        parts: &Parts<'_>,
        headers: impl IntoIterator<Item = (&'h str, &'h str)>,
        scratch: &'s mut Scratch,
    ) -> Result<Signature<'s>> {
        self.hand(&mut self.keys.lock()).sign(parts, headers, scratch)
    }

    /// [`Signer::sign_into`] for one who owns the signer: no lock.
    ///
    /// # Errors
    /// As [`Signer::sign`].
    pub fn sign_mut<'h, 's>(
        &mut self,
        parts: &Parts<'_>,
        headers: impl IntoIterator<Item = (&'h str, &'h str)>,
        scratch: &'s mut Scratch,
    ) -> Result<Signature<'s>> {
        self.own_hand().sign(parts, headers, scratch)
    }

    /// Signs by query, on borrowed text and into buffers that can be used again.
    ///
    /// # Errors
    /// As [`Signer::presign`].
    pub fn presign_into<'h, 's>(
        &self,
        parts: &Parts<'_>,
        headers: impl IntoIterator<Item = (&'h str, &'h str)>,
        expires: Expires,
        scratch: &'s mut Scratch,
    ) -> Result<Signature<'s>> {
        self.hand(&mut self.keys.lock()).presign(parts, headers, expires, scratch)
    }

    /// [`Signer::presign_into`] for one who owns the signer: no lock.
    ///
    /// # Errors
    /// As [`Signer::presign`].
    pub fn presign_mut<'h, 's>(
        &mut self,
        parts: &Parts<'_>,
        headers: impl IntoIterator<Item = (&'h str, &'h str)>,
        expires: Expires,
        scratch: &'s mut Scratch,
    ) -> Result<Signature<'s>> {
        self.own_hand().presign(parts, headers, expires, scratch)
    }

    /// The last signature made in `scratch` once more, for another path, all else being as it was: the credential, the second,
    /// method, host, headers and payload hash. `None` where that one had a query of its own, or another second.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a path with control characters.
    pub fn again<'s>(&mut self, path: &str, seconds: u64, scratch: &'s mut Scratch) -> Result<Option<Signature<'s>>> {
        self.own_hand().again(path, seconds, scratch)
    }

    /// [`Signer::again`] for a URL, appended to `out`. False, with nothing appended, where that would answer `None`.
    ///
    /// # Errors
    /// As [`Signer::again`]; nothing is appended then.
    pub fn again_into(&mut self, path: &str, seconds: u64, scratch: &mut Scratch, out: &mut Vec<u8>) -> Result<bool> {
        self.own_hand().again_into(path, seconds, scratch, out)
    }

    /// The stages of a signature by headers, or by query when it expires.
    ///
    /// # Errors
    /// As [`Signer::sign`] and [`Signer::presign`].
    pub fn explain_parts<'h>(
        &self,
        parts: &Parts<'_>,
        headers: impl IntoIterator<Item = (&'h str, &'h str)>,
        expires: Option<Expires>,
    ) -> Result<Explanation> {
        let mut scratch = Scratch::default();
        match expires {
            Some(expires) => self.presign_into(parts, headers, expires, &mut scratch).map(drop)?,
            None => self.sign_into(parts, headers, &mut scratch).map(drop)?,
        }
        let mut keys = self.keys.lock();
        Ok(scratch.explain(&keys.at(parts.seconds, &self.credentials, &self.options)))
    }

    /// The signature of a canonical request, in two parts, that somebody else made: for adapters with rules of their own.
    pub fn sign_canonical(&mut self, [begin, end]: [&str; 2], seconds: u64) -> [u8; 64] {
        // With room for the padding of the hash.
        let mut text = Vec::with_capacity(begin.len() + end.len() + 72);
        text.extend_from_slice(begin.as_bytes());
        text.extend_from_slice(end.as_bytes());
        self.own_pen(seconds).sign(&hash::hex(&hash::digest(&mut text)))
    }

    /// The HMAC of any text under the day's key, lower-case hex: for adapters that sign strings.
    pub fn sign_text(&mut self, text: &str, seconds: u64) -> [u8; 64] {
        self.own_pen(seconds).mac(text.as_bytes())
    }

    const fn hand<'a>(&'a self, cache: &'a mut KeyCache) -> Hand<'a> {
        Hand { credentials: &self.credentials, options: &self.options, cache }
    }

    fn own_hand(&mut self) -> Hand<'_> {
        Hand { credentials: &self.credentials, options: &self.options, cache: self.keys.get_mut() }
    }

    fn own_pen(&mut self, seconds: u64) -> key::Pen<'_> {
        self.keys.get_mut().at(seconds, &self.credentials, &self.options)
    }
}

fn borrowed(headers: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

#[cfg(test)]
mod tests;
