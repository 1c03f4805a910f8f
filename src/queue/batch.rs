//! Batches of a shared queue: one crossing for up to some thousand items.

use std::sync::Arc;

use warmpath_engine::{
    error::Result,
    queue::{Entry, Offer, Run},
};

use super::{
    broken, code,
    item::{Item, Kind, Texts, View},
    shared::Shared,
    split,
};
use crate::door::{Arguments, Builder, Function, Text, Value};

/// Bytes of texts that are handed over as one string. What JavaScript cuts out of it keeps all of it, so it is not long.
const CHUNK: usize = 8 * 1024;

/// What a batch works in.
#[derive(Default)]
pub struct Room {
    entries: Vec<Entry<Item>>,
    lengths: Vec<usize>,
    answers: Vec<Offer>,
    taken: Vec<(Item, usize)>,
    text: Vec<u8>,
}

/// Adds the functions of this file.
pub fn add(builder: Builder) -> Result<Builder> {
    builder.add::<PutMany>()?.add::<PutRun>()?.add::<TakeMany>()?.add::<More>()?.add::<Snapshot>()?.add::<Dropped>()
}

/// A text, as it is.
pub fn text<'e>(arguments: &Arguments<'e>, text: View<'_>) -> Result<Value<'e>> {
    match text {
        View::Bytes(bytes) => arguments.reply(bytes),
        View::Wide(units) => arguments.reply_wide(units),
    }
}

/// JSON text, marked by a tab, which JSON's own parser skips.
pub fn behind_tab<'e>(arguments: &Arguments<'e>, json: View<'_>) -> Result<Value<'e>> {
    let json = match json {
        View::Bytes(bytes) => bytes,
        View::Wide(units) => return arguments.reply_wide(&[&[u16::from(b'\t')], units].concat()),
    };
    let mut short = [b'\t'; 512];
    if let Some(room) = short.get_mut(1..=json.len()) {
        room.copy_from_slice(json);
        return arguments.reply(short.get(..=json.len()).unwrap_or_default());
    }
    arguments.reply(&[b"\t", json].concat())
}

/// `putMany(handle, count, text)`: the memory holds `kind, priority, length of the key or -1, length` for each, the bytes of those
/// that are bytes behind each other, and `text` each key and each text, in order. Afterwards the code of each answer stands in the
/// place of its kind. Returns how many items were dropped.
struct PutMany;

impl Function for PutMany {
    const NAME: &'static str = "putMany";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let count = arguments.bits(1)? as usize;
        let mut room = Text::new();
        let mut text = arguments.text(2, "entries", &mut room)?;
        let ascii = text.is_ascii();
        let shared = arguments.handle::<Shared>(0)?;
        let Room { entries, lengths, answers, .. } = &mut shared.room;
        let (queue, dropped) = (&shared.named.queue, &mut shared.dropped);
        let (mut bytes_in, mut bytes_out) = (0, 0);
        shared.scratch.with(|integers, memory| {
            let records = integers.get_mut(..count * 4).ok_or_else(|| broken("a batch is too long"))?;
            let mut memory = &*memory;
            entries.clear();
            lengths.clear();
            for record in records.as_chunks().0 {
                let &[kind, priority, key, length]: &[i32; 4] = record;
                let kind = Kind::from(kind.cast_unsigned())?;
                let key = if key < 0 { None } else { Some(Arc::from(split(&mut text, key, ascii)?)) };
                let bytes = if kind.is_text() {
                    split(&mut text, length, ascii)?.as_bytes()
                } else {
                    let length = usize::try_from(length).map_err(|_| broken("a length is negative"))?;
                    let (head, tail) = memory.split_at_checked(length).ok_or_else(|| broken("a batch is too long"))?;
                    memory = tail;
                    head
                };
                lengths.push(bytes.len());
                entries.push(Entry { item: Item::new(kind, bytes), key, priority });
            }
            answers.clear();
            dropped.clear();
            queue.push_many(entries, answers, dropped);
            entries.clear();
            let places = records.as_chunks_mut::<4>().0.iter_mut();
            for ((record, answer), length) in places.zip(&*answers).zip(&*lengths) {
                record[0] = code(*answer).cast_signed();
                bytes_in += if *answer == Offer::Queued { *length } else { 0 };
            }
            bytes_out = dropped.iter().map(|entry| entry.item.bytes(1)).sum();
            Ok(())
        })?;
        shared.named.bytes_in.add(bytes_in);
        shared.named.bytes_out.add(bytes_out);
        shared.account(arguments);
        arguments.count(u32::try_from(shared.dropped.len()).unwrap_or(u32::MAX))
    }
}

