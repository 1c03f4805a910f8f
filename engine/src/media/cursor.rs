//! A reader over a slice that can run out but not overrun.

/// What is left of a slice; every read answers `None` once it would pass the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) const fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    /// What was not read yet.
    pub(super) const fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn skip(&mut self, len: usize) -> Option<()> {
        self.take(len).map(drop)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn be16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn be32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn be64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn le16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn le32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn le64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

/// `count` ticks of a clock of `rate` ticks a second; `None` for a clock that does not tick.
pub(super) fn ticks(count: u64, rate: u32) -> Option<std::time::Duration> {
    let rate = u64::from(rate);
    let nanos = count.checked_rem(rate)?.checked_mul(1_000_000_000)?.checked_div(rate)?;
    Some(std::time::Duration::new(count.checked_div(rate)?, u32::try_from(nanos).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_cursor_ends_at_the_end() {
        let mut cursor = Cursor::new(&[0, 1, 2, 3, 4]);
        assert_eq!(cursor.be16(), Some(1));
        assert_eq!(cursor.be32(), None);
        assert_eq!(cursor.rest(), [2, 3, 4]);
        assert_eq!(cursor.skip(4), None);
        assert_eq!(cursor.le16(), Some(0x0302));
    }

    #[test]
    fn ticks_of_any_clock() {
        assert_eq!(ticks(1, 0), None);
        assert_eq!(ticks(44_101, 44_100), Some(Duration::new(1, 22_675)));
        assert_eq!(ticks(u64::MAX, u32::MAX), Some(Duration::from_nanos_u128(4_294_967_297 * 1_000_000_000)));
    }
}
