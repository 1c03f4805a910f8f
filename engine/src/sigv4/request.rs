//! What is signed: a request taken apart, byte for byte as it goes over the wire.

use std::borrow::Cow;

use memchr::{memchr, memchr3};
use sha2::{Digest, Sha256};

use super::hash::hex;
use crate::error::{Code, Error, Result};

/// sha256 of no bytes.
pub const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The marker that says "the body is not part of the signature".
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// The target of a request, verbatim: nothing here has been through a URL parser, which would fold dot segments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// `http` or `https`.
    pub scheme: String,
    /// Host, with the port unless it is the scheme's default.
    pub host: String,
    /// Path, as sent.
    pub path: String,
    /// Query without `?`, as sent.
    pub query: String,
}

impl Target {
    /// Splits a URL text without decoding or folding anything but the host's case and the scheme's default port. A
    /// fragment is dropped: it is never sent.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when there is no `http(s)://host`, or with userinfo.
    pub fn parse(url: &str) -> Result<Self> {
        let TargetRef { scheme, host, path, query } = TargetRef::parse(url)?;
        Ok(Self { scheme: scheme.to_owned(), host: host.into_owned(), path: path.to_owned(), query: query.to_owned() })
    }

    /// `scheme://host`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.host)
    }

    /// The same, borrowed.
    #[must_use]
    pub fn borrowed(&self) -> TargetRef<'_> {
        let Self { scheme, host, path, query } = self;
        TargetRef { scheme, host: Cow::Borrowed(host), path, query }
    }
}

/// A [`Target`] in somebody else's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetRef<'a> {
    /// `http` or `https`.
    pub scheme: &'a str,
    /// Host, with the port unless it is the scheme's default.
    pub host: Cow<'a, str>,
    /// Path, as sent.
    pub path: &'a str,
    /// Query without `?`, as sent.
    pub query: &'a str,
}

impl<'a> TargetRef<'a> {
    /// As [`Target::parse`], without a copy (but for a host in upper case).
    ///
    /// # Errors
    /// As [`Target::parse`].
    pub fn parse(url: &'a str) -> Result<Self> {
        let bad = |why: &'static str| Error::new(Code::InvalidArgument, why);
        let scheme_of = |scheme: &str| url.get(..scheme.len()).is_some_and(|given| given.eq_ignore_ascii_case(scheme));
        let (scheme, default_port, rest) = if scheme_of("https://") {
            ("https", ":443", url.get(8..))
        } else if scheme_of("http://") {
            ("http", ":80", url.get(7..))
        } else {
            return Err(bad("url: needs http:// or https://"));
        };
        let rest = rest.unwrap_or_default();
        let (authority, target) = rest.split_at(memchr3(b'/', b'?', b'#', rest.as_bytes()).unwrap_or(rest.len()));
        let target = memchr(b'#', target.as_bytes()).and_then(|at| target.get(..at)).unwrap_or(target);
        if authority.is_empty() {
            return Err(bad("url: has no host"));
        }
        if memchr(b'@', authority.as_bytes()).is_some() {
            return Err(bad("url: must not hold a user name or password"));
        }
        let (path, query) = memchr(b'?', target.as_bytes()).map_or((target, ""), |at| {
            let (path, query) = target.split_at(at);
            (path, query.get(1..).unwrap_or_default())
        });
        let host = authority.strip_suffix(default_port).unwrap_or(authority);
        // No early end: so it is done sixteen bytes or more at a time.
        let host = if host.bytes().fold(0, |found, byte| found | u8::from(byte.is_ascii_uppercase())) != 0 {
            Cow::Owned(host.to_ascii_lowercase())
        } else {
            Cow::Borrowed(host)
        };
        Ok(Self { scheme, host, path: if path.is_empty() { "/" } else { path }, query })
    }

    /// Refuses what cannot be a target, or could smuggle something into the canonical request.
    pub(super) fn check(&self) -> Result<()> {
        if !matches!(self.scheme, "http" | "https") {
            return Err(Error::new(Code::InvalidArgument, "url.scheme: must be 'http' or 'https'"));
        }
        check_path(self.path)?;
        refuse_control("url.query", self.query)
    }
}

/// A path as it may stand in a request line: behind a host anything but a slash would become part of the host.
pub(super) fn check_path(path: &str) -> Result<()> {
    if !path.is_empty() && !path.starts_with('/') {
        return Err(Error::new(Code::InvalidArgument, "url.path: must begin with a slash"));
    }
    refuse_control("url.path", path)
}

/// A host as it may stand in a request (RFC 3986 §3.2.2, without userinfo, in ASCII): anything else would end up in another part of
/// the URL, or on another line.
pub(super) fn check_host(field: &str, host: &[u8]) -> Result<()> {
    let (name, port) = match host {
        [b'[', rest @ ..] => {
            let close = memchr(b']', rest).unwrap_or(0);
            let address = rest.get(..close).unwrap_or_default();
            let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b":.-_~%".contains(byte);
            let fine = !address.is_empty() && address.iter().all(fits);
            (if fine { address } else { &[] }, rest.get(close + 1..).unwrap_or_default())
        }
        _ => host.split_at(memchr(b':', host).unwrap_or(host.len())),
    };
    let named = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=:".contains(byte);
    let digits = port.get(1..).unwrap_or_default();
    let number = str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u16>().ok());
    let port_fits =
        port.is_empty() || (port.first() == Some(&b':') && digits.first() != Some(&b'+') && number.is_some());
    if name.is_empty() || !name.iter().all(named) || !port_fits {
        let why = "must be one host name or address in ASCII, with the port where it is not the default one";
        return Err(Error::new(Code::InvalidArgument, format!("{field}: {why}")));
    }
    Ok(())
}