/// `putRun(handle, kind, count, text, wide)`: texts of one kind, without keys and priorities; the memory holds their lengths, `text` all of
/// them, `wide` is 1 where it is known not to be ASCII. `undefined`: all are queued. Else how many were before there was no room
/// for more; the code of each answer to the others stands in the memory, and behind them how many items were dropped.
struct PutRun;

impl Function for PutRun {
    const NAME: &'static str = "putRun";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let kind = Kind::from(arguments.bits(1)?)?;
        let count = arguments.bits(2)? as usize;
        let wide = arguments.bits(4)? != 0;
        let shared = arguments.handle::<Shared>(0)?;
        let spare = Arc::clone(&shared.named.spare);
        let units = arguments.units(3, wide, spare.take())?;
        shared.dropped.clear();
        let run = shared.scratch.with(|integers, _| {
            let lengths = integers.get(..count).ok_or_else(|| broken("a batch is too long"))?;
            Ok(Item::run(kind, Texts::new(units, lengths, &spare)?))
        })?;
        let whole = run.bytes(count);
        let rest = shared.named.queue.push_run(run, count, 0);
        let left = rest.as_ref().map_or(0, |(_, left)| *left);
        shared.named.bytes_in.add(whole - rest.as_ref().map_or(0, |(run, left)| run.bytes(*left)));
        if let Some((run, left)) = rest {
            push_each(shared, run, left)?;
        }
        shared.account(arguments);
        match u32::try_from(count - left) {
            Ok(queued) if left > 0 => arguments.count(queued),
            _ => Ok(arguments.nothing()),
        }
    }
}

/// Offers the items of a run one by one.
fn push_each(shared: &mut Shared, mut run: Item, count: usize) -> Result<()> {
    let Room { entries, answers, .. } = &mut shared.room;
    entries.clear();
    answers.clear();
    let mut lengths = Vec::with_capacity(count);
    for left in (0..count).rev() {
        let rest = if left > 0 { run.split_off(1) } else { run.clone() };
        let item = std::mem::replace(&mut run, rest);
        lengths.push(item.bytes(1));
        entries.push(Entry { item, key: None, priority: 0 });
    }
    shared.named.queue.push_many(entries, answers, &mut shared.dropped);
    entries.clear();
    let queued = answers.iter().zip(lengths).filter(|(answer, _)| **answer == Offer::Queued);
    shared.named.bytes_in.add(queued.map(|(_, length)| length).sum());
    shared.named.bytes_out.add(shared.dropped.iter().map(|entry| entry.item.bytes(1)).sum());
    let dropped = i32::try_from(shared.dropped.len()).unwrap_or(i32::MAX);
    let codes = answers.iter().map(|answer| code(*answer).cast_signed());
    shared.scratch.with(|integers, _| {
        for (place, code) in integers.iter_mut().zip(codes.chain([dropped])) {
            *place = code;
        }
        Ok(())
    })
}

/// `takeMany(handle, max)`: takes items and hands the first of them over, as [`pack`] says; the others by `more`.
struct TakeMany;

impl Function for TakeMany {
    const NAME: &'static str = "takeMany";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let max = arguments.bits(1)? as usize;
        let shared = arguments.handle::<Shared>(0)?;
        shared.pending.clear();
        while shared.pending.len() < max
            && let Some(item) = shared.pop_owed()
        {
            shared.pending.push_back((item, 1));
        }
        let taken = &mut shared.room.taken;
        taken.clear();
        shared.named.queue.pop_runs(max - shared.pending.len(), taken);
        shared.named.bytes_out.add(taken.iter().map(|(item, count)| item.bytes(*count)).sum());
        shared.pending.extend(taken.drain(..));
        shared.account(arguments);
        pack(arguments, shared)
    }
}

/// `more(handle)`: the next of the items that are pending.
struct More;

impl Function for More {
    const NAME: &'static str = "more";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        pack(arguments, arguments.handle(0)?)
    }
}

