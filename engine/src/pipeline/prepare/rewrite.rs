//! A film sent with its index in front: the source is read once from its beginning to its end, and what comes is passed on
//! in the order of the plan. So the download resumes, is shared and is verified like any other.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::{
    error::{Code, Error, Phase, Result},
    media::faststart::{Plan, Segment},
};

/// Bytes of a source on their way into another order.
pub struct Rewrite {
    segments: VecDeque<Segment>,
    /// The part that is sent in another form: its place, and the bytes it must have, because the plan is made of them.
    moved: (u64, Bytes),
    ready: VecDeque<Bytes>,
    /// What the next byte's place in the source is.
    at: u64,
    source_len: u64,
    len: u64,
}

impl Rewrite {
    /// A rewrite of a source of `source_len` bytes.
    pub fn new(plan: Plan, source_len: u64) -> Self {
        let Plan { segments, len, moved } = plan;
        Self { segments: segments.into(), moved, ready: VecDeque::new(), at: 0, source_len, len }
    }

    /// Bytes of all that will come out.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// The next bytes of the source.
    ///
    /// # Errors
    /// `SOURCE_CHANGED` when the index is not the one that was looked at.
    pub fn push(&mut self, mut piece: Bytes) -> Result<()> {
        while !piece.is_empty() {
            let from = self.moved.0;
            let end = from + self.moved.1.len() as u64;
            if (from..end).contains(&self.at) {
                let part = self.take(&mut piece, end - self.at);
                let seen = usize::try_from(self.at - part.len() as u64 - from).unwrap_or(usize::MAX);
                if self.moved.1.get(seen..).is_none_or(|rest| !rest.starts_with(&part)) {
                    return Err(Error::new(Code::SourceChanged, "the index of the film is not the one read before")
                        .at(Phase::Download));
                }
                continue;
            }
            match self.segments.pop_front() {
                Some(Segment::Literal(bytes)) => self.ready.push_back(bytes),
                Some(Segment::Range { from, len }) if from == self.at => {
                    let part = self.take(&mut piece, len);
                    let left = len - part.len() as u64;
                    self.ready.push_back(part);
                    if left > 0 {
                        self.segments.push_front(Segment::Range { from: self.at, len: left });
                    }
                }
                _ => return Err(Error::new(Code::Internal, "the plan of a film does not fit it").at(Phase::Download)),
            }
        }
        Ok(())
    }

    fn take(&mut self, piece: &mut Bytes, most: u64) -> Bytes {
        let part = piece.split_to(usize::try_from(most).unwrap_or(usize::MAX).min(piece.len()));
        self.at += part.len() as u64;
        part
    }

    /// The next bytes to send. The last piece is held back until the source has been read, and so verified, to its end: an
    /// index at the end is the last that is read and the first that was sent.
    pub fn pop(&mut self) -> Option<Bytes> {
        let held = usize::from(self.at < self.source_len);
        if self.ready.len() > held { self.ready.pop_front() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        // ftyp at 0..4, media 4..10, index 10..14, free 14..16.
        Plan {
            segments: vec![
                Segment::Range { from: 0, len: 4 },
                Segment::Literal(Bytes::from_static(b"INDEX")),
                Segment::Range { from: 4, len: 6 },
                Segment::Range { from: 14, len: 2 },
            ],
            len: 17,
            moved: (10, Bytes::from_static(b"inde")),
        }
    }

    fn run(source: &[u8], cut: usize) -> Result<(Vec<u8>, usize)> {
        let mut rewrite = Rewrite::new(plan(), source.len() as u64);
        let (mut out, mut before_end) = (Vec::new(), 0);
        for piece in source.chunks(cut) {
            before_end = out.len();
            rewrite.push(Bytes::copy_from_slice(piece))?;
            while let Some(bytes) = rewrite.pop() {
                out.extend_from_slice(&bytes);
            }
        }
        assert_eq!(out.len() as u64, rewrite.len());
        Ok((out, before_end))
    }

    #[test]
    fn every_cut_gives_the_same_file_and_none_is_whole_before_its_source_is() {
        for cut in 1..=16 {
            let (out, before_end) = run(b"ftypMEDIA!indeFR", cut).unwrap();
            assert_eq!(out, b"ftypINDEXMEDIA!FR", "pieces of {cut}");
            assert!(before_end < out.len(), "pieces of {cut}");
        }
    }

    /// The index was read by a request of its own: one that says something else placed every sample wrong.
    #[test]
    fn another_index_than_the_one_that_was_planned_with_is_found_out() {
        for cut in 1..=16 {
            assert_eq!(run(b"ftypMEDIA!indXFR", cut).unwrap_err().code, Code::SourceChanged, "pieces of {cut}");
        }
    }

    #[test]
    fn a_file_that_ends_with_its_index_is_held_back_until_it_was_read() {
        let mut short = plan();
        short.segments.pop();
        short.len = 15;
        let mut rewrite = Rewrite::new(short, 14);
        rewrite.push(Bytes::from_static(b"ftypMEDIA!")).unwrap();
        let mut sent = Vec::new();
        while let Some(bytes) = rewrite.pop() {
            sent.extend_from_slice(&bytes);
        }
        assert_eq!(sent, b"ftypINDEX");
        rewrite.push(Bytes::from_static(b"inde")).unwrap();
        assert_eq!(rewrite.pop().as_deref(), Some(&b"MEDIA!"[..]));
        assert_eq!(rewrite.pop(), None);
    }
}
