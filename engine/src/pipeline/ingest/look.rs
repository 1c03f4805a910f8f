//! Finds out what a medium is while it goes by, where it is not on the disk to be looked at afterwards.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::media::{Inspector, Report, Step, inspect::Limits};

/// What an inspection keeps at most: the index of a film of some hours.
pub const LIMITS: Limits = Limits { bytes: 2 * 1024 * 1024, jumps: 16 };

/// What is kept of both ends of a medium of unknown length: headers, and the last page of an Ogg file, which says how long it is.
const END: u64 = 64 * 1024;

/// That a medium is to be looked into.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The declared type.
    pub declared: Option<String>,
    /// Its first bytes, which are here still.
    pub head: Bytes,
}

/// A look at a stream.
pub enum Look {
    /// The length is known: what is wanted is kept as it comes by.
    Passing {
        /// The inspection.
        inspector: Box<Inspector>,
        /// What came by.
        offset: u64,
    },
    /// The length is known at the end only: both ends are kept.
    Ends {
        /// The declared type.
        declared: Option<String>,
        /// The beginning, without a gap.
        head: Vec<Bytes>,
        /// The last pieces.
        tail: VecDeque<Bytes>,
        /// The bytes of those, counted along: who sends a byte at a time must not have us add up all of them for each.
        kept: u64,
        /// What came by.
        offset: u64,
    },
}

impl Look {
    /// A look at a medium, of which the length may be known.
    #[must_use]
    pub fn new(declared: Option<&str>, len: Option<u64>) -> Self {
        let Some(len) = len else {
            let declared = declared.map(str::to_owned);
            return Self::Ends { declared, head: Vec::new(), tail: VecDeque::new(), kept: 0, offset: 0 };
        };
        let inspector = Box::new(Inspector::with_limits(declared, len, LIMITS));
        Self::Passing { inspector, offset: 0 }
    }

    /// The next piece.
    pub fn see(&mut self, piece: &Bytes) {
        let len = piece.len() as u64;
        match self {
            Self::Passing { inspector, offset } => {
                inspector.feed(*offset, piece);
                *offset += len;
            }
            Self::Ends { head, tail, kept, offset, .. } => {
                if *offset < END {
                    head.push(piece.clone());
                }
                *offset += len;
                tail.push_back(piece.clone());
                *kept += len;
                while let Some(first) = tail.front().map(|first| first.len() as u64).filter(|len| *kept - len >= END) {
                    *kept -= first;
                    tail.pop_front();
                }
            }
        }
    }

    /// What was seen.
    #[must_use]
    pub fn finish(self) -> Report {
        match self {
            Self::Passing { inspector, .. } => inspector.finish(),
            Self::Ends { declared, head, tail, kept, offset } => {
                let mut inspector = Inspector::with_limits(declared.as_deref(), offset, LIMITS);
                let parts = [(0, head.concat()), (offset - kept, tail.into_iter().collect::<Vec<_>>().concat())];
                while let Step::Need(range) = inspector.step().clone() {
                    let covers = |(from, bytes): &&(u64, Vec<u8>)| {
                        *from <= range.start && range.start < *from + bytes.len() as u64
                    };
                    let Some((from, bytes)) = parts.iter().find(covers) else { break };
                    inspector.feed(*from, bytes);
                    // What it wants next it may want out of the same part.
                    if matches!(inspector.step(), Step::Need(next) if *next == range) {
                        break;
                    }
                }
                inspector.finish()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Details;

    /// 3,000 frames of Opus in Ogg: what it is stands in front, how long it plays at the end.
    fn ogg(pages: u32) -> Vec<u8> {
        let page = |flags: u8, granule: u64, sequence: u32, body: &[u8]| {
            let mut page = b"OggS\0".to_vec();
            page.push(flags);
            page.extend_from_slice(&granule.to_le_bytes());
            page.extend_from_slice(&7_u32.to_le_bytes());
            page.extend_from_slice(&sequence.to_le_bytes());
            page.extend_from_slice(&[0; 4]);
            page.push(1);
            page.push(u8::try_from(body.len()).unwrap());
            page.extend_from_slice(body);
            page
        };
        let mut file = page(2, 0, 0, b"OpusHead\x01\x01\0\0\x80\xBB\0\0\0\0\0");
        file.extend(page(0, 0, 1, b"OpusTags\0\0\0\0\0\0\0\0"));
        for number in 1..=pages {
            let flags = if number == pages { 4 } else { 0 };
            file.extend(page(flags, u64::from(number) * 48_000, number + 1, &[0xFC; 200]));
        }
        file
    }

    fn look(file: &[u8], piece: usize, len: Option<u64>) -> Report {
        let mut look = Look::new(None, len);
        for part in file.chunks(piece) {
            look.see(&Bytes::copy_from_slice(part));
        }
        look.finish()
    }

    #[test]
    fn the_end_is_seen_whatever_pieces_it_comes_in() {
        for pages in [1, 100, 2_000] {
            let file = ogg(pages);
            for piece in [100, 4_096, 65_536, file.len()] {
                for len in [Some(file.len() as u64), None] {
                    let report = look(&file, piece, len);
                    assert_eq!(report.mime, "audio/ogg", "{pages} {piece} {len:?}");
                    assert_eq!(report.seconds(), Some(pages), "{pages} {piece} {len:?}");
                }
            }
        }
    }

    /// Found by fuzzing: each byte cost a walk over all pieces kept, so that these took minutes.
    #[test]
    fn crumbs_cost_no_more_than_pieces() {
        let file = ogg(2_000);
        for len in [Some(file.len() as u64), None] {
            assert_eq!(look(&file, 1, len).seconds(), Some(2_000), "{len:?}");
        }
    }

    #[test]
    fn both_ends_are_all_that_is_kept() {
        let mut look = Look::new(None, None);
        let piece = Bytes::from(vec![0; 40_000]);
        for _ in 0..1_000 {
            look.see(&piece);
        }
        let Look::Ends { head, tail, offset, .. } = &look else { panic!("the length is unknown") };
        let kept = head.iter().chain(tail).map(Bytes::len).sum::<usize>();
        assert!(kept <= 4 * 40_000 + 2 * 65_536 && *offset == 40_000_000, "{kept}");
        assert!(matches!(look.finish().details, Details::None));
    }
}
