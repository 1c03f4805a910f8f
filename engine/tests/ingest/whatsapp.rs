//! Encrypted media of WhatsApp. The sender's side is written again here, from RFC 5869 and the description of the scheme, and not
//! with the engine's own keys; Baileys' is held against it in the tests of the addon.

use aws_lc_rs::{
    cipher::{AES_256, EncryptionContext, StreamingEncryptingKey, UnboundCipherKey},
    iv::FixedLength,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::rig::*;

const KEY: [u8; 32] = [0x5A; 32];

fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

fn expand(info: &[u8]) -> Vec<u8> {
    let prk = hmac(&[0; 32], &[&KEY]);
    let mut blocks: Vec<Vec<u8>> = vec![Vec::new()];
    for n in 1..=4_u8 {
        blocks.push(hmac(&prk, &[&blocks[usize::from(n) - 1], info, &[n]]));
    }
    blocks.concat()[..112].to_vec()
}

fn encrypt(plain: &[u8], info: &str) -> Vec<u8> {
    let keys = expand(info.as_bytes());
    let (iv, rest) = keys.split_at(16);
    let context = EncryptionContext::Iv128(FixedLength::from(<[u8; 16]>::try_from(iv).unwrap()));
    let key = UnboundCipherKey::new(&AES_256, &rest[..32]).unwrap();
    let mut cipher = StreamingEncryptingKey::less_safe_cbc_pkcs7(key, context).unwrap();
    let mut out = vec![0; plain.len() + 32];
    let written = cipher.update(plain, &mut out).unwrap().written().len();
    let (_, last) = cipher.finish(&mut out[written..]).unwrap();
    let len = written + last.written().len();
    out.truncate(len);
    out.extend_from_slice(&hmac(&rest[32..64], &[iv, &out])[..10]);
    out
}

fn message(web: &Server, kind: &str) -> Value {
    json!({ "type": "whatsapp", "directPath": "/canary", "mediaKey": STANDARD.encode(KEY), "mediaType": kind,
        "url": format!("{}/gone/canary", web.url) })
}

/// A server on which the first of the two addresses of a message is gone.
async fn server(file: Vec<u8>) -> Server {
    Server::start(move |request, _| {
        let is_gone = request.target.starts_with("/gone");
        vec![if is_gone { http("410 Gone", &[], "") } else { http("200 OK", &[], &file) }]
    })
    .await
}

#[tokio::test]
async fn every_type_and_length_comes_out_as_it_was_sent() {
    for (kind, info) in [("image", "Image"), ("video", "Video"), ("audio", "Audio"), ("document", "Document")] {
        for len in [1, 15, 16, 17, 65_536, 262_144, 1_000_003] {
            let web = server(encrypt(&media(len), &format!("WhatsApp {info} Keys"))).await;
            let rig = Rig::new(Some(&web), &json!({}));
            let mut source = message(&web, kind);
            source["fileSha256"] = sha256(&media(len)).into();
            stored(rig.run(&json!({ "source": source }), None).await, &media(len));
            rig.scratch.is_clean().await;
        }
    }
}

/// Shorter, longer, of another type, with another hash, and with one bit in any of its bytes the other way: nothing of it is ever seen.
#[tokio::test]
async fn what_is_not_what_was_sent_is_never_visible() {
    const LEN: usize = 700;
    let good = encrypt(&media(LEN), "WhatsApp Image Keys");
    let mut files: Vec<Vec<u8>> = (0..good.len())
        .map(|at| {
            let mut file = good.clone();
            file[at] ^= 1 << (at % 8);
            file
        })
        .collect();
    files.extend([good[..good.len() - 1].to_vec(), [&good[..], &[0]].concat(), good[1..].to_vec(), good[..9].to_vec()]);
    files.push(encrypt(&media(LEN), "WhatsApp Video Keys"));
    let count = files.len();
    let web = Server::start(move |request, _| {
        let number: usize = request.target.trim_start_matches('/').parse().unwrap();
        vec![http("200 OK", &[], &files[number])]
    })
    .await;
    let rig = Rig::new(Some(&web), &json!({}));
    for number in 0..count {
        let source = json!({ "type": "whatsapp", "directPath": format!("/{number}"), "mediaKey": STANDARD.encode(KEY),
            "mediaType": "image" });
        let outcome = rig.run(&json!({ "source": source }), None).await;
        rig.nothing(&outcome, "DECRYPT_FAILED").await;
    }
    let web = server(good.clone()).await;
    let rig = Rig::new(Some(&web), &json!({}));
    for field in ["fileSha256", "fileEncSha256"] {
        let mut source = message(&web, "image");
        source[field] = sha256(b"another").into();
        let outcome = rig.run(&json!({ "source": source }), None).await;
        rig.nothing(&outcome, "SHA256_MISMATCH").await;
    }
}

/// Whatever the address of a message answers, its path is asked too: once, and what both say decides.
#[tokio::test]
async fn an_address_that_is_wrong_does_not_speak_for_the_path() {
    let file = encrypt(&media(5_000), "WhatsApp Image Keys");
    for wrong in ["200 OK", "400 X", "404 X", "451 X", "500 X", "302 Found"] {
        for (path, code) in [("200 OK", ""), ("404 X", "MEDIA_GONE"), ("400 X", ""), ("503 X", "DOWNLOAD_FAILED")] {
            let file = file.clone();
            let web = Server::start(move |request, _| {
                let is_address = request.target.starts_with("/gone");
                let status = if is_address { wrong } else { path };
                let body = if is_address || path != "200 OK" { &b"<html>"[..] } else { &file };
                vec![http(status, &[("location", "http://10.0.0.1/")], body)]
            })
            .await;
            let rig = Rig::new(Some(&web), &json!({}));
            let outcome = rig.run(&json!({ "source": message(&web, "image") }), None).await;
            match (path, wrong) {
                ("200 OK", _) => drop(stored(outcome, &media(5_000))),
                ("400 X", "404 X") => rig.nothing(&outcome, "MEDIA_GONE").await,
                ("400 X" | "404 X", "500 X") => rig.nothing(&outcome, "DOWNLOAD_FAILED").await,
                ("400 X", _) => rig.nothing(&outcome, "SOURCE_REJECTED").await,
                _ => rig.nothing(&outcome, code).await,
            }
            assert_eq!(web.seen().len(), 2, "{wrong}, {path}");
        }
    }
}

#[tokio::test]
async fn a_medium_that_is_gone_everywhere_needs_its_sender() {
    let web = Server::start(|_, _| vec![http("404 X", &[], "")]).await;
    let rig = Rig::new(Some(&web), &json!({}));
    let outcome = rig.run(&json!({ "source": message(&web, "audio") }), None).await;
    rig.nothing(&outcome, "MEDIA_GONE").await;
    assert_eq!(web.seen().len(), 2, "both addresses were tried");
}
