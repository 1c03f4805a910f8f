//! The canonical request and the string to sign, one function per stage of the specification
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::{
    Options,
    encode::{double_path, normalize_path, s3_path},
    request::refuse_control,
};
use crate::error::{Code, Error, Result};

/// Headers that proxies and clients rewrite: signing them breaks requests that were right.
const NEVER_SIGNED: &[&str] = &[
    "accept-encoding",
    "authorization",
    "baggage",
    "cdn-loop",
    "connection",
    "expect",
    "keep-alive",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-amzn-trace-id",
];

/// Prefixes of the same kind.
const NEVER_SIGNED_PREFIXES: &[&str] = &["cf-", "proxy-", "sec-", "x-forwarded-"];

/// Lower-case names in order, each with its joined value.
pub type Headers = BTreeMap<String, String>;

/// Lower-cases, trims, folds runs of white space, joins repeated names with a comma, and sorts.
///
/// # Errors
/// `INVALID_ARGUMENT` for a name that is not a token, or a value with control characters or outside ASCII (which clients
/// send in different encodings).
pub fn headers(given: &[(String, String)]) -> Result<Headers> {
    let mut headers = Headers::new();
    for (name, value) in given {
        let name = name.to_ascii_lowercase();
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || !name.bytes().all(token) {
            return Err(Error::new(Code::InvalidArgument, "headers: a name is not an HTTP token"));
        }
        refuse_control(&format!("headers.{name}"), value)?;
        if !value.is_ascii() {
            return Err(Error::new(Code::InvalidArgument, format!("headers.{name}: must be ASCII; encode it first")));
        }
        let value = value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        headers
            .entry(name)
            .and_modify(|joined: &mut String| {
                joined.push(',');
                joined.push_str(&value);
            })
            .or_insert(value);
    }
    Ok(headers)
}

/// Whether the header takes part in the signature.
#[must_use]
pub fn is_signed(name: &str) -> bool {
    !NEVER_SIGNED.contains(&name) && !NEVER_SIGNED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// `name;name;…` of the headers that are signed.
#[must_use]
pub fn signed_headers(headers: &Headers) -> String {
    headers.keys().filter(|name| is_signed(name)).map(String::as_str).collect::<Vec<_>>().join(";")
}

/// The canonical path by the service's rules.
#[must_use]
pub fn path(given: &str, options: &Options) -> String {
    let given = if options.normalize_path { &normalize_path(given) } else { given };
    if options.uri_escape_path { double_path(given) } else { s3_path(given) }
}

/// The canonical request.
#[must_use]
pub fn request(method: &str, path: &str, query: &str, headers: &Headers, payload_hash: &str) -> String {
    let mut text = String::with_capacity(256);
    text.extend([method, "\n", path, "\n", query, "\n"]);
    for (name, value) in headers.iter().filter(|(name, _)| is_signed(name)) {
        text.extend([name, ":", value, "\n"]);
    }
    text.extend(["\n", &signed_headers(headers), "\n", payload_hash]);
    text
}

/// `date/region/service/aws4_request`.
#[must_use]
pub fn scope(amz_date: &str, options: &Options) -> String {
    format!("{}/{}/{}/aws4_request", day(amz_date), options.region, options.service)
}

/// The first eight characters of the request's time: its day, in UTC.
#[must_use]
pub fn day(amz_date: &str) -> &str {
    amz_date.get(..8).unwrap_or(amz_date)
}

/// The string to sign.
#[must_use]
pub fn string_to_sign(amz_date: &str, scope: &str, canonical_request: &str) -> String {
    format!("AWS4-HMAC-SHA256\n{amz_date}\n{scope}\n{}", hex::encode(Sha256::digest(canonical_request)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_lowered_folded_joined_and_sorted() {
        let given = [("Host", " a "), ("content-type", "x"), ("X-Amz-B", "one   two"), ("x-amz-b", " three ")]
            .map(|(n, v)| (n.to_owned(), v.to_owned()));
        let headers = headers(&given).unwrap();
        assert_eq!(signed_headers(&headers), "content-type;host;x-amz-b");
        assert_eq!(headers["x-amz-b"], "one two,three");
    }

    #[test]
    fn smuggling_is_refused() {
        for (name, value) in [("a b", "x"), ("", "x"), ("x", "a\r\nb"), ("x", "a\0"), ("x", "é")] {
            assert_eq!(headers(&[(name.to_owned(), value.to_owned())]).unwrap_err().code, Code::InvalidArgument);
        }
    }

    #[test]
    fn rewritten_headers_are_left_out() {
        for name in ["user-agent", "cf-ray", "x-forwarded-for", "authorization"] {
            assert!(!is_signed(name), "{name}");
        }
        for name in ["host", "x-amz-date", "range", "content-type"] {
            assert!(is_signed(name), "{name}");
        }
    }
}
