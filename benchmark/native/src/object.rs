//! The objects served: every object is a prefix of one repeated block, so its SHA-256 is known without storing it.

use std::sync::OnceLock;

/// Length of the repeated block, in bytes. Small enough to stay in the processor's cache: the server must be cheap.
pub const BLOCK: usize = 256 * 1024;

/// The block: bytes of a fixed xorshift sequence, so that nothing on the way can compress or deduplicate it.
pub fn block() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut bytes = Vec::with_capacity(BLOCK);
        while bytes.len() < BLOCK {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend_from_slice(&state.to_le_bytes());
        }
        bytes
    })
}

/// The pieces of an object of `size` bytes, in order.
pub fn pieces(size: u64) -> impl Iterator<Item = &'static [u8]> {
    let bytes = block();
    let mut left = size;
    std::iter::from_fn(move || {
        let take = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        left -= take as u64;
        (take > 0).then(|| &bytes[..take])
    })
}

/// SHA-256 of an object of `size` bytes, in lower-case hex.
#[must_use]
pub fn sha256(size: u64) -> String {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for piece in pieces(size) {
        context.update(piece);
    }
    hex(context.finish().as_ref())
}

/// Lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_as_long_as_its_name_says() {
        for size in [0, 1, BLOCK as u64 - 1, BLOCK as u64, BLOCK as u64 + 1, 3 * BLOCK as u64 + 7] {
            assert_eq!(pieces(size).map(<[u8]>::len).sum::<usize>() as u64, size);
        }
    }

    #[test]
    fn the_hash_of_nothing_is_the_published_one() {
        assert_eq!(sha256(0), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
