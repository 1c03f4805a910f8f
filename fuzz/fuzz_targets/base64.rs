//! Base64 of strangers: decoded, or refused at a character; and what is decoded is what was meant.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warmpath_engine::pipeline::Base64Decoder;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fuzz_target!(|data: &[u8]| {
    let mut decoder = Base64Decoder::new(data.to_vec().into());
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
        let bits = u32::from(group[0]) << 16
            | u32::from(*group.get(1).unwrap_or(&0)) << 8
            | u32::from(*group.get(2).unwrap_or(&0));
        for at in 0..=group.len() {
            again.push(ALPHABET[(bits >> (18 - 6 * at)) as usize & 63]);
        }
    }
    assert_eq!(again, meant);
});
