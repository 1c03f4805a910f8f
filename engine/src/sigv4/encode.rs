//! URI encoding as Signature Version 4 wants it: RFC 3986 unreserved characters stay, every other byte becomes `%XX`
//! with upper-case hex.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Everything but `A-Za-z0-9-._~`.
const STRICT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// [`STRICT`] without `/`, for paths.
const PATH: &AsciiSet = &STRICT.remove(b'/');

/// Encodes one query name or value.
#[must_use]
pub fn component(text: &str) -> Cow<'_, str> {
    utf8_percent_encode(text, STRICT).into()
}

/// Encodes an object key for the wire: `/` stays, everything else that is not unreserved is escaped once.
#[must_use]
pub fn key(text: &str) -> Cow<'_, str> {
    utf8_percent_encode(text, PATH).into()
}

/// The canonical path of S3: what was received, decoded and encoded strictly once. No dot segment is removed and no
/// `//` collapsed. A raw `+` counts as a space, as S3 itself answers (`reference`: ngx_aws_auth#87).
#[must_use]
pub fn s3_path(path: &str) -> String {
    if path.is_empty() {
        return "/".to_owned();
    }
    let spaced = path.replace('+', " ");
    let decoded: Vec<u8> = percent_decode_str(&spaced).collect();
    percent_encoding::percent_encode(&decoded, PATH).to_string()
}

/// The canonical path of every other service: the bytes as given, escaped again (so `%20` becomes `%2520`).
#[must_use]
pub fn double_path(path: &str) -> String {
    if path.is_empty() { "/".to_owned() } else { utf8_percent_encode(path, PATH).to_string() }
}

/// Removes empty, `.` and `..` segments (RFC 3986 §5.2.4); `..` above the root is dropped, a trailing slash stays.
#[must_use]
pub fn normalize_path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    let mut normal = String::with_capacity(path.len() + 1);
    for segment in &segments {
        normal.push('/');
        normal.push_str(segment);
    }
    if segments.is_empty() || path.ends_with('/') {
        normal.push('/');
    }
    normal
}

/// The canonical query: split at `&` and the first `=`, decoded (`+` is a space, as in a form), encoded strictly, sorted
/// as pairs by encoded name, then encoded value. Empty pieces are dropped, repeated names all stay.
#[must_use]
pub fn query_pairs(query: &str) -> Vec<(String, String)> {
    let recode = |text: &str| {
        let spaced = text.replace('+', " ");
        let decoded: Vec<u8> = percent_decode_str(&spaced).collect();
        percent_encoding::percent_encode(&decoded, STRICT).to_string()
    };
    query
        .split('&')
        .filter(|piece| !piece.is_empty())
        .map(|piece| {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            (recode(name), recode(value))
        })
        .collect()
}

/// Sorts the pairs and joins them.
#[must_use]
pub fn join_query(mut pairs: Vec<(String, String)>) -> String {
    pairs.sort_unstable();
    let mut joined = String::new();
    for (name, value) in &pairs {
        if !joined.is_empty() {
            joined.push('&');
        }
        joined.push_str(name);
        joined.push('=');
        joined.push_str(value);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_paths_are_encoded_once_and_never_folded() {
        for (given, canonical) in [
            ("", "/"),
            ("/a b+c/é", "/a%20b%20c/%C3%A9"),
            ("/a%20b%2Bc", "/a%20b%2Bc"),
            ("/%41%7e%c3%a9", "/A~%C3%A9"),
            ("//a/../b/./", "//a/../b/./"),
            ("/a(1)$!'*.txt", "/a%281%29%24%21%27%2A.txt"),
            ("/100%", "/100%25"),
        ] {
            assert_eq!(s3_path(given), canonical, "{given}");
        }
    }

    #[test]
    fn other_paths_are_normalised_and_escaped_twice() {
        for (given, normal) in
            [("/", "/"), ("//", "/"), ("/a/..", "/"), ("/a/./b//c/", "/a/b/c/"), ("/../x", "/x"), ("", "/")]
        {
            assert_eq!(normalize_path(given), normal, "{given}");
        }
        assert_eq!(double_path("/a%20b c"), "/a%2520b%20c");
    }

    #[test]
    fn queries_are_sorted_as_encoded_pairs() {
        for (given, canonical) in [
            ("", ""),
            ("acl", "acl="),
            ("b=2&a=1&&", "a=1&b=2"),
            ("a-b=1&a=2", "a=2&a-b=1"),
            ("a=2&a=1&a=", "a=&a=1&a=2"),
            ("x=a b/c%2F+d", "x=a%20b%2Fc%2F%20d"),
            ("k=v=w", "k=v%3Dw"),
            ("%c3%a9=1&{=2", "%7B=2&%C3%A9=1"),
        ] {
            assert_eq!(join_query(query_pairs(given)), canonical, "{given}");
        }
    }
}
