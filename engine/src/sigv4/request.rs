//! What is signed: a request taken apart, byte for byte as it goes over the wire.

use sha2::{Digest, Sha256};

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
        let bad = |why: &'static str| Error::new(Code::InvalidArgument, why);
        let (scheme, rest) = url.split_once("://").ok_or_else(|| bad("url: needs http:// or https://"))?;
        let scheme = scheme.to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "http" => ":80",
            "https" => ":443",
            _ => return Err(bad("url: needs http:// or https://")),
        };
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(authority_end);
        if authority.is_empty() {
            return Err(bad("url: has no host"));
        }
        if authority.contains('@') {
            return Err(bad("url: must not hold a user name or password"));
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let host = authority.to_ascii_lowercase();
        let host = host.strip_suffix(default_port).unwrap_or(&host).to_owned();
        let path = if path.is_empty() { "/" } else { path };
        Ok(Self { scheme, host, path: path.to_owned(), query: query.to_owned() })
    }

    /// `scheme://host`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.host)
    }
}

/// What the signature says about the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// Nothing given: the service's default (empty body; `UNSIGNED-PAYLOAD` when presigning for S3).
    Default,
    /// These bytes.
    Bytes(&'a [u8]),
    /// Their sha256 in lower-case hex, or a marker such as `UNSIGNED-PAYLOAD`.
    Hash(&'a str),
}

impl Payload<'_> {
    /// The text that stands in the canonical request, `default` standing in for nothing given.
    #[must_use]
    pub fn hash(&self, default: &str) -> String {
        match self {
            Self::Default => default.to_owned(),
            Self::Bytes([]) => EMPTY_SHA256.to_owned(),
            Self::Bytes(bytes) => hex::encode(Sha256::digest(bytes)),
            Self::Hash(text) => (*text).to_owned(),
        }
    }
}

/// A request to sign.
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

/// Refuses what could smuggle a second line into the canonical request or onto the wire.
///
/// # Errors
/// `INVALID_ARGUMENT`, naming the field.
pub fn refuse_control(field: &str, text: &str) -> Result<()> {
    if text.chars().any(|c| c.is_ascii_control() && c != '\t') {
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
        assert_eq!(
            Target::parse("http://h?q").unwrap(),
            Target { scheme: "http".into(), host: "h".into(), path: "/".into(), query: "q".into() }
        );
        for bad in ["", "h/p", "ftp://h/", "https://", "https:///p", "https://u:p@h/"] {
            assert_eq!(Target::parse(bad).unwrap_err().code, Code::InvalidArgument, "{bad}");
        }
    }
}
