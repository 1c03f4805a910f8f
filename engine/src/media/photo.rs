//! What Telegram takes as a photo (<https://core.telegram.org/bots/api#sendphoto>), checked before a byte is sent.

use super::image::Image;

/// The limits of a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes. "10 MB" are 10 × 2²⁰ to Telegram's own library: `MAX_PHOTO_SIZE = 10 * (1 << 20)` in TDLib's
    /// `FileLoaderUtils`/`FileManager`, which the Bot API server is built on.
    pub bytes: u64,
    /// Most pixels of width and height together.
    pub sides: u64,
    /// Most times that the longer side may hold the shorter.
    pub ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 10 << 20, sides: 10_000, ratio: 20 }
    }
}

/// Why Telegram would refuse a picture as photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Too many bytes. May be cured by shrinking.
    #[error("{bytes} bytes: Telegram takes at most {most} as photo")]
    Bytes {
        /// Of the file.
        bytes: u64,
        /// The limit.
        most: u64,
    },
    /// Too many pixels. May be cured by shrinking.
    #[error("{width} x {height} pixels: Telegram takes a photo whose width and height are at most {most} together")]
    Sides {
        /// As shown.
        width: u32,
        /// As shown.
        height: u32,
        /// The limit.
        most: u64,
    },
    /// Too long and thin. No shrinking cures it.
    #[error("{width} x {height} pixels: Telegram takes a photo whose longer side is at most {most} times the shorter")]
    Ratio {
        /// As shown.
        width: u32,
        /// As shown.
        height: u32,
        /// The limit.
        most: u64,
    },
}

impl Refusal {
    /// Whether a smaller version of the picture would be taken.
    #[must_use]
    pub const fn shrinks(&self) -> bool {
        !matches!(self, Self::Ratio { .. })
    }
}

/// Holds a picture of `bytes` bytes against the limits. The ratio comes first, because nothing cures it.
///
/// # Errors
/// [`Refusal`]: the first limit that is passed.
pub fn check(bytes: u64, image: &Image, limits: &Limits) -> Result<(), Refusal> {
    let Image { width, height, .. } = *image;
    let (long, short) = (u64::from(width.max(height)), u64::from(width.min(height)));
    if long > short.saturating_mul(limits.ratio) {
        return Err(Refusal::Ratio { width, height, most: limits.ratio });
    }
    if long + short > limits.sides {
        return Err(Refusal::Sides { width, height, most: limits.sides });
    }
    if bytes > limits.bytes {
        return Err(Refusal::Bytes { bytes, most: limits.bytes });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_on_its_edge() {
        let limits = Limits::default();
        let of = |width, height| Image { width, height, orientation: 1, animated: false };
        assert_eq!(check(10_485_760, &of(5000, 5000), &limits), Ok(()));
        assert_eq!(check(10_485_761, &of(1, 1), &limits), Err(Refusal::Bytes { bytes: 10_485_761, most: 10_485_760 }));
        let sides = Refusal::Sides { width: 5001, height: 5000, most: 10_000 };
        assert_eq!(check(1, &of(5001, 5000), &limits), Err(sides));
        assert_eq!(check(1, &of(100, 2000), &limits), Ok(()));
        let ratio = Refusal::Ratio { width: 100, height: 2001, most: 20 };
        assert_eq!(check(1, &of(100, 2001), &limits), Err(ratio));
        assert!(sides.shrinks() && !ratio.shrinks());
        assert!(check(1, &of(u32::MAX, u32::MAX), &limits).is_err());
    }
}
