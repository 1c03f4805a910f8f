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
        /// What came by.
        offset: u64,
    },
}

impl Look {
    /// A look at a medium, of which the length may be known.
    pub fn new(declared: Option<&str>, len: Option<u64>) -> Self {
        match len {
            Some(len) => {
                let inspector = Box::new(Inspector::with_limits(declared, len, LIMITS));
                Self::Passing { inspector, offset: 0 }
            }
            None => {
                Self::Ends { declared: declared.map(str::to_owned), head: Vec::new(), tail: VecDeque::new(), offset: 0 }
            }
        }
    }

    /// The next piece.
    pub fn see(&mut self, piece: &Bytes) {
        let len = piece.len() as u64;
        match self {
            Self::Passing { inspector, offset } => {
                inspector.feed(*offset, piece);
                *offset += len;
            }
            Self::Ends { head, tail, offset, .. } => {
                if *offset < END {
                    head.push(piece.clone());
                }
                *offset += len;
                tail.push_back(piece.clone());
                let mut kept: u64 = tail.iter().map(|piece| piece.len() as u64).sum();
                while let Some(first) = tail.front().map(|first| first.len() as u64).filter(|len| kept - len >= END) {
                    kept -= first;
                    tail.pop_front();
                }
            }
        }
    }

    /// What was seen.
    pub fn finish(self) -> Report {
        match self {
            Self::Passing { inspector, .. } => inspector.finish(),
            Self::Ends { declared, head, tail, offset } => {
                let mut inspector = Inspector::with_limits(declared.as_deref(), offset, LIMITS);
                let kept: u64 = tail.iter().map(|piece| piece.len() as u64).sum();
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
