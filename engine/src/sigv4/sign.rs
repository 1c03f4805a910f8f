//! The two ways to sign, on borrowed text and into buffers of the caller.

mod again;
mod expires;

pub use expires::Expires;

use super::{
    Credentials, Explanation, Options,
    canonical::{self, Query},
    encode::{Place, escape, is_sendable},
    hash::{digest, hex},
    header::{Table, is_signed},
    key::{KeyCache, Pen},
    request::{EMPTY_SHA256, Parts, UNSIGNED_PAYLOAD, check_hash, check_host},
};
use crate::{
    error::{Code, Error, Result},
    secret::Secret,
};

/// Buffers for signing. Their contents belong to the last signature; reusing them makes the next one free of allocations.
#[derive(Default)]
pub struct Scratch {
    headers: Table,
    query: Query,
    /// The canonical request.
    canonical: Vec<u8>,
    /// `name;name;…`
    signed: Vec<u8>,
    payload: Vec<u8>,
    /// The value of `authorization`, or the presigned URL.
    out: Vec<u8>,
    last_host: LastHost,
    kept: Option<Kept>,
    /// The canonical request of the last signature behind its path.
    tail: Vec<u8>,
    date: [u8; 16],
    signature: Option<[u8; 64]>,
}

/// What a signature for another path can take over from the last one.
#[derive(Clone, Copy)]
struct Kept {
    seconds: u64,
    /// Where the path begins in the canonical request.
    path: usize,
    /// For a presigned URL: the length of scheme and host in it, and of its query in the tail.
    url: Option<(usize, usize)>,
}

/// The host that was found to be one: most requests have the host of the last.
#[derive(Default)]
struct LastHost(Vec<u8>);

impl LastHost {
    fn check(&mut self, field: &str, host: &[u8]) -> Result<()> {
        if self.0 == host && !host.is_empty() {
            return Ok(());
        }
        check_host(field, host)?;
        self.0.clear();
        self.0.extend_from_slice(host);
        Ok(())
    }
}

/// A signature, in the buffers it was made in.
#[derive(Clone, Copy)]
pub struct Signature<'a>(&'a Scratch);

impl<'a> Signature<'a> {
    /// The value of the header `authorization`, or the presigned URL. ASCII, but for a URL whose path was not.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        &self.0.out
    }

    /// [`Signature::bytes`] as text.
    #[must_use]
    pub fn text(&self) -> &'a str {
        str::from_utf8(&self.0.out).unwrap_or_default()
    }

    /// The value of `x-amz-date`.
    #[must_use]
    pub fn amz_date(&self) -> &'a str {
        str::from_utf8(&self.0.date).unwrap_or_default()
    }

    /// The payload hash that was signed.
    #[must_use]
    pub fn payload_hash(&self) -> &'a str {
        str::from_utf8(&self.0.payload).unwrap_or_default()
    }

    /// The session token that was signed; empty without one.
    #[must_use]
    pub fn session_token(&self) -> &'a str {
        let token = self.headers().find(|(name, _)| *name == "x-amz-security-token");
        token.map_or("", |(_, value)| value)
    }

    /// The headers to send but for `authorization`: lower-case names, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let text = |bytes| str::from_utf8(bytes).unwrap_or_default();
        self.0.headers.iter().map(move |(name, value)| (text(name), text(value)))
    }

    /// Whether a header's value is not as it was given: spaces folded, or values of one name joined.
    #[must_use]
    pub const fn changed_headers(&self) -> bool {
        self.0.headers.changed()
    }
}

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

impl Scratch {
    /// Gives back what one huge request made the buffers grow to; false when it did, and the last signature is gone.
    pub fn trim(&mut self) -> bool {
        const ROOM: usize = 64 * 1024;
        let fits = self.canonical.capacity().max(self.out.capacity()) <= ROOM;
        if !fits {
            *self = Self::default();
        }
        fits
    }

