//! How long a presigned URL lives.

use super::super::MAX_EXPIRES;
use crate::error::{Code, Error, Result};

/// How long a presigned URL is valid, and where it carries the headers of Amazon's own.
#[derive(Clone, Copy, Debug)]
pub struct Expires {
    /// Seconds, 1…[`MAX_EXPIRES`].
    seconds: u32,
    /// Move `x-amz-*` headers into the query, where the caller of the URL need not send them.
    pub(super) hoist: bool,
}

impl Expires {
    /// Checks the life of a URL.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when it is not 1…604800 seconds.
    pub fn new(seconds: u32, hoist: bool) -> Result<Self> {
        if (1..=MAX_EXPIRES).contains(&seconds) {
            Ok(Self { seconds, hoist })
        } else {
            Err(Error::new(Code::InvalidArgument, "expiresIn: must be 1 to 604800 seconds"))
        }
    }

    /// Its decimal digits, after spaces.
    pub(super) fn text(self) -> [u8; 6] {
        let mut text = [b' '; 6];
        let mut rest = self.seconds;
        for place in text.iter_mut().rev() {
            if rest > 0 {
                *place = b'0' + u8::try_from(rest % 10).unwrap_or_default();
                rest /= 10;
            }
        }
        text
    }
}
