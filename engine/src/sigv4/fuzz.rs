//! Requests to sign: refused, or signed the same twice, with nothing in them that adds a line to what is signed.

use super::{Credentials, Options, Payload, Request, Signer, Target};
use crate::secret::Secret;

/// The last second of 2024, in ms: after it day, month and year change.
const NOW: u64 = 1_735_689_599_000;

/// A request as text: method, URL and service; lines of headers; an empty line; the body.
pub fn sign(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.split('\n');
    let first = lines.next().unwrap_or_default();
    let (method, rest) = first.split_once(' ').unwrap_or(("GET", first));
    let (url, service) = rest.rsplit_once(' ').unwrap_or((rest, "s3"));
    let pair = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.to_owned()));
    let headers: Vec<(String, String)> = lines.filter_map(pair).collect();
    let credentials = Credentials {
        access_key_id: "AKID".to_owned(),
        secret_access_key: Secret::new("the-secret-access-key".to_owned()),
        session_token: None,
    };
    let Ok(signer) = Signer::new(credentials, Options::for_service("auto", service)) else { return };
    let Ok(target) = Target::parse(url) else { return };
    let payload = Payload::Bytes(body.as_bytes());
    let request = Request { method, target: &target, headers: &headers, payload, epoch_ms: NOW };
    let breaks = |text: &str| text.contains(['\r', '\n']);
    if let Ok(signed) = signer.sign(&request) {
        assert!(!signed.headers.iter().any(|(name, value)| breaks(name) || breaks(value)));
        assert_eq!(signer.sign(&request).expect("signed a moment ago"), signed);
        let stages = signer.explain(&request).expect("what is signed can be explained");
        assert!(signed.authorization.ends_with(&stages.signature));
        lines_of(&stages.canonical_request);
    }
    if let Ok(address) = signer.presign(&request, 60) {
        assert!(address.starts_with(&target.origin()) && !breaks(&address), "{address}");
        let (_, signature) = address.rsplit_once("X-Amz-Signature=").expect("a presigned URL has a signature");
        assert!(signature.len() == 64 && signature.bytes().all(|b| b.is_ascii_hexdigit()), "{address}");
    }
}

/// Method, path, query, a line for each header, an empty one, their names, the hash: a value that adds a line adds a header.
fn lines_of(canonical: &str) {
    let lines: Vec<&str> = canonical.split('\n').collect();
    let names: Vec<&str> = lines[lines.len() - 2].split(';').collect();
    assert_eq!(lines.len(), names.len() + 6, "{canonical}");
    for (name, line) in names.iter().zip(&lines[3..]) {
        assert!(line.starts_with(&format!("{name}:")), "{canonical}");
    }
    assert!(names.is_sorted_by(|a, b| a < b), "{canonical}");
}
