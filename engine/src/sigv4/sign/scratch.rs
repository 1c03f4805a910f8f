//! The buffers of a signature, and the canonical request that is written into them piece by piece.

use super::super::{
    Explanation, Options, Payload,
    canonical::{self, Query},
    hash::{digest, hex},
    header::{Table, is_signed},
    key::Pen,
    request::{Parts, check_hash, check_host},
};
use crate::error::{Code, Error, Result};

/// Buffers for signing. Their contents belong to the last signature; reusing them makes the next one free of allocations.
#[derive(Default)]
pub struct Scratch {
    pub(super) headers: Table,
    pub(super) query: Query,
    /// The canonical request.
    pub(super) canonical: Vec<u8>,
    /// `name;name;…`
    pub(super) signed: Vec<u8>,
    pub(super) payload: Vec<u8>,
    /// The value of `authorization`, or the presigned URL.
    pub(super) out: Vec<u8>,
    last_host: LastHost,
    pub(super) kept: Option<Kept>,
    /// The canonical request of the last signature behind its path.
    pub(super) tail: Vec<u8>,
    pub(super) date: [u8; 16],
    pub(super) signature: Option<[u8; 64]>,
}

/// What a signature for another path can take over from the last one.
#[derive(Clone, Copy)]
pub(super) struct Kept {
    pub seconds: u64,
    /// Where the path begins in the canonical request.
    pub path: usize,
    /// For a presigned URL: the length of scheme and host in it, and of its query in the tail.
    pub url: Option<(usize, usize)>,
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
pub struct Signature<'a>(pub(super) &'a Scratch);

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
    pub(super) fn take_headers<'h>(
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
            Payload::Hash(_) => parts.payload.write("", &mut self.payload)?,
            _ => self.payload.extend_from_slice(hash.map(|span| table.get(span)).unwrap_or_default()),
        }
        Ok(hash.is_some())
    }

    /// Begins the canonical request: method and path, up to where the query goes.
    pub(super) fn begin(&mut self, parts: &Parts<'_>, options: &Options) -> Result<()> {
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
    pub(super) fn keep(&mut self, parts: &Parts<'_>, url: Option<(usize, usize)>) {
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

    pub(super) fn write_signed_names(&mut self) {
        for (name, _) in self.headers.signed() {
            if !self.signed.is_empty() {
                self.signed.push(b';');
            }
            self.signed.extend_from_slice(name);
        }
    }

    /// Ends the canonical request behind the query, and signs it.
    pub(super) fn end(&mut self, pen: &Pen<'_>) -> [u8; 64] {
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
    pub(in super::super) fn explain(&mut self, pen: &Pen<'_>) -> Explanation {
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
