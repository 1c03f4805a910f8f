//! How long a file in fragments plays (ISO/IEC 14496-12 §8.8). Its movie box does not say so, or not for sure; in their
//! order: `mehd`, a segment index in front that covers the file, the random access index at the end, every fragment.

use std::time::Duration;

use super::{
    boxes::{Children, Kind, child, full},
    layout::{Layout, TopBox},
    lenient,
    movie::Movie,
};
use crate::media::{
    cursor::ticks,
    window::{Parse, Stop, Window},
};

/// The largest index or fragment header that is read.
const INDEX_BYTES: u64 = 1024 * 1024;

/// Asked for at once at a fragment: its header and that of the data behind it.
const AHEAD: u64 = 4096;

/// Most boxes looked at for indexes.
const MOST_INDEXES: usize = 16;

/// Most fragments walked over.
const MOST_FRAGMENTS: usize = 2000;

pub(super) fn duration(window: &Window, layout: &Layout, movie: &Movie) -> Parse<Option<Duration>> {
    if let Some(count) = movie.fragments_duration {
        return Ok(ticks(count, movie.timescale));
    }
    let Some(moov) = layout.movie() else { return Ok(None) };
    if let Some(indexed) = lenient(segment_index(window, moov.end()))? {
        return Ok(Some(indexed));
    }
    // Live recordings do not start at 0: the first fragment's time is what all others count from.
    let mut clock = Clock::new(movie);
    let Some(first) = lenient(next_fragment(window, moov.end()))? else { return Ok(movie.duration) };
    lenient(clock.add(window, &first).map(Some))?;
    let from = lenient(last_indexed(window, first.offset))?.unwrap_or(first.end());
    // What the movie box says is the first fragment's at best, so a walk that did not end leaves nothing to say.
    Ok(lenient(clock.run(window, from).map(Some))?.and_then(|()| clock.elapsed(movie)))
}

/// The duration that segment indexes give, one for each track, where they follow the movie box and cover all that comes
/// behind them. One in front of every fragment (DASH) covers that fragment only.
fn segment_index(window: &Window, mut at: u64) -> Parse<Option<Duration>> {
    let mut longest = None;
    for _ in 0..MOST_INDEXES {
        let Some(found) = TopBox::read(window, at, AHEAD)? else { break };
        match &found.kind {
            b"sidx" if found.size <= INDEX_BYTES && !found.is_cut => {
                let body = window.get(found.offset, found.size)?.get(usize::from(found.header)..).unwrap_or_default();
                let Some((covered, duration)) = read_segment_index(body) else { return Ok(None) };
                let end = found.end().saturating_add(covered);
                let next = if end < window.len() { TopBox::read(window, end, 16)? } else { None };
                if end != window.len() && next.is_none_or(|next| next.kind != *b"mfra") {
                    return Ok(None);
                }
                longest = longest.max(duration);
            }
            b"free" | b"styp" | b"emsg" | b"prft" | b"uuid" => {}
            _ => break,
        }
        at = found.end();
    }
    Ok(longest)
}

/// The bytes behind the index that it covers, and their duration.
fn read_segment_index(body: &[u8]) -> Option<(u64, Option<Duration>)> {
    let (version, _, mut cursor) = full(body)?;
    cursor.skip(4)?;
    let timescale = cursor.be32()?;
    let wide = |cursor: &mut crate::media::cursor::Cursor| {
        if version == 0 { cursor.be32().map(u64::from) } else { cursor.be64() }
    };
    let (_, mut covered) = (wide(&mut cursor)?, wide(&mut cursor)?);
    cursor.skip(2)?;
    let mut count: u64 = 0;
    for _ in 0..cursor.be16()? {
        covered = covered.checked_add(u64::from(cursor.be32()? & 0x7FFF_FFFF))?;
        count = count.checked_add(u64::from(cursor.be32()?))?;
        cursor.skip(4)?;
    }
    Some((covered, ticks(count, timescale)))
}

/// The next movie fragment box at or behind `at`; `None` at the end.
fn next_fragment(window: &Window, mut at: u64) -> Parse<Option<TopBox>> {
    for _ in 0..MOST_FRAGMENTS {
        let Some(found) = TopBox::read(window, at, AHEAD)? else { return Ok(None) };
        match &found.kind {
            b"moof" if found.is_cut => return Ok(None),
            b"moof" => return Ok(Some(found)),
            b"mfra" => return Ok(None),
            _ => at = found.end(),
        }
    }
    Ok(None)
}

/// Where the last fragment starts that the random access index at the end of the file names.
fn last_indexed(window: &Window, after: u64) -> Parse<Option<u64>> {
    // The index ends with its own length (`mfro`), so that it can be found from the end.
    let Some(tail) = window.len().checked_sub(16) else { return Ok(None) };
    let [_, _, _, _, kind @ .., _, _, _, _] = *window.get(tail, 16)?.first_chunk::<12>().ok_or(Stop::Closed)?;
    let len = u64::from(u32::from_be_bytes(window.array(window.len() - 4)?));
    let kind: Kind = kind;
    if kind != *b"mfro" || !(16..=INDEX_BYTES).contains(&len) || len > window.len() {
        return Ok(None);
    }
    let index = window.get(window.len() - len, len)?;
    let Some(index) = child(index, *b"mfra") else { return Ok(None) };
    let tables = Children::new(index).filter(|table| table.kind == *b"tfra");
    Ok(tables.filter_map(|table| last_entry(table.body)).filter(|at| *at > after && *at < window.len()).max())
}