/// A payload hash: 64 lower-case digits, or a marker of capitals and hyphens such as `UNSIGNED-PAYLOAD`.
pub(super) fn check_hash(field: &str, text: &[u8]) -> Result<()> {
    let is_hash = text.len() == 64 && text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let marked = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'-';
    if is_hash || (text.contains(&b'-') && text.iter().all(marked)) {
        return Ok(());
    }
    let why = "must be a sha256 in lower-case hexadecimal, or a marker such as UNSIGNED-PAYLOAD";
    Err(Error::new(Code::InvalidArgument, format!("{field}: {why}")))
}

/// What the signature says about the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// Nothing given: the service's default (empty body; `UNSIGNED-PAYLOAD` when presigning for S3).
    Default,
    /// These bytes.
    Bytes(&'a [u8]),
    /// Their sha256 in lower-case hex, or a marker such as `UNSIGNED-PAYLOAD`.
    Hash(&'a str),
}

impl Payload<'_> {
    /// Appends the text that stands in the canonical request, `default` standing in for nothing given.
    pub(super) fn write(&self, default: &str, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Default => out.extend_from_slice(default.as_bytes()),
            Self::Bytes([]) => out.extend_from_slice(EMPTY_SHA256.as_bytes()),
            Self::Bytes(bytes) => out.extend_from_slice(&hex(&Sha256::digest(bytes).into())),
            Self::Hash(text) => {
                check_hash("payloadHash", text.as_bytes())?;
                out.extend_from_slice(text.as_bytes());
            }
        }
        Ok(())
    }
}

/// A request to sign, as a caller with owned headers has it.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// HTTP method; upper-cased.
    pub method: &'a str,
    /// Where it goes.
    pub target: &'a Target,
    /// Headers in any case and order; a repeated name is several entries.
    pub headers: &'a [(String, String)],
    /// The body, as far as the signature is concerned.
    pub payload: Payload<'a>,
    /// Milliseconds since the epoch; cut down to seconds.
    pub epoch_ms: u64,
}

/// A request to sign, all of it borrowed; its headers come beside it.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    /// HTTP method; upper-cased.
    pub method: &'a str,
    /// Where it goes.
    pub target: TargetRef<'a>,
    /// The body, as far as the signature is concerned.
    pub payload: Payload<'a>,
    /// Seconds since the epoch.
    pub seconds: u64,
    /// Sign every header given, those too that proxies rewrite: for callers that choose the headers themselves.
    pub sign_all: bool,
}

impl<'a> From<&Request<'a>> for Parts<'a> {
    fn from(request: &Request<'a>) -> Self {
        let Request { method, target, payload, epoch_ms, .. } = *request;
        Self { method, target: target.borrowed(), payload, seconds: epoch_ms / 1000, sign_all: false }
    }
}

/// Refuses what could smuggle a second line into the canonical request or onto the wire.
///
/// # Errors
/// `INVALID_ARGUMENT`, naming the field.
pub fn refuse_control(field: &str, text: &str) -> Result<()> {
    // Every byte is looked at, without an early end: so it is done sixteen or more at a time.
    if text.bytes().map(|byte| u8::from(byte < b' ' || byte == 0x7f)).fold(0, |found, one| found | one) != 0 {
        return Err(Error::new(Code::InvalidArgument, format!("{field}: must not hold control characters")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_split_and_never_folded() {
        let target = Target::parse("HTTPS://Acc.R2.example:443/b/../a%2f//é?x=1&y#frag").unwrap();
        assert_eq!(target.host, "acc.r2.example");
        assert_eq!(target.path, "/b/../a%2f//é");
        assert_eq!(target.query, "x=1&y");
        assert_eq!(Target::parse("http://[::1]:9000").unwrap().host, "[::1]:9000");
        assert_eq!(Target::parse("http://h:443/").unwrap().host, "h:443");
        assert_eq!(Target::parse("http://h/a#b?c").unwrap().query, "");
        assert_eq!(
            Target::parse("http://h?q").unwrap(),
            Target { scheme: "http".into(), host: "h".into(), path: "/".into(), query: "q".into() }
        );
        for bad in ["", "h/p", "ftp://h/", "https://", "https:///p", "https://u:p@h/", "é://h/"] {
            assert_eq!(Target::parse(bad).unwrap_err().code, Code::InvalidArgument, "{bad}");
        }
    }

    #[test]
    fn a_payload_hash_is_a_hash_or_a_marker() {
        for good in [EMPTY_SHA256, UNSIGNED_PAYLOAD, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"] {
            check_hash("payloadHash", good.as_bytes()).unwrap();
        }
        for bad in ["", "zz", "zz zz", &EMPTY_SHA256.to_ascii_uppercase(), &EMPTY_SHA256[1..], "unsigned-payload"] {
            assert!(check_hash("payloadHash", bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_host_is_one_host() {
        for good in ["h", "h:8443", "[::1]:9000", "[::1]", "a_b.example", "h:65535"] {
            check_host("host", good.as_bytes()).unwrap();
        }
        for bad in [
            "", "a b", "a/b", "a?b", "a#b", "u@h", "a\\b", "é", "a\n", "a,b", ":443", "h:", "h:80x", "h:99999",
            "h:+80", "[::1", "[]", "[::1]x", "[::1]:", "a:b:1",
        ] {
            assert!(check_host("host", bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
