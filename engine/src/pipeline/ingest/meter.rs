//! Counts and hashes what is to be stored, and refuses it as soon as it is known to be too much, or at the end the wrong thing.

use aws_lc_rs::digest;

use crate::error::{Code, Error, Phase, Result};

/// The sums over a medium so far.
pub struct Meter {
    hash: digest::Context,
    bytes: u64,
    most: u64,
    expected: Vec<String>,
}

/// The sums over a whole medium.
#[derive(Clone, Debug)]
pub struct Sums {
    /// As lower-case hex.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
}

impl Meter {
    /// A meter that lets `most` bytes through, whose sha256 must be each of `expected`.
    pub fn new(most: u64, expected: impl IntoIterator<Item = String>) -> Self {
        Self { hash: digest::Context::new(&digest::SHA256), bytes: 0, most, expected: expected.into_iter().collect() }
    }

    /// Refuses a medium that says itself that it is too large, before a byte of it is read.
    ///
    /// # Errors
    /// `TOO_LARGE`.
    pub fn declared(&self, bytes: u64) -> Result<()> {
        if bytes <= self.most { Ok(()) } else { Err(self.too_large(&format!("{bytes} bytes"))) }
    }

    /// Counts a piece in.
    ///
    /// # Errors
    /// `TOO_LARGE`.
    pub fn add(&mut self, piece: &[u8]) -> Result<()> {
        self.bytes = self.bytes.saturating_add(piece.len() as u64);
        if self.bytes > self.most {
            return Err(self.too_large("it"));
        }
        self.hash.update(piece);
        Ok(())
    }

    /// The end.
    ///
    /// # Errors
    /// `SHA256_MISMATCH`.
    pub fn finish(self) -> Result<Sums> {
        let sha256 = hex::encode(self.hash.finish());
        if self.expected.iter().any(|expected| *expected != sha256) {
            let message = "the bytes do not have the sha256 they should have";
            return Err(Error::new(Code::Sha256Mismatch, message).at(Phase::Download));
        }
        Ok(Sums { sha256, bytes: self.bytes })
    }

    fn too_large(&self, what: &str) -> Error {
        Error::new(Code::TooLarge, format!("{what}: above the {} bytes of maxBytes", self.most)).at(Phase::Download)
    }
}