/// `snapshot(handle)`: copies of all items, in order.
struct Snapshot;

impl Function for Snapshot {
    const NAME: &'static str = "snapshot";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let shared = arguments.handle::<Shared>(0)?;
        shared.pending = shared.named.queue.snapshot().into_iter().map(|item| (item, 1)).collect();
        pack(arguments, shared)
    }
}

/// `dropped(handle)`: what the last push dropped.
struct Dropped;

impl Function for Dropped {
    const NAME: &'static str = "dropped";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let shared = arguments.handle::<Shared>(0)?;
        shared.pending = shared.dropped.drain(..).map(|entry| (entry.item, 1)).collect();
        pack(arguments, shared)
    }
}

/// Hands over as many of the pending items as fit. The memory holds their number, whether others are left, whether all of these are
/// strings, and for each its kind and length: of texts in UTF-16 units, cut out of the strings that are returned, each of which holds
/// whole items; of others in bytes, which stand behind each other in the memory. One that is too long for the memory is the last: it
/// is to be fetched.
fn pack<'e>(arguments: &Arguments<'e>, shared: &mut Shared) -> Result<Value<'e>> {
    let Shared { scratch, pending, room: Room { text, .. }, .. } = shared;
    text.clear();
    let mut strings = Vec::new();
    scratch.with(|integers, memory| {
        let whole = memory.len();
        let mut memory = memory;
        let ([packed, left, strings_only], records) =
            integers.split_first_chunk_mut().ok_or_else(|| broken("the memory is too small"))?;
        let mut records = records.as_chunks_mut::<2>().0;
        (*packed, *left, *strings_only) = (0, 0, 1);
        while let Some((item, count)) = pending.front_mut() {
            if records.is_empty() {
                break;
            }
            // How many items are handed over now: of a run many at once.
            let mut number = 1;
            let mut is_last = false;
            let length;
            if item.kind.is_text() {
                if let Some((piece, pieces)) = item.piece((*count).min(records.len()), CHUNK) {
                    flush(arguments, text, &mut strings)?;
                    // One that is empty would be taken for the next.
                    if piece.bytes() > 0 {
                        strings.push(self::text(arguments, piece)?);
                    }
                    number = pieces;
                    length = 0;
                } else {
                    let View::Bytes(bytes) = item.view() else { return Err(broken("a text is in another form")) };
                    if text.len() + bytes.len() > CHUNK {
                        flush(arguments, text, &mut strings)?;
                    }
                    text.extend_from_slice(bytes);
                    length = if bytes.is_ascii() {
                        bytes.len()
                    } else {
                        std::str::from_utf8(bytes).map_or(0, |text| text.encode_utf16().count())
                    };
                }
            } else {
                let View::Bytes(bytes) = item.view() else { return Err(broken("bytes are no text")) };
                length = bytes.len();
                if length > whole {
                    is_last = true;
                } else {
                    let all = std::mem::take(&mut memory);
                    let Some((head, tail)) = all.split_at_mut_checked(length) else { break };
                    head.copy_from_slice(bytes);
                    memory = tail;
                }
            }
            let (now, later) = records.split_at_mut(number);
            records = later;
            *strings_only &= i32::from(item.kind == Kind::Text);
            *packed += i32::try_from(number).unwrap_or(i32::MAX);
            for (index, record) in now.iter_mut().enumerate() {
                let length = if length == 0 { item.length_at(index) } else { length };
                *record = [item.kind as i32, i32::try_from(length).unwrap_or(i32::MAX)];
            }
            if is_last {
                // It stays at the front until it is fetched.
                *left = i32::from(pending.len() > 1);
                return Ok(());
            }
            if number < *count {
                *item = item.split_off(number);
                *count -= number;
            } else {
                pending.pop_front();
            }
        }
        *left = i32::from(!pending.is_empty());
        Ok(())
    })?;
    flush(arguments, text, &mut strings)?;
    arguments.list(&strings)
}

/// Hands over the texts that were gathered, as one string.
fn flush<'e>(arguments: &Arguments<'e>, text: &mut Vec<u8>, strings: &mut Vec<Value<'e>>) -> Result<()> {
    if !text.is_empty() {
        strings.push(arguments.reply(text)?);
        text.clear();
    }
    Ok(())
}
