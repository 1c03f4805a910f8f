//! The published Signature Version 4 vectors, stage by stage, without Node in between. JavaScript's suite reads the same file
//! through the door; this one is quick enough for mutation testing.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, which is what it is for"
)]

use std::{fs, path::Path};

use serde_json::Value;
use warmpath_engine::{
    secret::Secret,
    sigv4::{Credentials, Options, Payload, Request, Signer, Target},
};

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// `20150830T123600Z` as milliseconds: the days by an independent count of leap years.
fn epoch_ms(date: &str) -> u64 {
    let number = |range: std::ops::Range<usize>| date[range].parse::<u64>().unwrap();
    let (year, month, day) = (number(0..4), number(4..6), number(6..8));
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let february = if leap(year) { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let years: u64 = (1970..year).map(|one| if leap(one) { 366 } else { 365 }).sum();
    let months: u64 = lengths.iter().zip(1..month).map(|(length, _)| length).sum();
    let seconds = number(9..11) * 3600 + number(11..13) * 60 + number(13..15);
    ((years + months + day - 1) * 86_400 + seconds) * 1000
}

fn signer(vector: &Value) -> Signer {
    let credential = &vector["credential"];
    let credentials = Credentials {
        access_key_id: text(&credential["accessKeyId"]).to_owned(),
        secret_access_key: Secret::new(text(&credential["secretAccessKey"]).to_owned()),
        session_token: credential["sessionToken"].as_str().map(|token| Secret::new(token.to_owned())),
    };
    let options = Options {
        region: text(&vector["scope"]["region"]).to_owned(),
        service: text(&vector["scope"]["service"]).to_owned(),
        uri_escape_path: true,
        normalize_path: vector["normalizePath"].as_bool().unwrap_or(true),
        apply_checksum: vector["applyChecksum"].as_bool().unwrap_or(false),
    };
    Signer::new(credentials, options).unwrap()
}

fn check(vector: &Value) {
    let name = text(&vector["name"]);
    let request = &vector["request"];
    let (path, query) = text(&request["target"]).split_once('?').unwrap_or((text(&request["target"]), ""));
    let headers: Vec<(String, String)> = request["headers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| (text(&pair[0]).to_owned(), text(&pair[1]).to_owned()))
        .collect();
    let host = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host")).unwrap().1.clone();
    let target = Target { scheme: "https".into(), host, path: path.into(), query: query.into() };
    let payload = request["body"].as_str().map_or(Payload::Default, |body| Payload::Bytes(body.as_bytes()));
    let request = Request {
        method: text(&request["method"]),
        target: &target,
        headers: &headers,
        payload,
        epoch_ms: epoch_ms(text(&vector["date"])),
    };
    let signer = signer(vector);

    if let Some(wanted) = vector.get("header") {
        let stages = signer.explain(&request).unwrap();
        assert_eq!(stages.canonical_request, text(&wanted["canonicalRequest"]), "{name}");
        assert_eq!(stages.string_to_sign, text(&wanted["stringToSign"]), "{name}");
        assert_eq!(stages.signature, text(&wanted["signature"]), "{name}");
        // The second is signed with the key that the first one left in the cache.
        for _ in 0..2 {
            let answer = signer.sign(&request).unwrap();
            assert!(answer.authorization.ends_with(text(&wanted["signature"])), "{name}");
            assert_eq!(answer.amz_date, text(&vector["date"]), "{name}");
            if vector.get("addedLater").is_some() {
                continue;
            }
            for (header, value) in wanted["signed"]["headers"].as_object().into_iter().flatten() {
                let sent = answer.headers.iter().find(|(sent, _)| sent == header).map(|(_, sent)| sent.as_str());
                assert_eq!(sent, value.as_str(), "{name}: {header}");
            }
        }
    }
    if let Some(wanted) = vector.get("query") {
        let expires = u32::try_from(vector["expiresIn"].as_u64().unwrap()).unwrap();
        let url = signer.presign(&request, expires).unwrap();
        assert!(url.starts_with(&format!("https://{}{path}?", target.host)), "{name}: {url}");
        assert!(url.ends_with(text(&wanted["signature"])), "{name}: {url}");
    }
}

#[test]
fn every_published_vector() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../__test__/support/sigv4/vectors.jsonl");
    let lines = fs::read_to_string(file).unwrap();
    let vectors: Vec<Value> = lines.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(vectors.iter().filter(|vector| vector.get("header").is_some()).count(), 74);
    assert_eq!(vectors.iter().filter(|vector| vector.get("query").is_some()).count(), 38);
    vectors.iter().for_each(check);
}
