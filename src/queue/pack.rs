//! Items that come out of a shared queue, handed over many at a time.

use std::collections::VecDeque;

use warmpath_engine::{
    error::Result,
    queue::{Next, Run},
};

use super::{
    broken,
    item::{Item, Kind, View},
    shared::Shared,
};
use crate::door::{Arguments, Builder, Function, Value};

/// Bytes of texts that are handed over as one string. What JavaScript cuts out of it keeps all of it, so it is not long.
const CHUNK: usize = 8 * 1024;

/// Adds the functions of this file.
pub fn add(builder: Builder) -> Result<Builder> {
    builder.add::<TakeMany>()?.add::<PollMany>()?.add::<More>()?.add::<Snapshot>()?.add::<Dropped>()
}

/// A text, as it is.
pub fn text<'e>(arguments: &Arguments<'e>, text: View<'_>) -> Result<Value<'e>> {
    match text {
        View::Bytes(bytes) => arguments.reply(bytes),
        View::Latin(bytes) => arguments.reply_latin(bytes),
        View::Wide(units) => arguments.reply_wide(units),
    }
}

/// JSON text, marked by a tab, which JSON's own parser skips.
pub fn behind_tab<'e>(arguments: &Arguments<'e>, json: View<'_>) -> Result<Value<'e>> {
    let bytes = match json {
        View::Bytes(bytes) | View::Latin(bytes) => bytes,
        View::Wide(units) => return arguments.reply_wide(&[&[u16::from(b'\t')], units].concat()),
    };
    let reply = |marked: &[u8]| match json {
        View::Latin(_) => arguments.reply_latin(marked),
        _ => arguments.reply(marked),
    };
    let mut short = [b'\t'; 512];
    if let Some(room) = short.get_mut(1..=bytes.len()) {
        room.copy_from_slice(bytes);
        return reply(short.get(..=bytes.len()).unwrap_or_default());
    }
    reply(&[b"\t", bytes].concat())
}

/// `takeMany(handle, max)`: takes items and hands the first of them over, as [`pack`] says; the others by `more`.
struct TakeMany;

impl Function for TakeMany {
    const NAME: &'static str = "takeMany";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let max = arguments.bits(1)? as usize;
        let shared = arguments.handle::<Shared>(0)?;
        let owed = shared.take_owed(max);
        let taken = &mut shared.room.taken;
        taken.clear();
        shared.named.queue.pop_runs(max - owed, taken);
        let bytes = shared.take_over();
        shared.account(arguments, bytes);
        pack(arguments, shared)
    }
}

/// `pollMany(handle, max)`: as `takeMany`; `null` when the queue is closed and drained, or `undefined`: `wake` will be called.
struct PollMany;

impl Function for PollMany {
    const NAME: &'static str = "pollMany";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let max = arguments.bits(1)? as usize;
        let shared = arguments.handle::<Shared>(0)?;
        let mut bytes = 0;
        if shared.take_owed(max) == 0 {
            let taken = &mut shared.room.taken;
            taken.clear();
            match shared.watcher.poll_runs(max, taken) {
                Next::Item(_) => bytes = shared.take_over(),
                Next::Ended => return arguments.null(),
                Next::Pending => return Ok(arguments.nothing()),
            }
        } else {
            // As `poll`.
            shared.watcher.disarm();
        }
        shared.account(arguments, bytes);
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

impl Shared {
    /// Up to `max` of the items that are owed are the ones that are pending; how many.
    fn take_owed(&mut self, max: usize) -> usize {
        self.pending.clear();
        while self.pending.len() < max
            && let Some(item) = self.pop_owed()
        {
            self.pending.push_back((item, 1));
        }
        self.pending.len()
    }

    /// What was taken is pending too; how many bytes that is.
    fn take_over(&mut self) -> usize {
        let taken = &mut self.room.taken;
        let bytes = taken.iter().map(|(item, count)| item.bytes(*count)).sum();
        self.named.bytes_out.add(bytes);
        self.pending.extend(taken.drain(..));
        bytes
    }
}

/// Hands over as many of the pending items as fit. The memory holds their number, whether others are left, whether all of these are
/// strings, and for each its kind and length: of texts in UTF-16 units, cut out of the strings that are returned, each of which holds
/// whole items (a single one is no list); of others in bytes, which stand behind each other in the memory. One that is too long for the
/// memory is the last: it is to be fetched.
fn pack<'e>(arguments: &Arguments<'e>, shared: &mut Shared) -> Result<Value<'e>> {
    let Shared { scratch, pending, room, named, .. } = shared;
    let text = &mut room.text;
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
            let is_text = item.kind.is_text();
            // Of a run many at once.
            let (piece, number) = item.piece((*count).min(records.len()), if is_text { CHUNK } else { memory.len() });
            let is_too_long = !is_text && piece.bytes() > whole;
            match piece {
                View::Bytes(bytes) if is_text => {
                    if text.len() + bytes.len() > CHUNK {
                        flush(arguments, text, &mut strings)?;
                    }
                    text.extend_from_slice(bytes);
                }
                View::Bytes(_) if is_too_long => {}
                View::Bytes(bytes) => {
                    let all = std::mem::take(&mut memory);
                    let Some((head, tail)) = all.split_at_mut_checked(bytes.len()) else { break };
                    head.copy_from_slice(bytes);
                    memory = tail;
                }
                View::Latin(_) | View::Wide(_) => {
                    flush(arguments, text, &mut strings)?;
                    // One that is empty would be taken for the next.
                    if piece.bytes() > 0 {
                        strings.push(self::text(arguments, piece)?);
                    }
                }
            }
            let (now, later) = records.split_at_mut(number);
            records = later;
            item.describe(now);
            *strings_only &= i32::from(item.kind == Kind::Text);
            *packed += i32::try_from(number).unwrap_or(i32::MAX);
            if is_too_long {
                // It stays at the front until it is fetched.
                *left = i32::from(*count > 1 || pending.len() > 1);
                return Ok(());
            }
            if let Some(batch) = cut_front(pending, number).and_then(Item::into_batch) {
                named.spare.give(batch);
            }
        }
        *left = i32::from(!pending.is_empty());
        Ok(())
    })?;
    flush(arguments, text, &mut strings)?;
    match strings.as_slice() {
        // A list of one costs as much as the string.
        [string] => Ok(*string),
        strings => arguments.list(strings),
    }
}

/// Takes so many items off the front: one, or some of a run. Returns what is used up.
pub fn cut_front(pending: &mut VecDeque<(Item, usize)>, number: usize) -> Option<Item> {
    let (item, count) = pending.front_mut()?;
    if number < *count {
        *item = item.split_off(number);
        *count -= number;
        return None;
    }
    pending.pop_front().map(|(item, _count)| item)
}

/// Hands over the texts that were gathered, as one string.
fn flush<'e>(arguments: &Arguments<'e>, text: &mut Vec<u8>, strings: &mut Vec<Value<'e>>) -> Result<()> {
    if !text.is_empty() {
        strings.push(arguments.reply(text)?);
        text.clear();
    }
    Ok(())
}
