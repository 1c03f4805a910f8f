//! Takes the encryption of WhatsApp off a stream, and says at its end whether it was what it claimed to be.
//!
//! The bytes come out before the MAC at the very end has been seen: that is what streaming means. So nobody may show them
//! before [`Decrypter::finish`] has said yes; the sinks do not.
//!
//! aws-lc and not the crates of RustCrypto: it is in the addon anyway, for TLS; its AES-CBC and SHA-256 are the assembly that
//! OpenSSL has, three hashes over every byte are what this costs; and the padding is checked there.

use aws_lc_rs::{
    cipher::{AES_256, DecryptionContext, StreamingDecryptingKey, UnboundCipherKey},
    constant_time::verify_slices_are_equal,
    digest, hmac,
    iv::FixedLength,
};
use bytes::{Bytes, BytesMut};

use super::whatsapp::Keys;
use crate::error::{Code, Error, Phase, Result};

/// Length of the MAC at the end.
pub const MAC: usize = 10;

const BLOCK: usize = 16;

/// A file being decrypted.
pub struct Decrypter {
    cipher: StreamingDecryptingKey,
    mac: hmac::Context,
    /// Over all bytes as they came; only where somebody will ask.
    encrypted: Option<(digest::Context, String)>,
    /// The last bytes so far, at most [`MAC`] of them: they may be the MAC.
    held: BytesMut,
}

impl Decrypter {
    /// `sha256`: what the encrypted bytes must have, as lower-case hex.
    ///
    /// # Errors
    /// `INTERNAL` where the library refuses keys of the right length.
    pub fn new(keys: &Keys, sha256: Option<String>) -> Result<Self> {
        let refused = |_| Error::new(Code::Internal, "the cipher could not be set up");
        let iv = keys.iv();
        let key = UnboundCipherKey::new(&AES_256, keys.cipher().as_slice()).map_err(refused)?;
        let context = DecryptionContext::Iv128(FixedLength::from(iv));
        let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, keys.mac().as_slice()));
        mac.update(&iv);
        Ok(Self {
            cipher: StreamingDecryptingKey::cbc_pkcs7(key, context).map_err(refused)?,
            mac,
            encrypted: sha256.map(|expected| (digest::Context::new(&digest::SHA256), expected)),
            held: BytesMut::with_capacity(2 * MAC),
        })
    }

    /// The plain bytes of a piece, as far as they are known; may be empty.
    ///
    /// # Errors
    /// `DECRYPT_FAILED`.
    pub fn update(&mut self, piece: &[u8]) -> Result<Bytes> {
        if let Some((hash, _)) = &mut self.encrypted {
            hash.update(piece);
        }
        let certain = (self.held.len() + piece.len()).saturating_sub(MAC);
        let (from_held, from_piece) = (certain.min(self.held.len()), certain.saturating_sub(self.held.len()));
        // Each of the two updates below may give out a block that the one before has held back.
        let mut plain = BytesMut::zeroed(certain + 2 * BLOCK);
        let old = self.held.split_to(from_held);
        let (new, rest) = piece.split_at_checked(from_piece).unwrap_or((piece, &[]));
        let mut written = 0;
        for part in [&old[..], new] {
            self.mac.update(part);
            let room = plain.get_mut(written..).unwrap_or_default();
            written += self.cipher.less_safe_update(part, room).map_err(|_| damaged())?.written().len();
        }
        self.held.extend_from_slice(rest);
        plain.truncate(written);
        Ok(plain.freeze())
    }

    /// The end: what was held back, if everything is right.
    ///
    /// # Errors
    /// `SHA256_MISMATCH` for the encrypted bytes, else `DECRYPT_FAILED`.
    pub fn finish(self) -> Result<Bytes> {
        if let Some((hash, expected)) = self.encrypted
            && hex::encode(hash.finish()) != expected
        {
            let message = "the encrypted file does not have its fileEncSha256";
            return Err(Error::new(Code::Sha256Mismatch, message).at(Phase::Download));
        }
        let tag = self.mac.sign();
        let right = tag.as_ref().get(..MAC).is_some_and(|tag| verify_slices_are_equal(tag, &self.held).is_ok());
        if !right {
            return Err(damaged());
        }
        // Only now, so that the padding tells nothing to somebody who does not have the key of the MAC.
        let mut last = [0; BLOCK];
        let last = self.cipher.finish(&mut last).map_err(|_| damaged())?;
        Ok(Bytes::copy_from_slice(last.written()))
    }
}

fn damaged() -> Error {
    Error::new(Code::DecryptFailed, "the file and its media key do not go together").at(Phase::Download)
}

#[cfg(test)]
mod tests {
    use crate::pipeline::ingest::fuzz::{decrypted, encrypted, keys};

    /// Pieces end anywhere: in a block, in the MAC, between the two.
    #[test]
    fn pieces_of_any_length_give_the_same_file() {
        let keys = keys();
        for len in (0..80).chain([1_000, 4_096]) {
            let plain: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(len).collect();
            let file = encrypted(&keys, &plain);
            for piece in (1..50).chain([file.len()]) {
                assert!(decrypted(&keys, file.chunks(piece)).unwrap() == plain, "{len} bytes in pieces of {piece}");
            }
            for seed in 0..20 {
                let mut random = fastrand::Rng::with_seed(seed);
                let mut rest = file.as_slice();
                let pieces = std::iter::from_fn(|| {
                    let (piece, later) = rest.split_at(random.usize(..=rest.len().min(40)));
                    rest = later;
                    (!piece.is_empty() || !later.is_empty()).then_some(piece)
                });
                assert!(decrypted(&keys, pieces).unwrap() == plain, "{len} bytes, seed {seed}");
            }
        }
    }
}
