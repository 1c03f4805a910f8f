//! Many requests in one text.
//!
//! Uniform: a line is a URL, or a key where the URL up to it is given; the rest of the arguments holds for all. Mixed: a request is the line `mode seconds expires`, then
//! its URL (or, in parts, host, path and query, a line each), its method and payload hash where the mode says that they come
//! as text, and its headers, two lines each. A line break inside of anything makes the number of lines wrong, and the batch
//! is refused as a whole.

use warmpath_engine::{
    error::{Code, Error, Result},
    sigv4::{Parts, Payload, Scratch, Signer, TargetRef, UNSIGNED_PAYLOAD, encode},
};

use super::{
    call::{Call, Flat, Form, Mode, is_bare, lines},
    parallel,
};

/// What holds for every request of a uniform batch.
#[derive(Clone, Copy)]
pub struct Shared<'a> {
    pub mode: Mode,
    pub seconds: u64,
    pub expires: u32,
    /// Where lines are keys: the URL up to them. Else empty.
    pub prefix: &'a str,
}

/// What the text must come to: a line break inside of something makes it come to something else.
#[derive(Clone, Copy)]
pub struct Expected {
    pub requests: usize,
    pub lines: usize,
}

/// Bytes of URLs handed over at once. One text of all of them would be one of V8's large objects, whose pages are new
/// each time, and one URL that somebody keeps would keep all.
const CHUNK: usize = 32 * 1024;

/// Presigns all; `hand_over` gets the URLs, a line each, in chunks that it may keep. An error names the index of its request.
pub fn presign(
    signer: &mut Signer,
    scratch: &mut Scratch,
    text: &str,
    expected: Expected,
    shared: Option<Shared<'_>>,
    hand_over: &mut dyn FnMut(&mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    if lines(text) != expected.lines {
        return Err(Error::new(Code::InvalidArgument, "requests: must not hold control characters"));
    }
    let whole = Piece { text, first: 0, requests: expected.requests };
    match shared {
        // A line each: the text can be cut anywhere between two.
        Some(shared) if expected.lines == expected.requests => {
            parallel::presign(signer, scratch, whole, shared, hand_over)
        }
        _ => piece(signer, scratch, whole, shared, hand_over),
    }
}

/// Requests that follow each other in the text.
#[derive(Clone, Copy)]
pub struct Piece<'a> {
    pub text: &'a str,
    /// Index of its first request in the batch.
    pub first: usize,
    pub requests: usize,
}

/// Presigns the requests of a piece, one after the other.
pub fn piece(
    signer: &mut Signer,
    scratch: &mut Scratch,
    piece: Piece<'_>,
    shared: Option<Shared<'_>>,
    hand_over: &mut dyn FnMut(&mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    let mut out: Vec<u8> = Vec::with_capacity(CHUNK + 4096);
    let mut rest = Lines(Some(piece.text));
    // Scheme and host of the line before, where all else is the same too.
    let mut origin = String::new();
    let prefix = shared.map_or("", |shared| shared.prefix);
    let mut url = prefix.to_owned();
    for index in piece.first..piece.first + piece.requests {
        let placed = |error: Error| Error::new(error.code, format!("[{index}].{}", error.message));
        let mut first = rest.line()?;
        if !prefix.is_empty() {
            check_key(first).map_err(placed)?;
            url.truncate(prefix.len());
            url.push_str(&encode::key(first));
            first = &url;
        }
        if out.len() > CHUNK {
            hand_over(&mut out)?;
            out.clear();
        } else if !out.is_empty() {
            out.push(b'\n');
        }
        if let (Some(shared), Some(path)) = (shared, path_at(first, &origin))
            && signer.again_into(path, shared.seconds, scratch, &mut out).map_err(placed)?
        {
            continue;
        }
        let call = match shared {
            Some(shared) => uniform(first, shared),
            None => rest.mixed(first),
        };
        let call = call.map_err(placed)?;
        let life = call.life().map_err(placed)?;
        let url = signer.presign_mut(&call.parts, call.headers.clone(), life, scratch).map_err(placed)?;
        out.extend_from_slice(url.bytes());
        origin.clear();
        origin.push_str(shared.and_then(|_| origin_of(first)).unwrap_or_default());
    }
    if rest.0.is_some() { Err(broken()) } else { hand_over(&mut out) }
}

/// Scheme and host as they stand in a URL.
fn origin_of(url: &str) -> Option<&str> {
    let host = url.find("://")? + 3;
    let end = url.get(host..)?.find(['/', '?', '#'])?;
    url.get(..host + end)
}

/// The path of a URL of this origin that has nothing behind its path.
fn path_at<'a>(url: &'a str, origin: &str) -> Option<&'a str> {
    if origin.is_empty() { None } else { url.strip_prefix(origin).filter(|path| is_bare(path)) }
}

