//! The two ways to sign, on borrowed text and into buffers of the caller.

mod again;
mod expires;
mod scratch;

pub use expires::Expires;
use scratch::Kept;
pub use scratch::{Scratch, Signature};

use super::{
    Credentials, Options,
    encode::{Place, escape, is_sendable},
    key::KeyCache,
    request::{EMPTY_SHA256, Parts, UNSIGNED_PAYLOAD},
};
use crate::{
    error::{Code, Error, Result},
    secret::Secret,
};

/// Who signs, and with what.
pub(super) struct Hand<'a> {
    pub credentials: &'a Credentials,
    pub options: &'a Options,
    pub cache: &'a mut KeyCache,
}

impl Hand<'_> {
    /// Signs by headers.
    pub fn sign<'h, 's>(
        self,
        parts: &Parts<'_>,
        headers: impl IntoIterator<Item = (&'h str, &'h str)>,
        scratch: &'s mut Scratch,
    ) -> Result<Signature<'s>> {
        let token = self.credentials.session_token.as_ref().map(Secret::reveal);
        let pen = self.cache.at(parts.seconds, self.credentials, self.options);
        let date = pen.moment.date;
        let hash_given = scratch.take_headers(parts, headers, token.is_some(), |_| false)?;
        let table = &mut scratch.headers;
        table.add(b"x-amz-date", &date);
        if let Some(token) = token {
            table.add(b"x-amz-security-token", token.as_bytes());
        }
        if scratch.payload.is_empty() {
            parts.payload.write(EMPTY_SHA256, &mut scratch.payload)?;
        }
        if self.options.apply_checksum || hash_given {
            table.add(b"x-amz-content-sha256", &scratch.payload);
        }
        table.finish();

        scratch.begin(parts, self.options)?;
        if !parts.target.query.is_empty() {
            scratch.query.clear();
            let mut signed = false;
            scratch.query.give(parts.target.query, |name| {
                signed |= is_parameter(name, &["algorithm", "signature"]);
                true
            });
            if signed {
                let why = "url.query: is signed already; a request has one signature";
                return Err(Error::new(Code::InvalidArgument, why));
            }
            scratch.query.write(&mut scratch.canonical);
        }
        let signature = scratch.end(&pen);
        scratch.keep(parts, None);
        let out = &mut scratch.out;
        out.clear();
        out.extend_from_slice(&pen.moment.authorization);
        out.extend_from_slice(&scratch.signed);
        out.extend_from_slice(b", Signature=");
        out.extend_from_slice(&signature);
        scratch.date = date;
        Ok(Signature(scratch))
    }

    /// Signs by query.
    pub fn presign<'h, 's>(
        self,
        parts: &Parts<'_>,
        headers: impl IntoIterator<Item = (&'h str, &'h str)>,
        expires: Expires,
        scratch: &'s mut Scratch,
    ) -> Result<Signature<'s>> {
        let pen = self.cache.at(parts.seconds, self.credentials, self.options);
        scratch.query.clear();
        scratch.query.give(parts.target.query, |name| !is_signature_parameter(name));
        let hoists = |name: &[u8]| expires.hoist && is_hoistable(name);
        let token = self.credentials.session_token.as_ref().map(Secret::reveal);
        let hash_given = scratch.take_headers(parts, headers, token.is_some(), hoists)?;
        if scratch.payload.is_empty() {
            let default = if self.options.service == "s3" { UNSIGNED_PAYLOAD } else { EMPTY_SHA256 };
            parts.payload.write(default, &mut scratch.payload)?;
        }
        if hash_given && !expires.hoist {
            scratch.headers.add(b"x-amz-content-sha256", &scratch.payload);
        } else if hash_given {
            scratch.query.add(b"X-Amz-Content-Sha256", &scratch.payload);
        }
        scratch.headers.finish();

        scratch.begin(parts, self.options)?;
        let start = scratch.canonical.len();
        let path = parts.method.len() + 1..start - 1;
        scratch.write_signed_names();
        if scratch.query.is_empty() {
            // Nothing to be sorted in: the parameters are in order already.
            let canonical = &mut scratch.canonical;
            canonical.extend_from_slice(&pen.moment.query);
            canonical.extend_from_slice(b"&X-Amz-Expires=");
            canonical.extend_from_slice(expires.text().trim_ascii_start());
            if let Some(token) = token {
                canonical.extend_from_slice(b"&X-Amz-Security-Token=");
                escape(canonical, token.as_bytes(), Place::Query);
            }
            canonical.extend_from_slice(b"&X-Amz-SignedHeaders=");
            escape(canonical, &scratch.signed, Place::Query);
        } else {
            let query = &mut scratch.query;
            // The moment's parameters are encoded already, and the credential's slashes with them.
            query.give(str::from_utf8(&pen.moment.query).unwrap_or_default(), |_| true);
            query.add(b"X-Amz-Expires", expires.text().trim_ascii_start());
            if let Some(token) = token {
                query.add(b"X-Amz-Security-Token", token.as_bytes());
            }
            query.add(b"X-Amz-SignedHeaders", &scratch.signed);
            query.write(&mut scratch.canonical);
        }
        let query_end = scratch.canonical.len();
        let signature = scratch.end(&pen);
        let origin = parts.target.scheme.len() + 3 + parts.target.host.len();
        scratch.keep(parts, Some((origin, query_end - start)));

        let out = &mut scratch.out;
        let target = &parts.target;
        out.clear();
        for part in [target.scheme.as_bytes(), b"://", target.host.as_bytes()] {
            out.extend_from_slice(part);
        }
        write_path(out, target.path, scratch.canonical.get(path).unwrap_or_default(), self.options);
        out.push(b'?');
        out.extend_from_slice(scratch.canonical.get(start..query_end).unwrap_or_default());
        out.extend_from_slice(b"&X-Amz-Signature=");
        out.extend_from_slice(&signature);
        scratch.date = pen.moment.date;
        Ok(Signature(scratch))
    }
}

/// The path of a presigned URL: as given where a client can send it so, else (S3 only, where both say the same) encoded.
fn write_path(out: &mut Vec<u8>, path: &str, canonical: &[u8], options: &Options) {
    let path_bytes = path.as_bytes();
    let verbatim = options.uri_escape_path || options.normalize_path;
    if verbatim || path_bytes == canonical || (!path.is_empty() && is_sendable(path_bytes)) {
        out.extend_from_slice(path.as_bytes());
    } else {
        out.extend_from_slice(canonical);
    }
}

/// Parameters of an earlier signature: signing them again would make a URL with two.
fn is_signature_parameter(encoded_name: &[u8]) -> bool {
    let parameters = ["algorithm", "credential", "date", "expires", "signedheaders", "security-token", "signature"];
    is_parameter(encoded_name, &parameters)
}

/// `X-Amz-` and one of these, in any case.
fn is_parameter(encoded_name: &[u8], parameters: &[&str]) -> bool {
    let prefix = encoded_name.get(..6).is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"x-amz-"));
    let rest = encoded_name.get(6..).unwrap_or_default();
    prefix && parameters.iter().any(|parameter| rest.eq_ignore_ascii_case(parameter.as_bytes()))
}

/// Headers that S3 takes as parameters as well. Encryption is the exception: it must be a header.
fn is_hoistable(name: &[u8]) -> bool {
    name.starts_with(b"x-amz-") && !name.starts_with(b"x-amz-server-side-encryption")
}
