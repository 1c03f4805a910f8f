//! SHA-256 and HMAC on whole blocks: what signing needs of them, with states that can be kept and are zeroed.
//!
//! The compression function is `sha2`'s; only the padding (FIPS 180-4 §5.1.1) and the two pads of HMAC (RFC 2104) are
//! here. The generic interfaces of `sha2` and `hmac` can keep a state too, but they copy a block buffer with it, and zero
//! nothing on drop as the workspace builds them.

use sha2::block_api::compress256;
use zeroize::{Zeroize, Zeroizing};

/// Bytes of a block.
const BLOCK: usize = 64;

type State = [u32; 8];

/// FIPS 180-4 §5.3.3.
const START: State =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// SHA-256 of everything in `text`. The padding is written behind the text and taken away again, so that one call
/// compresses all blocks where they lie.
pub fn digest(text: &mut Vec<u8>) -> [u8; 32] {
    let length = text.len();
    pad(text, length);
    let mut state = START;
    compress256(&mut state, text.as_chunks().0);
    text.truncate(length);
    bytes(&state)
}

/// Appends the padding of a message that has `total` bytes and ends where `tail` ends.
fn pad(tail: &mut Vec<u8>, total: usize) {
    const PADDING: [u8; BLOCK] = {
        let mut padding = [0; BLOCK];
        padding[0] = 0x80;
        padding
    };
    // The mark and zeroes up to the length: 1 to 64 bytes.
    let zeroes = (tail.len() + 9).next_multiple_of(BLOCK) - 8 - tail.len();
    tail.extend_from_slice(PADDING.get(..zeroes).unwrap_or_default());
    tail.extend_from_slice(&(total as u64 * 8).to_be_bytes());
}

fn bytes(state: &State) -> [u8; 32] {
    let mut out = [0; 32];
    for (to, word) in out.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *to = word.to_be_bytes();
    }
    out
}

/// A key as HMAC uses it: the state behind its inner pad, and the one behind its outer pad.
pub struct HmacKey {
    inner: State,
    outer: State,
}

impl HmacKey {
    /// Keys of any length: one of more than a block is hashed first, as RFC 2104 §3 says. (`AWS4` and a secret of R2 are 68
    /// bytes, so theirs always is; those of AWS never are.)
    pub fn new(key: &[u8]) -> Self {
        let mut block = Zeroizing::new([0_u8; BLOCK]);
        let hashed;
        let short = if key.len() > BLOCK {
            let mut copy = Zeroizing::new(Vec::with_capacity(key.len() + 2 * BLOCK));
            copy.extend_from_slice(key);
            hashed = Zeroizing::new(digest(&mut copy));
            hashed.as_slice()
        } else {
            key
        };
        for (to, from) in block.iter_mut().zip(short) {
            *to = *from;
        }
        let mut padded = |pad: u8| {
            block.iter_mut().for_each(|byte| *byte ^= pad);
            let mut state = START;
            compress256(&mut state, &[*block]);
            state
        };
        let inner = padded(0x36);
        Self { inner, outer: padded(0x36 ^ 0x5c) }
    }

    /// The MAC of `text`.
    pub fn mac(&self, text: &[u8]) -> [u8; 32] {
        self.start(text).finish(self, &[])
    }

    /// A message that begins with `text`. Its whole blocks are compressed now, and never again.
    pub fn start(&self, text: &[u8]) -> Started {
        let (blocks, rest) = text.as_chunks();
        let mut state = self.inner;
        compress256(&mut state, blocks);
        let mut tail = [0; BLOCK];
        for (to, from) in tail.iter_mut().zip(rest) {
            *to = *from;
        }
        Started { state, compressed: (blocks.len() + 1) * BLOCK, tail, tail_length: rest.len() }
    }
}

