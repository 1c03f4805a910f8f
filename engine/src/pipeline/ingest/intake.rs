//! The stream of an ingest: what comes from the source, decrypted, counted and hashed; its end comes only when all of that is right.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;

use super::{
    decrypt::{Decrypter, MAC},
    meter::{Meter, Sums},
    open::Opened,
    source::Source,
};
use crate::{
    error::{Code, Error, Phase, Result},
    executor::Trace,
    http::Timeouts,
    media::sniff::SNIFF_BYTES,
};

/// The longest padding, and the MAC.
const MOST_OVERHEAD: u64 = 16 + MAC as u64;

/// A medium on its way.
pub struct Intake {
    source: Source,
    cipher: Option<Decrypter>,
    meter: Option<Meter>,
    /// Read ahead, to be handed out first.
    ahead: VecDeque<Bytes>,
    sums: Option<Sums>,
    trace: Arc<Trace>,
    timeouts: Timeouts,
}

impl Intake {
    /// Begins. Nothing is read yet.
    ///
    /// # Errors
    /// `TOO_LARGE` where the source says so itself.
    pub fn new(opened: Opened, meter: Meter, timeouts: Timeouts, trace: Arc<Trace>) -> Result<Self> {
        let Opened { source, cipher } = opened;
        if let Some(len) = source.len() {
            // Of an encrypted one this is known but for its padding.
            meter.declared(if cipher.is_some() { len.saturating_sub(MOST_OVERHEAD) } else { len })?;
        }
        Ok(Self { source, cipher, meter: Some(meter), ahead: VecDeque::new(), sums: None, trace, timeouts })
    }

    /// The exact length, where it is known before the end.
    pub fn len(&self) -> Option<u64> {
        if self.cipher.is_some() { None } else { self.source.len() }
    }

    /// What the other side says the medium is.
    pub fn content_type(&self) -> Option<&str> {
        // What lies on a server of encrypted files is no type of media.
        if self.cipher.is_some() { None } else { self.source.content_type() }
    }

    /// The first bytes, as many as a sniffer looks at, or all there are. They are handed out again by [`Intake::next`].
    ///
    /// # Errors
    /// As [`Intake::next`]; for an empty medium `TYPE_REFUSED`.
    pub async fn head(&mut self) -> Result<Bytes> {
        let wanted = usize::try_from(SNIFF_BYTES).unwrap_or(usize::MAX);
        let mut known = 0;
        while known < wanted
            && let Some(piece) = self.read().await?
        {
            known += piece.len();
            self.ahead.push_back(piece);
        }
        match self.ahead.make_contiguous() {
            [] => Err(Error::new(Code::TypeRefused, "the medium is empty").at(Phase::Download)),
            [first, rest @ ..] if rest.is_empty() || first.len() >= wanted => {
                // Not a slice: the memory behind a piece is used again as soon as the piece is written.
                Ok(Bytes::copy_from_slice(first.get(..wanted).unwrap_or(first)))
            }
            pieces => {
                let mut head = pieces.concat();
                head.truncate(wanted);
                Ok(head.into())
            }
        }
    }

    /// The next piece; `None` at the end, and then everything was right: no length, MAC, padding or hash was wrong.
    ///
    /// # Errors
    /// Those of the source; `TOO_LARGE`, `DECRYPT_FAILED`, `SHA256_MISMATCH`.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        match self.ahead.pop_front() {
            Some(piece) => Ok(Some(piece)),
            None => self.read().await,
        }
    }

    /// The sums, after the end.
    ///
    /// # Errors
    /// `INTERNAL` before it.
    pub fn sums(self) -> Result<Sums> {
        self.sums.ok_or_else(|| Error::new(Code::Internal, "a medium was stored before its end"))
    }

    async fn read(&mut self) -> Result<Option<Bytes>> {
        while self.sums.is_none() {
            self.trace.reading(true);
            let piece = self.source.chunk(&self.timeouts).await;
            self.trace.reading(false);
            self.trace.resumed(self.source.resumes());
            let plain = match piece? {
                Some(piece) => {
                    self.trace.moved_in(piece.len());
                    self.decrypt(piece)?
                }
                None => self.finish()?,
            };
            if !plain.is_empty() {
                return Ok(Some(plain));
            }
        }
        Ok(None)
    }

    fn decrypt(&mut self, piece: Bytes) -> Result<Bytes> {
        let plain = match &mut self.cipher {
            Some(cipher) => cipher.update(&piece)?,
            None => piece,
        };
        if let Some(meter) = &mut self.meter {
            meter.add(&plain)?;
        }
        Ok(plain)
    }

    /// The end of the source: what the cipher held back, if everything was right.
    fn finish(&mut self) -> Result<Bytes> {
        self.trace.read();
        let last = self.cipher.take().map(Decrypter::finish).transpose()?.unwrap_or_default();
        if let Some(mut meter) = self.meter.take() {
            meter.add(&last)?;
            self.sums = Some(meter.finish()?);
        }
        Ok(last)
    }
}