/// What an object key must be: the face says it in its own words, where it is not.
fn check_key(key: &str) -> Result<()> {
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>
    const MOST: usize = 1024;
    if key.is_empty() || key.len() > MOST || key.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(Error::new(Code::InvalidArgument, "key: must be 1 to 1024 bytes without control characters"));
    }
    Ok(())
}

fn uniform<'a>(url: &'a str, Shared { mode, seconds, expires, .. }: Shared<'_>) -> Result<Call<'a>> {
    let method = mode.method().unwrap_or_default();
    let payload = if mode.payload() == Ok(Form::Unsigned) { Payload::Hash(UNSIGNED_PAYLOAD) } else { Payload::Default };
    let parts = Parts { method, target: TargetRef::parse(url)?, payload, seconds, sign_all: false };
    Ok(Call { mode, parts, headers: Flat::empty(), expires })
}

fn broken() -> Error {
    Error::new(Code::Internal, "the door cannot read a batch")
}

/// The lines that are left.
struct Lines<'a>(Option<&'a str>);

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let text = self.0.take()?;
        let Some(end) = memchr::memchr(b'\n', text.as_bytes()) else { return Some(text) };
        self.0 = text.get(end + 1..);
        text.get(..end)
    }

    fn line(&mut self) -> Result<&'a str> {
        self.next().ok_or_else(broken)
    }

    /// So many lines in one piece.
    fn block(&mut self, count: usize) -> Result<&'a str> {
        let text = self.0.take().ok_or_else(broken)?;
        let end = text.match_indices('\n').nth(count - 1).map(|(at, _)| at);
        self.0 = end.and_then(|at| text.get(at + 1..));
        Ok(end.and_then(|at| text.get(..at)).unwrap_or(text))
    }

    fn mixed(&mut self, head: &str) -> Result<Call<'a>> {
        let mut numbers = head.split(' ').map(str::parse::<u64>);
        let mut number = || numbers.next().and_then(std::result::Result::ok).ok_or_else(broken);
        let mode = Mode(u32::try_from(number()?).map_err(|_| broken())?);
        let seconds = number()?;
        let expires = u32::try_from(number()?).unwrap_or(u32::MAX);
        let target = if mode.is_parts() {
            mode.target(self.line()?, self.line()?, self.line()?)
        } else {
            TargetRef::parse(self.line()?)?
        };
        let method = match mode.method() {
            Some(method) => method,
            None => self.line()?,
        };
        let payload = match mode.payload() {
            Ok(Form::Default) => Payload::Default,
            Ok(Form::Unsigned) => Payload::Hash(UNSIGNED_PAYLOAD),
            Ok(Form::Hash) => Payload::Hash(self.line()?),
            _ => return Err(broken()),
        };
        let headers = match mode.headers() {
            0 => Flat::empty(),
            count => Flat::new(self.block(2 * count)?, count)?,
        };
        let parts = Parts { method, target, payload, seconds, sign_all: false };
        Ok(Call { mode, parts, headers, expires })
    }
}
