//! One front for all formats: feed it what you have, and it says what it needs next.

use std::ops::Range;

use super::{
    audio,
    format::Format,
    image, mp4,
    report::{Details, Report},
    sniff::{SNIFF_BYTES, sniff},
    verdict::{effective, verdict},
    window::{Stop, Window, optional},
};

/// How many bytes behind a wish are kept when they come unasked: a streaming caller feeds whole chunks, and what follows a
/// header is most often wanted next.
const KEEP_BYTES: u64 = 64 * 1024;

/// Most wishes of one inspection. After each of them the parser starts again, so a file made to be read in crumbs would
/// cost time that grows with their square.
const MOST_WISHES: u32 = 100;

/// What an inspection may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes held, which is also most bytes asked for. Default: 12 MiB, room for the largest movie box that is read
    /// ([`mp4::MOVIE_BYTES`]) and what stands around it.
    pub bytes: u64,
    /// Most wishes that are no continuation of what is known from the start: each costs a caller a read by Range.
    /// Default: 12. A file with its movie box at the end needs one or two.
    pub jumps: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 12 * 1024 * 1024, jumps: 12 }
    }
}

/// Where an inspection stands.
#[derive(Clone, Debug)]
pub enum Step {
    /// These bytes come next; the range lies inside the file and is not empty. Feed it in any pieces, in any order; a
    /// caller that streams the file and is not beyond `start` may just go on.
    Need(Range<u64>),
    /// Everything is known.
    Done(Box<Report>),
}

/// Finds out what a file of known length is, from as few of its bytes as that takes.
#[derive(Debug)]
pub struct Inspector {
    window: Window,
    declared: Option<String>,
    limits: Limits,
    jumps: u32,
    wishes: u32,
    state: Step,
}

impl Inspector {
    /// An inspection of a file of `len` bytes, of which a content type may have been declared.
    #[must_use]
    pub fn new(declared: Option<&str>, len: u64) -> Self {
        Self::with_limits(declared, len, Limits::default())
    }

    /// The same, with other limits.
    #[must_use]
    pub fn with_limits(declared: Option<&str>, len: u64, limits: Limits) -> Self {
        let mut inspector = Self {
            window: Window::new(len),
            declared: declared.map(str::to_owned),
            limits,
            jumps: 0,
            wishes: 0,
            state: Step::Need(0..len.min(SNIFF_BYTES)),
        };
        if len == 0 {
            inspector.advance();
        }
        inspector
    }

    /// Where the inspection stands.
    #[must_use]
    pub const fn step(&self) -> &Step {
        &self.state
    }

    /// Gives it bytes of the file. What is not needed is not kept.
    pub fn feed(&mut self, offset: u64, bytes: &[u8]) -> &Step {
        let end = offset.saturating_add(bytes.len() as u64);
        while let Step::Need(need) = &self.state {
            // Known bytes in front of the wish were kept already; a chunk is cut to what may still be wanted.
            let room = self.limits.bytes.saturating_sub(self.window.held());
            let wanted_end = need.end.max(need.start.saturating_add(KEEP_BYTES.min(room)));
            let (from, to) = (need.start.max(offset), wanted_end.min(end));
            let part = if from < to { slice(bytes, from - offset, to - offset) } else { &[] };
            if self.window.insert(from, part) == 0 {
                break;
            }
            let missing = self.window.missing(need.clone());
            if missing.is_empty() {
                self.advance();
            } else {
                self.state = Step::Need(missing);
            }
        }
        &self.state
    }

    /// Ends the inspection with what is known: for a caller that cannot or will not read what is needed.
    #[must_use]
    pub fn finish(mut self) -> Report {
        loop {
            match self.state {
                Step::Done(report) => return *report,
                Step::Need(_) => {
                    self.window.close();
                    self.advance();
                }
            }
        }
    }

    /// Looks at what is known. A wish beyond the limits ends the inspection with what can be said without.
    fn advance(&mut self) {
        let stop = match self.examine() {
            Ok(report) => {
                self.state = Step::Done(Box::new(report));
                return;
            }
            Err(stop) => stop,
        };
        if let Stop::Need(range) = stop {
            let is_jump = range.start > self.window.head().len() as u64;
            let jumps = self.jumps.saturating_add(u32::from(is_jump));
            let held = self.window.held().saturating_add(range.end.saturating_sub(range.start));
            self.wishes += 1;
            if jumps <= self.limits.jumps && held <= self.limits.bytes && self.wishes <= MOST_WISHES {
                self.jumps = jumps;
                self.state = Step::Need(range);
                return;
            }
        }
        self.window.close();
        let report = self.examine().unwrap_or_else(|_| self.report(None, Details::Unread));
        self.state = Step::Done(Box::new(report));
    }

    fn examine(&self) -> Result<Report, Stop> {
        // Less than that is known only where the caller gave up, or the file is smaller.
        let head = self.window.head();
        let enough = self.window.len().min(SNIFF_BYTES);
        if (head.len() as u64) < enough {
            optional(self.window.get(0, enough))?;
        }
        let Some(format) = sniff(head) else { return Ok(self.report(None, Details::None)) };
        let details = if image::is_probed(format) {
            image::probe(&self.window, format).map(Details::Image)
        } else if audio::is_probed(format) {
            audio::probe(&self.window, format).map(Details::Audio)
        } else if format.is_iso_media() {
            mp4::probe(&self.window).map(|mp4| Details::Mp4(Box::new(mp4)))
        } else {
            Ok(Details::None)
        };
        let details = match details {
            Ok(details) => details,
            Err(Stop::Broken(why)) => Details::Broken(why),
            Err(Stop::Closed) => Details::Unread,
            Err(need @ Stop::Need(_)) => return Err(need),
        };
        Ok(self.report(Some(settled(format, &details)), details))
    }

    fn report(&self, format: Option<Format>, details: Details) -> Report {
        let declared = self.declared.as_deref();
        Report {
            format,
            verdict: verdict(declared, format),
            mime: typed(declared, format, &details),
            details,
            len: self.window.len(),
            read: self.window.held(),
        }
    }
}

/// The brand of a file does not say whether there are pictures in it; its tracks do.
fn settled(format: Format, details: &Details) -> Format {
    match details {
        Details::Mp4(mp4)
            if mp4.video().is_none() && mp4.audio().is_some() && matches!(format, Format::Mp4 | Format::Mov) =>
        {
            Format::M4a
        }
        Details::Mp4(mp4) if mp4.video().is_some() && format == Format::M4a => Format::Mp4,
        _ => format,
    }
}

/// The content type, by the tracks too where they are known: the mobile profile has one name for sound and one for pictures.
fn typed(declared: Option<&str>, format: Option<Format>, details: &Details) -> String {
    let declared = match details {
        Details::Mp4(mp4) if mp4.video().is_some() => None,
        Details::Mp4(mp4) if mp4.audio().is_some() && format == Some(Format::ThreeGp) => {
            declared.filter(|declared| declared.starts_with("audio/")).or(Some("audio/3gpp"))
        }
        _ => declared,
    };
    effective(declared, format)
}

fn slice(bytes: &[u8], from: u64, to: u64) -> &[u8] {
    let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
    bytes.get(at(from)..at(to)).unwrap_or_default()
}
