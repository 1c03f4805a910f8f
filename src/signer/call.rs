//! The arguments that `sign`, `presign` and `explain` share, read into borrowed text.
//!
//! | index | sign, presign, explain |
//! |---:|---|
//! | 0 | the handle |
//! | 1 | mode: the bits below |
//! | 2 | seconds since 1970 |
//! | 3 | seconds that a URL is valid; 0 signs by headers |
//! | 4 | the URL; with [`PARTS`] the host |
//! | 5 | headers, `name \n value \n name \n value …`, their number in the upper half of the mode |
//! | 6 | payload: a hash, text or bytes, as the mode says |
//! | 7 | method, where the mode names none |
//! | 8, 9 | path and query, with [`PARTS`] |
//!
//! `lib/signer/core.js` holds the other half of this agreement.

use std::borrow::Cow;

use warmpath_engine::{
    error::{Code, Error, Result},
    sigv4::{Expires, LAST_SECOND, Parts, Payload, TargetRef, UNSIGNED_PAYLOAD},
};

use crate::door::{Arguments, Text};

/// Bits 0–2 of the mode.
const METHODS: [&str; 6] = ["", "GET", "PUT", "HEAD", "POST", "DELETE"];

/// The address comes as host, path and query, not as one text.
const PARTS: u32 = 1 << 6;
/// With [`PARTS`]: the scheme is `http`.
const HTTP: u32 = 1 << 7;
/// Answer with everything, as JSON: the caller does not know the host, or cannot put the headers together.
pub const WHOLE: u32 = 1 << 8;
/// Move `x-amz-*` headers into the query.
pub const HOIST: u32 = 1 << 9;
/// Sign every header given.
pub const SIGN_ALL: u32 = 1 << 10;
/// Answer with the session token before `authorization`: JavaScript keeps no copy of it.
pub const TOKEN: u32 = 1 << 11;

/// How the payload comes: bits 3–5 of the mode.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Default,
    Hash,
    Unsigned,
    Text,
    Bytes,
}

/// The mode, taken apart.
#[derive(Clone, Copy)]
pub struct Mode(pub u32);

impl Mode {
    pub const fn has(self, bit: u32) -> bool {
        self.0 & bit != 0
    }

    pub const fn headers(self) -> usize {
        (self.0 >> 16) as usize
    }

    pub const fn is_parts(self) -> bool {
        self.has(PARTS)
    }

    /// The method, unless it comes as text.
    pub fn method(self) -> Option<&'static str> {
        METHODS.get((self.0 & 7) as usize).copied().filter(|method| !method.is_empty())
    }

    pub const fn payload(self) -> Result<Form, ()> {
        Ok(match (self.0 >> 3) & 7 {
            0 => Form::Default,
            1 => Form::Hash,
            2 => Form::Unsigned,
            3 => Form::Text,
            4 => Form::Bytes,
            _ => return Err(()),
        })
    }

    /// An address in parts, verbatim.
    pub const fn target<'a>(self, host: &'a str, path: &'a str, query: &'a str) -> TargetRef<'a> {
        TargetRef { scheme: if self.has(HTTP) { "http" } else { "https" }, host: Cow::Borrowed(host), path, query }
    }
}

/// Buffers for the texts of one call.
pub struct Room {
    pub url: Text,
    pub headers: Text,
    pub payload: Text,
    method: Text,
    path: Text,
    query: Text,
}

impl Room {
    #[inline]
    pub fn new() -> Self {
        Self {
            url: Text::new(),
            headers: Text::new(),
            payload: Text::new(),
            method: Text::new(),
            path: Text::new(),
            query: Text::new(),
        }
    }
}

/// One call's request.
pub struct Call<'a> {
    pub mode: Mode,
    pub parts: Parts<'a>,
    pub headers: Flat<'a>,
    /// Seconds a URL is valid; 0 for a signature by headers.
    pub expires: u32,
}

impl<'a> Call<'a> {
    /// Reads the arguments.
    pub fn read(arguments: &'a Arguments<'_>, room: &'a mut Room) -> Result<Self> {
        let mode = Mode(arguments.bits(1)?);
        let seconds = whole(arguments.number(2)?, LAST_SECOND, "date")?;
        let expires = u32::try_from(whole(arguments.number(3)?, u64::from(u32::MAX), "expiresIn")?).unwrap_or(u32::MAX);
        let Room { url, headers, payload, method, path, query } = room;
        let target = if mode.is_parts() {
            mode.target(
                arguments.text(4, "url.host", url)?,
                arguments.text(8, "url.path", path)?,
                arguments.text(9, "url.query", query)?,
            )
        } else {
            TargetRef::parse(arguments.text(4, "url", url)?)?
        };
        let headers = match mode.headers() {
            0 => Flat::empty(),
            count => Flat::new(arguments.text(5, "headers", headers)?, count)?,
        };
        let form = mode.payload().map_err(|()| Error::new(Code::Internal, "the door has no such payload"))?;
        let payload = match form {
            Form::Default => Payload::Default,
            Form::Hash => Payload::Hash(arguments.text(6, "payloadHash", payload)?),
            Form::Unsigned => Payload::Hash(UNSIGNED_PAYLOAD),
            Form::Text => Payload::Bytes(arguments.lossy_text(6, payload)?.as_bytes()),
            Form::Bytes => Payload::Bytes(arguments.bytes(6)?),
        };
        let method = match mode.method() {
            Some(method) => method,
            None => arguments.text(7, "method", method)?,
        };
        let parts = Parts { method, target, payload, seconds, sign_all: mode.has(SIGN_ALL) };
        Ok(Self { mode, parts, headers, expires })
    }

    /// The life of the URL that is asked for.
    pub fn life(&self) -> Result<Expires> {
        Expires::new(self.expires, self.mode.has(HOIST))
    }
}

/// A number that is a whole one from 0 to `max`.
pub fn whole(number: f64, max: u64, field: &str) -> Result<u64> {
    #[expect(clippy::cast_precision_loss, reason = "the bounds are below 2^53")]
    let fits = number >= 0.0 && number <= max as f64 && number.fract() == 0.0;
    if !fits {
        return Err(Error::new(Code::InvalidArgument, format!("{field}: is out of range")));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    Ok(number as u64)
}

/// Headers: names and values, a line each in one text.
#[derive(Clone)]
pub struct Flat<'a>(Option<&'a str>);

impl<'a> Flat<'a> {
    pub const fn empty() -> Self {
        Self(None)
    }

    /// `count` names and values, a line each. A line break inside one would make a header of its own: then the number of
    /// lines is wrong.
    pub fn new(text: &'a str, count: usize) -> Result<Self> {
        if lines(text) != 2 * count {
            return Err(Error::new(Code::InvalidArgument, "headers: must not hold control characters"));
        }
        Ok(Self(Some(text)))
    }
}

/// Whether this is a path with nothing behind it.
pub fn is_bare(path: &str) -> bool {
    // No early end: so it is done sixteen bytes or more at a time.
    let marks = path.bytes().fold(0, |found, byte| found | u8::from(byte == b'?' || byte == b'#'));
    path.starts_with('/') && marks == 0
}

/// The number of lines in a text, an empty one being one line.
pub fn lines(text: &str) -> usize {
    memchr::memchr_iter(b'\n', text.as_bytes()).count() + 1
}

impl<'a> Iterator for Flat<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = self.0.take()?.split_once('\n')?;
        match rest.split_once('\n') {
            Some((value, rest)) => {
                self.0 = Some(rest);
                Some((name, value))
            }
            None => Some((name, rest)),
        }
    }
}
