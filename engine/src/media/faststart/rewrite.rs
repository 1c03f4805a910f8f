//! The movie box with other chunk offsets (ISO/IEC 14496-12 §8.7.5).

use super::{Refusal, Shift};
use crate::media::mp4::boxes::{Child, Children, Kind, child};

/// The boxes on the way from the movie box to the chunk offsets.
const PATH: [Kind; 5] = [*b"moov", *b"trak", *b"mdia", *b"minf", *b"stbl"];

/// Bytes of a chunk offset box in front of its offsets: header, version and flags, count.
const TABLE_HEAD: usize = 16;

/// A table of chunk offsets.
struct Table<'a> {
    /// The offsets, as they stand in the file.
    entries: &'a [u8],
    /// Bytes of one: 4 (`stco`) or 8 (`co64`).
    width: usize,
    /// Whether it is written with 8 bytes although it had 4.
    widened: bool,
}

impl Table<'_> {
    fn offsets(&self) -> impl Iterator<Item = u64> {
        self.entries.chunks_exact(self.width).map(|entry| entry.iter().fold(0, |n, byte| (n << 8) | u64::from(*byte)))
    }

    fn count(&self) -> usize {
        self.entries.len() / self.width
    }

    /// Whether an offset would not fit into its entry.
    fn overflows(&self, shift: &Shift, coming: u64) -> Result<bool, Refusal> {
        let mut overflows = false;
        for offset in self.offsets() {
            let moved = shift.apply(offset, coming).ok_or(Refusal::Table("a chunk lies outside the media data"))?;
            overflows |= self.width == 4 && !self.widened && moved > u64::from(u32::MAX);
        }
        Ok(overflows)
    }
}

/// A movie box and its tables, in the order in which they stand.
pub(super) struct Tables<'a> {
    moov: Child<'a>,
    tables: Vec<Table<'a>>,
}

impl<'a> Tables<'a> {
    /// Finds the tables in a movie box, and refuses what places data in other ways.
    pub(super) fn find(moov: &'a [u8]) -> Result<Self, Refusal> {
        let moov = Children::new(moov).next().ok_or(Refusal::Incomplete)?;
        let mut found = Self { moov, tables: Vec::new() };
        found.collect(moov, 0)?;
        Ok(found)
    }

    fn collect(&mut self, parent: Child<'a>, depth: usize) -> Result<(), Refusal> {
        let mut children = Children::new(parent.body);
        for part in children.by_ref() {
            match &part.kind {
                b"stco" | b"co64" => self.tables.push(table(part)?),
                b"cmov" => return Err(Refusal::Placement("cmov")),
                b"mvex" => return Err(Refusal::Fragmented),
                b"saio" => return Err(Refusal::Placement("saio")),
                b"meta" if has_item_locations(part.body) => return Err(Refusal::Placement("iloc")),
                b"dinf" if !is_self_contained(part.body) => return Err(Refusal::Placement("dref")),
                kind if is_written(*kind, depth) => self.collect(part, depth + 1)?,
                _ => {}
            }
        }
        // QuickTime ends a list with a zero instead of a header.
        if children.rest().iter().all(|byte| *byte == 0) { Ok(()) } else { Err(Refusal::Incomplete) }
    }

    /// The movie box as it must be when it stands at `shift.insert`. Wider tables make it larger, which shifts the data
    /// further, so widths are settled first.
    pub(super) fn rewrite(mut self, shift: &Shift) -> Result<Vec<u8>, Refusal> {
        let coming = loop {
            let len = self.new_len();
            let mut again = false;
            for table in &mut self.tables {
                if table.overflows(shift, len)? {
                    table.widened = true;
                    again = true;
                }
            }
            if !again {
                break len;
            }
        };
        let mut writer = Writer { tables: self.tables.iter(), shift, coming, out: Vec::new() };
        writer.out.reserve_exact(usize::try_from(coming).map_err(|_| Refusal::Incomplete)?);
        writer.parent(self.moov, 0)?;
        Ok(writer.out)
    }

    /// Bytes of the new movie box: headers on the way to the tables are written in their short form.
    fn new_len(&self) -> u64 {
        let widened = self.tables.iter().filter(|table| table.widened).map(|table| table.count() * 4).sum::<usize>();
        (shortened(self.moov, 0) + widened) as u64
    }
}