    /// Takes the caller's headers in, with `host`, and without what the signature replaces. A payload hash among them goes
    /// to `payload` unless the request names its own; returns whether there was one.
    fn take_headers<'h>(
        &mut self,
        parts: &Parts<'_>,
        headers: impl IntoIterator<Item = (&'h str, &'h str)>,
        drop_token: bool,
        hoists: impl Fn(&[u8]) -> bool,
    ) -> Result<bool> {
        parts.target.check()?;
        self.last_host.check("url.host", parts.target.host.as_bytes())?;
        self.payload.clear();
        let table = &mut self.headers;
        table.clear();
        let (mut host, mut hash) = (None, None);
        for (name, value) in headers {
            let (name, value) = table.give(name, value)?;
            let text = table.get(name);
            match text {
                b"authorization" | b"x-amz-date" => continue,
                b"x-amz-security-token" if drop_token => continue,
                b"x-amz-content-sha256" => {
                    check_hash("headers.x-amz-content-sha256", table.get(value.signed))?;
                    hash = Some(value.signed);
                    continue;
                }
                b"host" if host.is_some() => {
                    return Err(Error::new(Code::InvalidArgument, "headers.host: a request has one host"));
                }
                b"host" => host = Some(value.signed),
                name if hoists(name) => {
                    self.query.add(name, table.get(value.signed));
                    continue;
                }
                _ => {}
            }
            let signed = parts.sign_all || is_signed(text);
            table.insert(name, value, signed);
        }
        match host {
            Some(host) => self.last_host.check("headers.host", table.get(host))?,
            None => table.add(b"host", parts.target.host.as_bytes()),
        }
        match parts.payload {
            super::Payload::Hash(_) => parts.payload.write("", &mut self.payload)?,
            _ => self.payload.extend_from_slice(hash.map(|span| table.get(span)).unwrap_or_default()),
        }
        Ok(hash.is_some())
    }

    /// Begins the canonical request: method and path, up to where the query goes.
    fn begin(&mut self, parts: &Parts<'_>, options: &Options) -> Result<()> {
        self.kept = None;
        let canonical = &mut self.canonical;
        canonical.clear();
        if parts.method.is_empty() || !parts.method.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return Err(Error::new(Code::InvalidArgument, "method: must be letters"));
        }
        canonical.extend(parts.method.bytes().map(|byte| byte.to_ascii_uppercase()));
        canonical.push(b'\n');
        canonical::path(canonical, parts.target.path, options);
        canonical.push(b'\n');
        self.signed.clear();
        Ok(())
    }

    /// Keeps what [`Hand::again`] needs.
    fn keep(&mut self, parts: &Parts<'_>, url: Option<(usize, usize)>) {
        if !parts.target.query.is_empty() {
            return;
        }
        let path = parts.method.len() + 1;
        let text = self.canonical.get(path..).unwrap_or_default();
        // A canonical path holds no line break.
        let end = memchr::memchr(b'\n', text).unwrap_or(text.len());
        self.tail.clear();
        self.tail.extend_from_slice(text.get(end..).unwrap_or_default());
        self.kept = Some(Kept { seconds: parts.seconds, path, url });
    }

    fn write_signed_names(&mut self) {
        for (name, _) in self.headers.signed() {
            if !self.signed.is_empty() {
                self.signed.push(b';');
            }
            self.signed.extend_from_slice(name);
        }
    }

    /// Ends the canonical request behind the query, and signs it.
    fn end(&mut self, pen: &Pen<'_>) -> [u8; 64] {
        if self.signed.is_empty() {
            self.write_signed_names();
        }
        let canonical = &mut self.canonical;
        canonical.push(b'\n');
        for (name, value) in self.headers.signed() {
            canonical.extend_from_slice(name);
            canonical.push(b':');
            canonical.extend_from_slice(value);
            canonical.push(b'\n');
        }
        canonical.push(b'\n');
        canonical.extend_from_slice(&self.signed);
        canonical.push(b'\n');
        canonical.extend_from_slice(&self.payload);
        let signature = pen.sign(&hex(&digest(canonical)));
        self.signature = Some(signature);
        signature
    }

    /// The stages of the signature that was made last.
    pub(super) fn explain(&mut self, pen: &Pen<'_>) -> Explanation {
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let hash = hex(&digest(&mut self.canonical));
        let (date, scope) = (&pen.moment.date, &pen.moment.scope);
        Explanation {
            canonical_request: lossy(&self.canonical),
            string_to_sign: lossy(&[b"AWS4-HMAC-SHA256\n", date.as_slice(), b"\n", scope, b"\n", &hash].concat()),
            signature: lossy(&self.signature.unwrap_or([b'0'; 64])),
        }
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
