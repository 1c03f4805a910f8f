//! Encrypted files that were not encrypted with our key: refused at their end, and until then the same whatever pieces they come in.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warmpath_engine::{
    pipeline::{Decrypter, MediaType, WhatsApp},
    secret::Secret,
};

fuzz_target!(|data: &[u8]| {
    let Some((seed, file)) = data.split_first() else { return };
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned();
    let media = WhatsApp {
        url: None,
        direct_path: None,
        media_key: Secret::new(key),
        media_type: MediaType::Image,
        file_sha256: None,
        file_enc_sha256: None,
    };
    let read = |piece: usize| {
        let mut cipher = Decrypter::new(&media.keys().unwrap(), None).unwrap();
        let mut out = Vec::new();
        for part in file.chunks(piece.max(1)) {
            out.extend_from_slice(&cipher.update(part).unwrap());
        }
        assert!(cipher.finish().is_err(), "a forged MAC");
        out
    };
    assert_eq!(read(file.len()), read(usize::from(*seed)));
});