fn last_entry(body: &[u8]) -> Option<u64> {
    let (version, _, mut cursor) = full(body)?;
    cursor.skip(4)?;
    let lengths = cursor.be32()?;
    let count = usize::try_from(cursor.be32()?).ok()?;
    let numbers = (0..3).map(|i| ((lengths >> (2 * i)) & 3) as usize + 1).sum::<usize>();
    let wide = version == 1;
    let entry = numbers + if wide { 16 } else { 8 };
    cursor.skip(entry.checked_mul(count.checked_sub(1)?)?)?;
    cursor.skip(if wide { 8 } else { 4 })?;
    if wide { cursor.be64() } else { cursor.be32().map(u64::from) }
}

/// First and last tick of a track that was seen in fragments.
struct Span {
    id: u32,
    first: Option<u64>,
    end: u64,
}

struct Clock {
    spans: Vec<Span>,
    defaults: Vec<(u32, u32)>,
}

impl Clock {
    fn new(movie: &Movie) -> Self {
        let defaults = movie.tracks.iter().map(|track| (track.id, track.default_sample_duration)).collect();
        // Samples that the movie box itself lists play first.
        let span =
            |track: &super::Track| Span { id: track.id, first: (track.ticks > 0).then_some(0), end: track.ticks };
        Self { spans: movie.tracks.iter().map(span).collect(), defaults }
    }

    /// Adds every fragment from `at` to the end.
    fn run(&mut self, window: &Window, mut at: u64) -> Parse<()> {
        for _ in 0..MOST_FRAGMENTS {
            let Some(found) = next_fragment(window, at)? else { return Ok(()) };
            self.add(window, &found)?;
            at = found.end();
        }
        Err(Stop::Broken("too many fragments"))
    }

    fn add(&mut self, window: &Window, fragment: &TopBox) -> Parse<()> {
        if fragment.size > INDEX_BYTES {
            return Err(Stop::Broken("a fragment's header is too large"));
        }
        // The header of the data behind it comes along, so that a walk costs one read a fragment.
        let whole = window.get_ahead(fragment.offset, fragment.size, fragment.size.saturating_add(AHEAD))?;
        for part in Children::new(whole.get(usize::from(fragment.header)..).unwrap_or_default()) {
            if part.kind == *b"traf" {
                self.add_track(part.body).ok_or("a fragment is broken")?;
            }
        }
        Ok(())
    }

    fn add_track(&mut self, body: &[u8]) -> Option<()> {
        let (_, flags, mut header) = full(child(body, *b"tfhd")?)?;
        let id = header.be32()?;
        let Some(span) = self.spans.iter_mut().find(|span| span.id == id) else { return Some(()) };
        header.skip(if flags & 1 != 0 { 8 } else { 0 })?;
        header.skip(if flags & 2 != 0 { 4 } else { 0 })?;
        let default = self.defaults.iter().find(|(track, _)| *track == id).map_or(0, |(_, default)| *default);
        let default = if flags & 8 != 0 { header.be32()? } else { default };
        let start = match child(body, *b"tfdt").and_then(full) {
            Some((0, _, mut time)) => u64::from(time.be32()?),
            Some((_, _, mut time)) => time.be64()?,
            None => span.end,
        };
        let mut end = start;
        for run in Children::new(body).filter(|part| part.kind == *b"trun") {
            end = end.checked_add(run_duration(run.body, default)?)?;
        }
        span.first = Some(span.first.map_or(start, |first| first.min(start)));
        span.end = span.end.max(end);
        Some(())
    }

    /// From the first tick to the last, of the track that plays longest.
    fn elapsed(&self, movie: &Movie) -> Option<Duration> {
        let of = |track: &super::Track| {
            let span = self.spans.iter().find(|span| span.id == track.id)?;
            ticks(span.end.checked_sub(span.first?)?, track.timescale)
        };
        movie.tracks.iter().filter_map(of).max().filter(|elapsed| !elapsed.is_zero())
    }
}

/// Ticks of all samples of one run.
fn run_duration(body: &[u8], default: u32) -> Option<u64> {
    let (_, flags, mut cursor) = full(body)?;
    let count = cursor.be32()?;
    cursor.skip(if flags & 1 != 0 { 4 } else { 0 })?;
    cursor.skip(if flags & 4 != 0 { 4 } else { 0 })?;
    if flags & 0x100 == 0 {
        return Some(u64::from(count) * u64::from(default));
    }
    // Size, flags and composition offset of a sample, each where its flag says so.
    let others = [0x200, 0x400, 0x800].into_iter().filter(|flag| flags & flag != 0).count() * 4;
    let mut total: u64 = 0;
    for _ in 0..count {
        total = total.checked_add(u64::from(cursor.be32()?))?;
        cursor.skip(others)?;
    }
    Some(total)
}
