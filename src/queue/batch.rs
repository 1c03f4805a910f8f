//! Batches that go into a shared queue: one crossing for up to some thousand items.

use std::sync::Arc;

use warmpath_engine::{
    error::Result,
    queue::{Entry, Offer, Run},
};

use super::{
    broken, code, cut,
    item::{Item, Kind, Parts},
    shared::Shared,
    split,
};
use crate::door::{Arguments, Builder, Function, Text, Value};

/// What a batch works in.
#[derive(Default)]
pub struct Room {
    entries: Vec<Entry<Item>>,
    lengths: Vec<usize>,
    answers: Vec<Offer>,
    pub taken: Vec<(Item, usize)>,
    pub text: Vec<u8>,
    ends: Vec<u32>,
    refused: Vec<u32>,
}

/// Adds the functions of this file.
pub fn add(builder: Builder) -> Result<Builder> {
    builder.add::<PutMany>()?.add::<PutRun>()?.add::<PutKeyedRun>()
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
        shared.account(arguments, bytes_in + bytes_out);
        arguments.count(u32::try_from(shared.dropped.len()).unwrap_or(u32::MAX))
    }
}

/// `putRun(handle, kind, count, length, latin, text?)`: items of one kind, without keys and priorities; the memory holds their lengths,
/// `text` all of them in so many units (`latin` is 1 where each of these fits into a byte); of bytes so many lie in the memory.
/// `undefined`: all are queued. Else how many were before there was no room for more; the code of each answer to the others stands in
/// the memory, and behind them how many items were dropped.
struct PutRun;

impl Function for PutRun {
    const NAME: &'static str = "putRun";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let count = arguments.bits(2)? as usize;
        let shared = arguments.handle::<Shared>(0)?;
        let run = read_run(arguments, shared, count)?;
        let whole = run.bytes(count);
        shared.dropped.clear();
        let rest = shared.named.queue.push_run(run, count, 0);
        let left = rest.as_ref().map_or(0, |(_, left)| *left);
        shared.named.bytes_in.add(whole - rest.as_ref().map_or(0, |(run, left)| run.bytes(*left)));
        if let Some((run, left)) = rest {
            push_each(shared, run, left)?;
        }
        shared.account(arguments, whole);
        match u32::try_from(count - left) {
            Ok(queued) if left > 0 => arguments.count(queued),
            _ => Ok(arguments.nothing()),
        }
    }
}

/// The run that the arguments from the second on say, as of `putRun`.
fn read_run(arguments: &Arguments<'_>, shared: &Shared, count: usize) -> Result<Item> {
    let kind = Kind::from(arguments.bits(1)?)?;
    let (length, is_latin) = (arguments.bits(3)? as usize, arguments.bits(4)? != 0);
    let mut batch = shared.named.spare.take();
    let filled = Arc::get_mut(&mut batch).ok_or_else(|| broken("a spare batch is in use"))?;
    shared.scratch.with(|integers, memory| {
        let lengths = integers.get(..count).ok_or_else(|| broken("a batch is too long"))?;
        filled.fill(|mut bytes| {
            if kind.is_text() {
                return Ok(arguments.units(5, length, is_latin, bytes)?.into());
            }
            bytes.extend_from_slice(memory.get(..length).ok_or_else(|| broken("a batch is too long"))?);
            Ok(Parts::Bytes(bytes))
        })?;
        filled.cut(lengths)
    })?;
    Ok(Item::run(kind, batch))
}

/// `putKeyedRun(handle, kind, count, length, latin, text, keys, units)`: as `putRun`, of items that all have a key: `keys` are the keys
/// behind each other, in so many UTF-16 units, and their lengths stand in the memory behind those of the items. `undefined`: all are
/// queued. -1: nothing has happened, for want of room for all of them or because the queue is closed. Else how many are duplicates;
/// their numbers stand in the memory.
struct PutKeyedRun;

impl Function for PutKeyedRun {
    const NAME: &'static str = "putKeyedRun";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let (count, length) = (arguments.bits(2)? as usize, arguments.bits(3)? as usize);
        let mut text = Text::new();
        let keys = arguments.sized_text(6, "key", arguments.bits(7)? as usize, &mut text)?;
        let shared = arguments.handle::<Shared>(0)?;
        let run = read_run(arguments, shared, count)?;
        let whole = run.bytes(count);
        let Room { ends, refused, .. } = &mut shared.room;
        ends.clear();
        refused.clear();
        let (named, scratch) = (&shared.named, &shared.scratch);
        let queued = scratch.with(|integers, _| {
            let (lengths, of_keys) =
                integers.split_at_mut_checked(count).ok_or_else(|| broken("a batch is too long"))?;
            cut(keys, of_keys.get(..count).ok_or_else(|| broken("a batch is too long"))?, ends)?;
            if let Some(run) = named.queue.push_keyed_run(run, keys, ends, 0, refused) {
                if let Some(batch) = run.into_batch() {
                    named.spare.give(batch);
                }
                return Ok(None);
            }
            let units = |index: &u32| lengths.get(*index as usize).map_or(0, |length| length.cast_unsigned() as usize);
            // A unit is a byte, or two.
            let left = refused.iter().map(units).sum::<usize>() * (whole / length.max(1));
            for (place, index) in lengths.iter_mut().zip(&*refused) {
                *place = index.cast_signed();
            }
            Ok(Some(whole - left))
        })?;
        let Some(bytes) = queued else { return arguments.float(-1.0) };
        let duplicates = refused.len();
        shared.named.bytes_in.add(bytes);
        shared.account(arguments, bytes);
        match u32::try_from(duplicates) {
            Ok(duplicates) if duplicates > 0 => arguments.count(duplicates),
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
