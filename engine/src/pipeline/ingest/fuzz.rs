//! Media that come in: encoded, encrypted, called whatever somebody liked to call them.

use std::sync::LazyLock;

use aws_lc_rs::{
    cipher::{AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey},
    hmac,
    iv::FixedLength,
};
use bytes::Bytes;

use super::{
    Base64Decoder, Decrypter, IngestOptions, Keys, Look, MediaType, OnMismatch, WhatsApp,
    types::{Types, by_head},
    value::harmless,
};
use crate::{error::Result, secret::Secret};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Decoded, or refused at a character; and what is decoded is what was meant.
pub fn base64(data: &[u8]) {
    let mut decoder = Base64Decoder::new(Bytes::copy_from_slice(data));
    let mut out = Vec::new();
    loop {
        match decoder.piece() {
            Ok(Some(piece)) => out.extend_from_slice(&piece),
            Ok(None) => break,
            Err(error) => {
                let (_, position) = error.message.rsplit_once(' ').unwrap();
                assert!(position.parse::<usize>().unwrap() <= data.len());
                return;
            }
        }
    }
    // Encoded again it is the same text, but for line breaks, padding and the second alphabet.
    let meant: Vec<u8> = data
        .iter()
        .filter(|b| !matches!(b, b'\r' | b'\n' | b' ' | b'\t' | b'='))
        .map(|b| match b {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        })
        .collect();
    let mut again = Vec::new();
    for group in out.chunks(3) {
        let byte = |at: usize| u32::from(*group.get(at).unwrap_or(&0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..=group.len() {
            again.push(ALPHABET[(bits >> (18 - 6 * at)) as usize & 63]);
        }
    }
    assert_eq!(again, meant);
}

/// All of an encrypted file, from its pieces.
pub fn decrypted(keys: &Keys, pieces: impl Iterator<Item = impl AsRef<[u8]>>) -> Result<Vec<u8>> {
    let mut cipher = Decrypter::new(keys, None)?;
    let mut out = Vec::new();
    for piece in pieces {
        out.extend_from_slice(&cipher.update(piece.as_ref())?);
    }
    out.extend_from_slice(&cipher.finish()?);
    Ok(out)
}

/// The keys of an image.
pub fn keys() -> Keys {
    let media = WhatsApp {
        url: None,
        direct_path: None,
        media_key: Secret::new("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned()),
        media_type: MediaType::Image,
        file_sha256: None,
        file_enc_sha256: None,
    };
    media.keys().unwrap()
}

/// A file as WhatsApp's servers would hold it.
pub fn encrypted(keys: &Keys, plain: &[u8]) -> Vec<u8> {
    let mut file = plain.to_vec();
    let key = UnboundCipherKey::new(&AES_256, keys.cipher().as_slice()).unwrap();
    let cipher = PaddedBlockEncryptingKey::cbc_pkcs7(key).unwrap();
    cipher.less_safe_encrypt(&mut file, EncryptionContext::Iv128(FixedLength::from(keys.iv()))).unwrap();
    let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, keys.mac().as_slice()));
    mac.update(&keys.iv());
    mac.update(&file);
    file.extend_from_slice(&mac.sign().as_ref()[..10]);
    file
}

/// Bytes of a stranger are refused in whatever pieces they come. The same bytes encrypted come out as they went in, and not where one
/// bit of them was flipped. The first byte is the size of a piece, the next two say which bit.
pub fn decrypt(data: &[u8]) {
    static KEYS: LazyLock<Keys> = LazyLock::new(keys);
    let Some(([piece, high, low], plain)) = data.split_first_chunk::<3>() else { return };
    let read = |file: &[u8], piece: usize| decrypted(&KEYS, file.chunks(piece.max(1)));
    let piece = usize::from(*piece);
    for piece in [plain.len(), piece] {
        assert!(read(plain, piece).is_err(), "a forged MAC");
    }
    let mut file = encrypted(&KEYS, plain);
    assert_eq!(read(&file, piece).unwrap(), plain);
    let bit = usize::from(u16::from_be_bytes([*high, *low])) % (file.len() * 8);
    file[bit / 8] ^= 1 << (bit % 8);
    assert!(read(&file, piece).is_err(), "bit {bit} flipped");
}

/// A look at a stream in any pieces, of known and of unknown length: it ends, and both see the same length.
pub fn look(data: &[u8]) {
    let Some((piece, file)) = data.split_first() else { return };
    for len in [Some(file.len() as u64), None] {
        let mut look = Look::new(None, len);
        for part in file.chunks(usize::from(*piece) * 64 + 1) {
            look.see(&Bytes::copy_from_slice(part));
        }
        let report = look.finish();
        assert_eq!(report.len, file.len() as u64);
        let _ = (report.size(), report.seconds(), report.extension());
    }
}

/// A declared type and the sender's name of the file, each on a line, and the first bytes: the extension becomes part of a path, the
/// type of a header, the name is shown.
pub fn naming(data: &[u8]) {
    static POLICIES: LazyLock<[Types; 3]> = LazyLock::new(|| {
        let least = serde_json::json!({
            "sinks": [], "concurrency": 1, "capacity": 1, "maxBytes": 1, "probe": false, "fsync": false, "directIo": false,
            "whatsapp": { "origin": "" },
        });
        let options: IngestOptions = serde_json::from_value(least).unwrap();
        [OnMismatch::Refine, OnMismatch::Keep, OnMismatch::Fail]
            .map(|on_mismatch| Types::new(&IngestOptions { on_mismatch, ..options.clone() }))
    });
    let mut parts = data.splitn(3, |byte| *byte == b'\n');
    let mut part = || parts.next().unwrap_or_default();
    let (declared, name, head) = (String::from_utf8_lossy(part()), String::from_utf8_lossy(part()), part());
    let declared = Some(&*declared).filter(|declared| !declared.is_empty());
    let report = by_head(head, declared, head.len() as u64);
    for types in &*POLICIES {
        for named in [types.first(&report, declared), types.last(&report, declared)].into_iter().flatten() {
            assert!((1..=8).contains(&named.extension.len()), "{named:?}");
            assert!(named.extension.bytes().all(|b| b.is_ascii_alphanumeric()), "{named:?}");
            for mime in [Some(&named.mime), named.declared.as_ref()].into_iter().flatten() {
                assert!(mime.contains('/') && mime.bytes().all(|b| b.is_ascii_graphic() || b == b' '), "{named:?}");
            }
        }
    }
    if let Some(shown) = harmless(&name) {
        assert!((1..=255).contains(&shown.len()) && !shown.contains(['/', '\\']), "{shown:?}");
        assert!(!matches!(&*shown, "." | "..") && !shown.contains(char::is_control), "{shown:?}");
        assert_eq!(harmless(&shown).as_deref(), Some(&*shown));
    }
}