fn table(found: Child) -> Result<Table, Refusal> {
    let width = if found.kind == *b"co64" { 8 } else { 4 };
    let count = found.body.get(4..8).and_then(|count| count.try_into().ok()).map(u32::from_be_bytes);
    let bytes = count.and_then(|count| usize::try_from(count).ok()?.checked_mul(width));
    let entries = bytes.and_then(|bytes| found.body.get(8..)?.get(..bytes));
    Ok(Table { entries: entries.ok_or(Refusal::Table("it is shorter than its count"))?, width, widened: false })
}

fn has_item_locations(body: &[u8]) -> bool {
    let in_full = body.get(4..).unwrap_or_default();
    child(body, *b"iloc").is_some() || child(in_full, *b"iloc").is_some()
}

/// Whether all samples stand in this file: the offsets of those in another one must not be shifted.
fn is_self_contained(dinf: &[u8]) -> bool {
    let Some(entries) = child(dinf, *b"dref").and_then(|dref| dref.get(8..)) else { return true };
    Children::new(entries).all(|entry| entry.body.get(3).is_some_and(|flags| flags & 1 != 0))
}

/// Whether a box is written anew, and not copied.
fn is_written(kind: Kind, depth: usize) -> bool {
    PATH.get(depth + 1) == Some(&kind)
}

/// Bytes of a box on the path when its tables keep their width.
fn shortened(parent: Child, depth: usize) -> usize {
    let mut children = Children::new(parent.body);
    let mut len = 8;
    for part in children.by_ref() {
        len += match &part.kind {
            b"stco" | b"co64" => table(part).map_or(0, |table| TABLE_HEAD + table.entries.len()),
            kind if is_written(*kind, depth) => shortened(part, depth + 1),
            _ => part.whole.len(),
        };
    }
    len + children.rest().len()
}

struct Writer<'a, 'b> {
    tables: std::slice::Iter<'b, Table<'a>>,
    shift: &'b Shift,
    coming: u64,
    out: Vec<u8>,
}

impl Writer<'_, '_> {
    fn parent(&mut self, parent: Child, depth: usize) -> Result<(), Refusal> {
        let start = self.open(parent.kind);
        let mut children = Children::new(parent.body);
        for part in children.by_ref() {
            match &part.kind {
                b"stco" | b"co64" => self.table(part)?,
                kind if is_written(*kind, depth) => self.parent(part, depth + 1)?,
                _ => self.out.extend_from_slice(part.whole),
            }
        }
        self.out.extend_from_slice(children.rest());
        self.close(start)
    }

    fn table(&mut self, found: Child) -> Result<(), Refusal> {
        let table = self.tables.next().ok_or(Refusal::Incomplete)?;
        let wide = table.width == 8 || table.widened;
        let start = self.open(if wide { *b"co64" } else { *b"stco" });
        // Version, flags and count stay.
        self.out.extend_from_slice(found.body.get(..8).unwrap_or_default());
        for offset in table.offsets() {
            let moved = self.shift.apply(offset, self.coming).ok_or(Refusal::Table("a chunk lies outside the file"))?;
            if wide {
                self.out.extend_from_slice(&moved.to_be_bytes());
            } else {
                let moved = u32::try_from(moved).map_err(|_| Refusal::Table("an offset does not fit"))?;
                self.out.extend_from_slice(&moved.to_be_bytes());
            }
        }
        self.close(start)
    }

    fn open(&mut self, kind: Kind) -> usize {
        let start = self.out.len();
        self.out.extend_from_slice(&[0; 4]);
        self.out.extend_from_slice(&kind);
        start
    }

    /// Writes the size of the box that was opened at `start`.
    fn close(&mut self, start: usize) -> Result<(), Refusal> {
        let size = u32::try_from(self.out.len() - start).map_err(|_| Refusal::Incomplete)?;
        let place = self.out.get_mut(start..start + 4).ok_or(Refusal::Incomplete)?;
        place.copy_from_slice(&size.to_be_bytes());
        Ok(())
    }
}
