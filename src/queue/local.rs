//! The queue of one thread: items are slot numbers.

use std::rc::Rc;

use napi::{Env, bindgen_prelude::Object};
use napi_derive::napi;
use warmpath_engine::{
    error::Result,
    queue::{Offer, Push, Stats},
};

use super::{
    broken, code,
    common::{self, Form},
    cut, options,
    order::Order,
    split,
};
use crate::{
    door::{Arguments, Builder, Function, Held, Scratch, Text, Value},
    errors::exception,
};

/// Integers of the memory that batches go through: four an entry.
const INTEGERS: usize = 4 * 2048;

/// A queue, and what its batches go through.
struct Local {
    order: Order,
    scratch: Rc<Scratch>,
    ends: Vec<u32>,
    refused: Vec<u32>,
}

impl Held for Local {
    const TAG: u64 = u64::from_le_bytes(*b"wpqlocal");
}

impl Form for Local {
    fn has(&self, key: &str) -> bool {
        self.order.has(key)
    }

    fn len(&self) -> usize {
        self.order.len()
    }

    fn close(&mut self) {
        self.order.close();
    }

    fn is_closed(&self) -> bool {
        self.order.is_closed()
    }

    fn stats(&self) -> Stats {
        self.order.stats()
    }
}

/// What the queues of a thread have in common.
struct Thread(Rc<Scratch>);

impl Held for Thread {
    const TAG: u64 = u64::from_le_bytes(*b"wpqlthrd");
}

/// The functions of the local queue, as raw callbacks. Called once a thread by `lib/queue/core.js`; no public interface.
#[napi(catch_unwind)]
pub fn queue_door(env: &Env) -> crate::errors::Result<Object<'_>> {
    let build = || {
        let (builder, scratch) = Builder::new(env)?.memory("memory", INTEGERS, 0)?;
        let builder = builder
            .hold("thread", Thread(scratch))?
            .add::<Open>()?
            .add::<PushSlot>()?
            .add::<PushWith>()?
            .add::<PushMany>()?
            .add::<PushRun>()?
            .add::<PushKeyedRun>()?
            .add::<Pop>()?
            .add::<PopMany>()?
            .add::<Peek>()?
            .add::<Snapshot>()?
            .add::<Remove>()?
            .add::<Clear>()?;
        common::add::<Local>(builder)
    };
    build().map(|door: Builder| door.finish(env)).map_err(exception)
}

/// `open(thread, capacity, whenFull, agingMs)`: a handle.
struct Open;

impl Function for Open {
    const NAME: &'static str = "open";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let order = Order::new(options(arguments, 1)?);
        let scratch = Rc::clone(&arguments.handle::<Thread>(0)?.0);
        arguments.open(Local { order, scratch, ends: Vec::new(), refused: Vec::new() })
    }
}

/// `undefined`: queued. 1 duplicate, 2 full, 3 closed. From 4 on: queued, and the slot that is this minus 4 was dropped for it.
fn answer<'e>(arguments: &Arguments<'e>, push: &Push<u32>) -> Result<Value<'e>> {
    match (push.offer, &push.dropped) {
        (Offer::Queued, None) => Ok(arguments.nothing()),
        (Offer::Queued, Some(entry)) => arguments.count(entry.item + 4),
        (offer, _) => arguments.count(code(offer)),
    }
}

/// `push(handle, slot)`.
struct PushSlot;

impl Function for PushSlot {
    const NAME: &'static str = "push";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let slot = arguments.bits(1)?;
        answer(arguments, &arguments.handle::<Local>(0)?.order.push(slot, None, 0))
    }
}

/// `pushWith(handle, slot, priority, key?)`.
struct PushWith;

impl Function for PushWith {
    const NAME: &'static str = "pushWith";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let (slot, priority) = (arguments.bits(1)?, arguments.integer(2)?);
        let mut room = Text::new();
        let key = if arguments.is_missing(3)? { None } else { Some(arguments.text(3, "key", &mut room)?) };
        answer(arguments, &arguments.handle::<Local>(0)?.order.push(slot, key, priority))
    }
}

/// `pushMany(handle, count, keys?)`: the memory holds `slot, priority, length of the key or -1` for each; afterwards the code of each
/// answer stands where its slot stood, and the dropped slots, as many as are returned, behind all entries.
struct PushMany;

