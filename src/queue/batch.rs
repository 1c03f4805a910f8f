//! Batches of a shared queue: one crossing for up to some thousand items.

use std::sync::Arc;

use warmpath_engine::{
    error::Result,
    queue::{Entry, Offer},
};

use super::{
    broken, code,
    item::{Item, Kind},
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
    taken: Vec<Item>,
    text: Vec<u8>,
}

/// Adds the functions of this file.
pub fn add(builder: Builder) -> Result<Builder> {
    builder.add::<PutMany>()?.add::<TakeMany>()?.add::<More>()?.add::<Snapshot>()?.add::<Dropped>()
}

/// JSON text, marked by a tab, which JSON's own parser skips.
pub fn behind_tab<'e>(arguments: &Arguments<'e>, json: &[u8]) -> Result<Value<'e>> {
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
            bytes_out = dropped.iter().map(|entry| entry.item.len()).sum();
            Ok(())
        })?;
        shared.named.bytes_in.add(bytes_in);
        shared.named.bytes_out.add(bytes_out);
        shared.account(arguments);
        arguments.count(u32::try_from(shared.dropped.len()).unwrap_or(u32::MAX))
    }
}

/// `takeMany(handle, max)`: takes items and hands the first of them over, as [`pack`] says; the others by `more`.
struct TakeMany;

impl Function for TakeMany {
    const NAME: &'static str = "takeMany";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let max = arguments.bits(1)? as usize;
        let shared = arguments.handle::<Shared>(0)?;
        let taken = &mut shared.room.taken;
        taken.clear();
        shared.named.queue.pop_many(max, taken);
        shared.named.bytes_out.add(taken.iter().map(Item::len).sum());
        shared.pending.clear();
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
        shared.pending = shared.named.queue.snapshot().into();
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
        shared.pending = shared.dropped.drain(..).map(|entry| entry.item).collect();
        pack(arguments, shared)
    }
}

/// Hands over as many of the pending items as fit. The memory holds their number, the number of those that are left, and for each
/// its kind and length: of texts in UTF-16 units, cut out of the strings that are returned, each of which holds whole items;
/// of others in bytes, which stand behind each other in the memory. One that is too long for the memory is alone: `fetch` it.
fn pack<'e>(arguments: &Arguments<'e>, shared: &mut Shared) -> Result<Value<'e>> {
    let Shared { scratch, pending, room: Room { text, .. }, .. } = shared;
    text.clear();
    let mut strings = Vec::new();
    scratch.with(|integers, memory| {
        let whole = memory.len();
        let mut memory = memory;
        let ([count, left], records) =
            integers.split_first_chunk_mut().ok_or_else(|| broken("the memory is too small"))?;
        let mut packed = 0;
        for record in records.as_chunks_mut::<2>().0 {
            let Some(item) = pending.front() else { break };
            let bytes = item.bytes();
            let mut length = bytes.len();
            if item.kind.is_text() {
                if text.len() + bytes.len() > CHUNK && !text.is_empty() {
                    strings.push(arguments.reply(text)?);
                    text.clear();
                }
                text.extend_from_slice(bytes);
                if !bytes.is_ascii() {
                    length = std::str::from_utf8(bytes).map_or(0, |text| text.encode_utf16().count());
                }
            } else if length > whole && packed == 0 {
                *record = [item.kind as i32, i32::try_from(length).unwrap_or(i32::MAX)];
                packed = 1;
                break;
            } else {
                let all = std::mem::take(&mut memory);
                let Some((head, tail)) = all.split_at_mut_checked(length) else { break };
                head.copy_from_slice(bytes);
                memory = tail;
            }
            *record = [item.kind as i32, i32::try_from(length).unwrap_or(i32::MAX)];
            packed += 1;
            pending.pop_front();
        }
        *count = packed;
        // The one that is too long still stands at the front.
        *left = i32::try_from(pending.len()).unwrap_or(i32::MAX);
        Ok(())
    })?;
    if !text.is_empty() {
        strings.push(arguments.reply(text)?);
    }
    arguments.list(&strings)
}
