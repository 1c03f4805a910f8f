//! Looks into a file while it is read for its upload.

use std::{ops::Range, sync::Arc};

use crate::{
    error::{Class, Result},
    media::{
        Inspector, Report, Step,
        inspect::Limits,
        is_specific,
        report::Details,
        sniff::{SNIFF_BYTES, sniff},
        verdict::{effective, verdict},
    },
    pipeline::{PrewarmJob, source::Source, transfer::Begun},
    telegram::Kind,
};

/// What lies no further ahead than this is reached by reading on: that costs nothing, the upload needs it anyway.
const READ_ON: u64 = 256 * 1024;

/// How often a file is read at another place. Each time is a request to the store. One is enough for the usual file with its
/// index at the end; what fragments say of themselves takes some more.
const fn most_jumps(kind: Kind) -> u32 {
    match kind {
        Kind::Video | Kind::Animation | Kind::VideoNote => 4,
        Kind::Audio | Kind::Voice => 2,
        // A picture says everything at its beginning.
        _ => 0,
    }
}

/// Looks; `None` where nothing is to be found out.
///
/// # Errors
/// Those of the source that a retry may cure. One that leaves the file unread is none: it is sent with less said about it.
pub async fn look(job: &PrewarmJob, kind: Kind, stored: Option<&str>, begun: &mut Begun) -> Result<Option<Report>> {
    if matches!(kind, Kind::Document | Kind::Sticker) {
        let is_told = job.file_name.is_some() && job.content_type.as_deref().is_some_and(is_specific);
        return Ok((!is_told).then(|| name(stored, begun)));
    }
    let len = begun.source().len();
    let mut inspector = Inspector::with_limits(stored, len, Limits { jumps: 16, ..Limits::default() });
    let mut offset = 0;
    for piece in begun.first() {
        inspector.feed(offset, piece);
        offset += piece.len() as u64;
    }
    let mut jumps = 0;
    let mut other = None;
    while let Step::Need(range) = inspector.step().clone() {
        let known = begun.known();
        if range.start < known {
            // It came by before it was wished for, and was not kept.
            let mut offset = 0;
            for piece in begun.first() {
                let end = offset + piece.len() as u64;
                if end > range.start {
                    inspector.feed(offset, piece);
                }
                offset = end;
            }
        } else if range.start - known <= READ_ON {
            let Some(piece) = begun.more().await? else { break };
            inspector.feed(known, piece);
        } else if jumps < most_jumps(kind) || Elsewhere::reaches(other.as_ref(), &range) {
            match Box::pin(Elsewhere::read(&mut other, &mut jumps, job, begun, range.clone())).await {
                Ok(Some(bytes)) => inspector.feed(range.start, &bytes),
                Err(error) if error.class() == Class::Transient => return Err(error),
                Ok(None) | Err(_) => break,
            };
        } else {
            break;
        }
    }
    Ok(Some(inspector.finish()))
}

/// What the first bytes say, and nothing more.
fn name(stored: Option<&str>, begun: &Begun) -> Report {
    let most = usize::try_from(SNIFF_BYTES).unwrap_or(usize::MAX);
    let mut head = Vec::new();
    let format = match begun.first().front() {
        Some(first) if first.len() >= most || begun.first().len() == 1 => sniff(first.get(..most).unwrap_or(first)),
        _ => {
            for piece in begun.first() {
                let room = most - head.len();
                head.extend_from_slice(piece.get(..room).unwrap_or(piece));
            }
            sniff(&head)
        }
    };
    Report {
        format,
        verdict: verdict(stored, format),
        mime: effective(stored, format),
        details: Details::None,
        len: begun.source().len(),
        read: 0,
    }
}

/// A second reader of the same file, at another place.
struct Elsewhere {
    source: Source,
    at: u64,
}

impl Elsewhere {
    /// Whether a reader that is open gets there without another request.
    fn reaches(other: Option<&Self>, range: &Range<u64>) -> bool {
        other.is_some_and(|other| other.at <= range.start && range.start - other.at <= READ_ON)
    }

    /// Reads a range; `None` where there is no second reader.
    async fn read(
        other: &mut Option<Self>,
        jumps: &mut u32,
        job: &PrewarmJob,
        begun: &mut Begun,
        range: Range<u64>,
    ) -> Result<Option<Vec<u8>>> {
        let trace = Arc::clone(begun.trace());
        if !Self::reaches(other.as_ref(), &range) {
            *jumps += 1;
            let source = begun.source().again(job.path.as_deref(), range.start).await?;
            *other = source.map(|source| Self { source, at: range.start });
        }
        let Some(reader) = other else { return Ok(None) };
        let mut bytes = Vec::new();
        while reader.at < range.end {
            trace.reading(true);
            let piece = reader.source.chunk().await;
            trace.reading(false);
            let Some(piece) = piece? else { break };
            trace.moved_in(if reader.source.fetched() { piece.len() } else { 0 });
            let skip = range.start.saturating_sub(reader.at);
            reader.at += piece.len() as u64;
            bytes.extend_from_slice(piece.get(usize::try_from(skip).unwrap_or(usize::MAX)..).unwrap_or_default());
        }
        // All that came is fed: what lies behind the wish is most often wished for next.
        Ok((!bytes.is_empty()).then_some(bytes))
    }
}
