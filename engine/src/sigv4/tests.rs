//! The four worked examples of the S3 documentation: the only published S3 signatures
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>, `sigv4-query-string-auth.html`).

use super::*;

const DAY_MS: u64 = 1_369_353_600_000; // 2013-05-24T00:00:00Z

fn signer() -> Signer {
    let credentials = Credentials {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned()),
        session_token: None,
    };
    Signer::new(credentials, Options::for_service("us-east-1", "s3")).unwrap()
}

fn pairs(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
}

fn signature(method: &str, url: &str, headers: &[(&str, &str)], payload: Payload<'_>) -> String {
    let target = Target::parse(url).unwrap();
    let headers = pairs(headers);
    let request = Request { method, target: &target, headers: &headers, payload, epoch_ms: DAY_MS };
    let signed = signer().sign(&request).unwrap();
    signed.authorization.rsplit_once("Signature=").unwrap().1.to_owned()
}

#[test]
fn get_object_with_a_range() {
    assert_eq!(
        signature(
            "GET",
            "https://examplebucket.s3.amazonaws.com/test.txt",
            &[("Range", "bytes=0-9")],
            Payload::Default
        ),
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    );
}

#[test]
fn put_object() {
    assert_eq!(
        signature(
            "PUT",
            "https://examplebucket.s3.amazonaws.com/test$file.text",
            &[("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
            Payload::Bytes(b"Welcome to Amazon S3."),
        ),
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
    );
}

#[test]
fn get_with_a_query() {
    for (query, expected) in [
        ("lifecycle", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        ("prefix=J&max-keys=2", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ] {
        let url = format!("https://examplebucket.s3.amazonaws.com/?{query}");
        assert_eq!(signature("GET", &url, &[], Payload::Default), expected);
    }
}

#[test]
fn presigned_get() {
    let target = Target::parse("https://examplebucket.s3.amazonaws.com/test.txt").unwrap();
    let request = Request { method: "GET", target: &target, headers: &[], payload: Payload::Default, epoch_ms: DAY_MS };
    let url = signer().presign(&request, 86_400).unwrap();
    assert!(
        url.ends_with("&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"),
        "{url}"
    );
    assert!(url.contains("X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"), "{url}");
    for expires in [0, 604_801] {
        assert_eq!(signer().presign(&request, expires).unwrap_err().code, Code::InvalidArgument);
    }
}

#[test]
fn all_headers_to_send_are_returned() {
    let target = Target::parse("https://h:8443/b/k").unwrap();
    let headers = pairs(&[("X-Amz-Date", "stale"), ("Authorization", "stale"), ("Content-Type", "a/b")]);
    let request = Request {
        method: "put",
        target: &target,
        headers: &headers,
        payload: Payload::Hash(UNSIGNED_PAYLOAD),
        epoch_ms: DAY_MS,
    };
    let signed = signer().sign(&request).unwrap();
    let names: Vec<_> = signed.headers.iter().map(|(n, _)| n.as_str()).collect();
    assert_eq!(names, ["content-type", "host", "x-amz-content-sha256", "x-amz-date", "authorization"]);
    assert!(signed.headers.contains(&("host".to_owned(), "h:8443".to_owned())));
    assert!(signed.authorization.contains("SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date,"));
    assert_eq!(signed.amz_date, "20130524T000000Z");
    assert_eq!(signed.payload_hash, UNSIGNED_PAYLOAD);
}

#[test]
fn nothing_prints_the_secret() {
    let text = format!("{:?}", signer());
    assert!(!text.contains("wJalr"), "{text}");
}

#[test]
fn the_last_signature_once_more_is_that_of_a_fresh_one() {
    let mut signer = signer();
    let seconds = DAY_MS / 1000;
    let expires = Expires::new(60, false).unwrap();
    let (first, second) = (Target::parse("https://h/b/one").unwrap(), Target::parse("https://h/b/two").unwrap());
    let request = |target| Request { method: "GET", target, headers: &[], payload: Payload::Default, epoch_ms: DAY_MS };
    let fresh = signer
        .presign_mut(&Parts::from(&request(&second)), [], expires, &mut Scratch::default())
        .unwrap()
        .text()
        .to_owned();
    let mut scratch = Scratch::default();
    assert!(signer.again("/b/two", seconds, &mut scratch).unwrap().is_none(), "there is none yet");
    signer.presign_mut(&Parts::from(&request(&first)), [], expires, &mut scratch).unwrap();
    assert!(signer.again("/b/two", seconds + 1, &mut scratch).unwrap().is_none(), "another second");
    assert_eq!(signer.again("/b/two", seconds, &mut scratch).unwrap().unwrap().text(), fresh);
    let mut out = b"before ".to_vec();
    assert!(!signer.again_into("/b/two", seconds + 1, &mut scratch, &mut out).unwrap());
    assert!(signer.again_into("/b/two", seconds, &mut scratch, &mut out).unwrap());
    assert_eq!(out, format!("before {fresh}").into_bytes());
}

#[test]
fn buffers_that_one_huge_request_made_are_given_back() {
    let mut scratch = Scratch::default();
    assert!(scratch.trim());
    let target = Target::parse(&format!("https://h/{}", "k".repeat(100_000))).unwrap();
    let request = Request { method: "GET", target: &target, headers: &[], payload: Payload::Default, epoch_ms: DAY_MS };
    signer().sign_mut(&Parts::from(&request), [], &mut scratch).unwrap();
    assert!(!scratch.trim());
    assert!(scratch.trim(), "twice");
}

#[test]
fn texts_and_origins_are_those_of_the_request() {
    let target = Target::parse("HTTPS://Examplebucket.s3.amazonaws.com/test.txt").unwrap();
    assert_eq!(target.origin(), "https://examplebucket.s3.amazonaws.com");
    let mut signer = signer();
    let request = Request { method: "GET", target: &target, headers: &[], payload: Payload::Default, epoch_ms: DAY_MS };
    let stages = signer.explain(&request).unwrap();
    let by_text = signer.sign_text(&stages.string_to_sign, DAY_MS / 1000);
    assert_eq!(str::from_utf8(&by_text), Ok(stages.signature.as_str()));
    let (begin, end) = stages.canonical_request.split_at(7);
    assert_eq!(signer.sign_canonical([begin, end], DAY_MS / 1000), by_text);
}