impl Function for PushMany {
    const NAME: &'static str = "pushMany";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let count = arguments.bits(1)? as usize;
        let mut room = Text::new();
        let mut keys = if arguments.is_missing(2)? { "" } else { arguments.text(2, "key", &mut room)? };
        let ascii = keys.is_ascii();
        let Local { order, scratch, .. } = arguments.handle(0)?;
        let dropped = scratch.with(|integers, _| {
            // A slot can be dropped for each entry.
            let Some((records, rest)) =
                integers.split_at_mut_checked(count * 3).filter(|(_, rest)| rest.len() >= count)
            else {
                return Err(broken("a batch is too long"));
            };
            let mut dropped = 0;
            for record in records.as_chunks_mut::<3>().0 {
                let &mut [slot, priority, length] = record;
                let key = if length < 0 { None } else { Some(split(&mut keys, length, ascii)?) };
                let push = order.push(slot.cast_unsigned(), key, priority);
                record[0] = code(push.offer).cast_signed();
                if let (Some(entry), Some(place)) = (push.dropped, rest.get_mut(dropped)) {
                    *place = entry.item.cast_signed();
                    dropped += 1;
                }
            }
            Ok(dropped)
        })?;
        arguments.count(u32::try_from(dropped).unwrap_or(u32::MAX))
    }
}

/// `pushRun(handle, first, count)`: the slots from `first` on, to be queued without key and priority as far as there is room;
/// returns how many were.
struct PushRun;

impl Function for PushRun {
    const NAME: &'static str = "pushRun";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let (first, count) = (arguments.bits(1)?, arguments.bits(2)?);
        if first.checked_add(count).is_none() {
            return Err(broken("a batch is too long"));
        }
        let queued = arguments.handle::<Local>(0)?.order.push_run(first, count);
        arguments.count(queued)
    }
}

/// `pushKeyedRun(handle, first, count, keys, length)`: the slots from `first` on, each with a key; the memory holds the lengths of the
/// keys, `length` is that of all.
/// `undefined`: all are queued. Else how many are duplicates, which ones stands in the memory, counted from 0; or -1: there is not
/// room for all of them (or the queue is closed), and nothing has happened.
struct PushKeyedRun;

impl Function for PushKeyedRun {
    const NAME: &'static str = "pushKeyedRun";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let (first, count) = (arguments.bits(1)?, arguments.bits(2)?);
        if first.checked_add(count).is_none() {
            return Err(broken("a batch is too long"));
        }
        let mut room = Text::new();
        let keys = arguments.sized_text(3, "key", arguments.bits(4)? as usize, &mut room)?;
        let Local { order, scratch, ends, refused } = arguments.handle(0)?;
        ends.clear();
        refused.clear();
        scratch.with(|integers, _| {
            let lengths = integers.get(..count as usize).ok_or_else(|| broken("a batch is too long"))?;
            cut(keys, lengths, ends)?;
            if !order.push_keyed_run(first, keys, ends, refused) {
                return arguments.float(-1.0);
            }
            for (place, index) in integers.iter_mut().zip(&*refused) {
                *place = index.cast_signed();
            }
            if refused.is_empty() {
                return Ok(arguments.nothing());
            }
            arguments.count(u32::try_from(refused.len()).unwrap_or(u32::MAX))
        })
    }
}

fn slot<'e>(arguments: &Arguments<'e>, slot: Option<u32>) -> Result<Value<'e>> {
    slot.map_or_else(|| Ok(arguments.nothing()), |slot| arguments.count(slot))
}

/// `pop(handle)`: a slot, or `undefined`.
struct Pop;

impl Function for Pop {
    const NAME: &'static str = "pop";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        slot(arguments, arguments.handle::<Local>(0)?.order.pop())
    }
}

/// `popMany(handle, max)`: how many runs of slots; the first slot and the number of each stand in the memory. Where it is full of them,
/// there may be more.
struct PopMany;

impl Function for PopMany {
    const NAME: &'static str = "popMany";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let max = arguments.bits(1)? as usize;
        let Local { order, scratch, .. } = arguments.handle(0)?;
        let runs = scratch.with(|integers, _| Ok(order.pop_runs(max, integers.as_chunks_mut().0)))?;
        arguments.count(u32::try_from(runs).unwrap_or(u32::MAX))
    }
}

/// `peek(handle)`: a slot, or `undefined`.
struct Peek;

impl Function for Peek {
    const NAME: &'static str = "peek";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        slot(arguments, arguments.handle::<Local>(0)?.order.peek())
    }
}

/// `snapshot(handle, slots)`: fills an `Int32Array` in order.
struct Snapshot;

impl Function for Snapshot {
    const NAME: &'static str = "snapshot";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let places = arguments.integers(1)?.iter_mut();
        for (place, slot) in places.zip(arguments.handle::<Local>(0)?.order.snapshot()) {
            *place = slot.cast_signed();
        }
        Ok(arguments.nothing())
    }
}

/// `remove(handle, key)`: a slot, or `undefined`.
struct Remove;

impl Function for Remove {
    const NAME: &'static str = "remove";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let mut room = Text::new();
        let key = arguments.text(1, "key", &mut room)?;
        slot(arguments, arguments.handle::<Local>(0)?.order.remove(key))
    }
}

/// `clear(handle)`.
struct Clear;

impl Function for Clear {
    const NAME: &'static str = "clear";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        arguments.handle::<Local>(0)?.order.clear();
        Ok(arguments.nothing())
    }
}