impl Drop for HmacKey {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

/// The kept beginning of a message.
pub struct Started {
    state: State,
    /// Bytes that are in the state, the pad's block among them.
    compressed: usize,
    tail: [u8; BLOCK],
    tail_length: usize,
}

impl Drop for Started {
    fn drop(&mut self) {
        self.state.zeroize();
    }
}

impl Started {
    /// The MAC of the beginning and `end` (at most one block of it).
    pub fn finish(&self, key: &HmacKey, end: &[u8]) -> [u8; 32] {
        // The rest of the beginning (below 64), the end (at most 64) and the padding (at least 9): three blocks.
        let mut last = [0_u8; 3 * BLOCK];
        let length = self.tail_length + end.len();
        // Whole copies, not a loop over bytes: this is a tenth of the signature's time otherwise.
        if let Some(head) = last.first_chunk_mut::<BLOCK>() {
            *head = self.tail;
        }
        if let Some(rest) = last.get_mut(self.tail_length..)
            && let Some((place, rest)) = rest.split_at_mut_checked(end.len())
        {
            place.copy_from_slice(end);
            // Behind the end is zero already: the kept block is zero behind its tail.
            if let Some(mark) = rest.first_mut() {
                *mark = 0x80;
            }
        }
        let padded = (length + 9).next_multiple_of(BLOCK);
        let bits = ((self.compressed + length) as u64 * 8).to_be_bytes();
        if let Some(place) = last.get_mut(padded - 8..padded) {
            place.copy_from_slice(&bits);
        }
        let mut inner = self.state;
        compress256(&mut inner, last.as_chunks().0.get(..padded / BLOCK).unwrap_or_default());

        let mut block = [0_u8; BLOCK];
        for (to, word) in block.as_chunks_mut::<4>().0.iter_mut().zip(&inner) {
            *to = word.to_be_bytes();
        }
        block[32] = 0x80;
        // One block of pad and 32 bytes: 768 bits.
        block[62] = 3;
        let mut outer = key.outer;
        compress256(&mut outer, &[block]);
        bytes(&outer)
    }
}

/// Lower-case hexadecimal. Arithmetic instead of a table: the compiler does all bytes at once.
pub fn hex(digest: &[u8; 32]) -> [u8; 64] {
    let mut out = [0; 64];
    for ([high, low], byte) in out.as_chunks_mut::<2>().0.iter_mut().zip(digest) {
        (*high, *low) = (digit(byte >> 4), digit(byte & 15));
    }
    out
}

/// `0` to `9`, then `a` to `f`.
const fn digit(nibble: u8) -> u8 {
    const GAP: u8 = b'a' - b'9' - 1;
    nibble + b'0' + if nibble > 9 { GAP } else { 0 }
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn digests_of_every_length_agree_with_the_library() {
        for length in 0..300 {
            let mut text: Vec<u8> = (0..length).map(|i| u8::try_from(i % 251).unwrap()).collect();
            let expected: [u8; 32] = Sha256::digest(&text).into();
            assert_eq!(digest(&mut text), expected, "{length}");
            assert_eq!(text.len(), length);
            assert_eq!(hex(&expected).as_slice(), hex::encode(expected).as_bytes());
        }
    }

    #[test]
    fn macs_of_every_key_and_prefix_length_agree_with_the_library() {
        let text = [b'x'; 400];
        for length in 0..260 {
            let key = vec![7_u8; length];
            let ours = HmacKey::new(&key);
            for (begin, end) in [(0, 0), (length, 64), (55, 0), (64, 64), (127, 64), (300, 1), (length, 0)] {
                let mut theirs = Hmac::<Sha256>::new_from_slice(&key).unwrap();
                theirs.update(&text[..begin + end]);
                let expected: [u8; 32] = theirs.finalize().into_bytes().into();
                let mac = ours.start(&text[..begin]).finish(&ours, &text[begin..begin + end]);
                assert_eq!(mac, expected, "key {length}, {begin} + {end}");
                assert_eq!(ours.mac(&text[..begin + end]), expected);
            }
        }
    }
}
