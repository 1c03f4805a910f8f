//! What a thread asks of a named queue for one item.

use std::rc::Rc;

use warmpath_engine::{
    error::Result,
    queue::{Next, Offer, Push},
};

use super::{
    broken, code,
    item::{Item, Kind, View},
    pack,
    shared::Shared,
};
use crate::door::{Arguments, Builder, Function, Text, Value};

/// Adds the functions of this file.
pub fn add(builder: Builder) -> Result<Builder> {
    builder
        .add::<PutPlain>()?
        .add::<PutText>()?
        .add::<PutBytes>()?
        .add::<Take>()?
        .add::<Poll>()?
        .add::<Disarm>()?
        .add::<Fetch>()?
        .add::<Owe>()?
        .add::<Peek>()?
        .add::<Remove>()?
        .add::<Clear>()
}

/// [`offer`] with the priority and the key that the arguments from the fourth on say.
fn put<'e>(arguments: &Arguments<'e>, kind: Kind, bytes: &[u8]) -> Result<Value<'e>> {
    let priority = arguments.integer(3)?;
    let mut room = Text::new();
    let key = if arguments.is_missing(4)? { None } else { Some(arguments.text(4, "key", &mut room)?) };
    offer(arguments, kind, bytes, key, priority)
}

/// `undefined`: queued. 1 duplicate, 2 full, 3 closed, 4 queued for what was dropped.
fn offer<'e>(
    arguments: &Arguments<'e>,
    kind: Kind,
    bytes: &[u8],
    key: Option<&str>,
    priority: i32,
) -> Result<Value<'e>> {
    let shared = arguments.handle::<Shared>(0)?;
    let Push { offer, dropped, .. } = shared.named.queue.push(Item::new(kind, bytes), key, priority);
    shared.dropped.clear();
    if offer != Offer::Queued {
        return arguments.count(code(offer));
    }
    shared.named.bytes_in.add(bytes.len());
    let Some(dropped) = dropped else {
        shared.account(arguments, bytes.len());
        return Ok(arguments.nothing());
    };
    let out = shared.out(&dropped.item);
    shared.dropped.push(dropped);
    shared.account(arguments, bytes.len() + out);
    arguments.count(4)
}

/// `putPlain(handle, text)`: a string without key and priority. To read three arguments more costs a tenth of the call.
struct PutPlain;

impl Function for PutPlain {
    const NAME: &'static str = "putPlain";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let mut room = Text::new();
        offer(arguments, Kind::Text, arguments.text(1, "item", &mut room)?.as_bytes(), None, 0)
    }
}

/// `putText(handle, kind, text, priority, key?)`.
struct PutText;

impl Function for PutText {
    const NAME: &'static str = "putText";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let kind = Kind::from(arguments.bits(1)?)?;
        let mut room = Text::new();
        put(arguments, kind, arguments.text(2, "item", &mut room)?.as_bytes())
    }
}

/// `putBytes(handle, kind, bytes, priority, key?)`; a number for `bytes`: so many, from the memory.
struct PutBytes;

impl Function for PutBytes {
    const NAME: &'static str = "putBytes";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let kind = Kind::from(arguments.bits(1)?)?;
        let Ok(length) = arguments.bits(2) else { return put(arguments, kind, arguments.bytes(2)?) };
        let scratch = Rc::clone(&arguments.handle::<Shared>(0)?.scratch);
        scratch.with(|_, memory| {
            let bytes = memory.get(..length as usize).ok_or_else(|| broken("an item is too long"))?;
            put(arguments, kind, bytes)
        })
    }
}

/// `take(handle)`: an item as [`Shared::hand_over`] says, or `undefined`.
struct Take;

impl Function for Take {
    const NAME: &'static str = "take";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let shared = arguments.handle::<Shared>(0)?;
        if let Some(item) = shared.pop_owed() {
            return shared.hand_over(arguments, item);
        }
        let item = shared.named.queue.pop();
        shared.hand_over_any(arguments, item)
    }
}

/// `poll(handle)`: an item, `null` when the queue is closed and drained, or `undefined`: `wake` will be called.
struct Poll;

impl Function for Poll {
    const NAME: &'static str = "poll";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let shared = arguments.handle::<Shared>(0)?;
        if let Some(item) = shared.pop_owed() {
            // After any answer but `undefined` nothing is armed: the next wake-up would be lost on who does not wait.
            shared.watcher.disarm();
            return shared.hand_over(arguments, item);
        }
        match shared.watcher.poll() {
            Next::Item(item) => shared.hand_over_any(arguments, Some(item)),
            Next::Ended => arguments.null(),
            Next::Pending => Ok(arguments.nothing()),
        }
    }
}

/// `disarm(handle)`: nobody waits here any more.
struct Disarm;

impl Function for Disarm {
    const NAME: &'static str = "disarm";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        arguments.handle::<Shared>(0)?.watcher.disarm();
        Ok(arguments.nothing())
    }
}

/// `fetch(handle, bytes)`: the item that was too long for the memory. Whatever fails, it stays where it is.
struct Fetch;

impl Function for Fetch {
    const NAME: &'static str = "fetch";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let into = arguments.bytes_mut(1)?;
        let pending = &mut arguments.handle::<Shared>(0)?.pending;
        let (item, _count) = pending.front().ok_or_else(|| broken("no item is pending"))?;
        match item.view() {
            View::Bytes(bytes) if bytes.len() == into.len() => into.copy_from_slice(bytes),
            _ => return Err(broken("an item has another length")),
        }
        let _used_up = pack::cut_front(pending, 1);
        Ok(arguments.nothing())
    }
}

/// `owe(handle)`: what is pending was taken, and JavaScript has no room for it now. It is the next to come out.
struct Owe;

impl Function for Owe {
    const NAME: &'static str = "owe";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let Shared { pending, owed, .. } = arguments.handle(0)?;
        pending.append(owed);
        std::mem::swap(pending, owed);
        Ok(arguments.nothing())
    }
}

/// `peek(handle)`: a copy of the first item, or `undefined`.
struct Peek;

impl Function for Peek {
    const NAME: &'static str = "peek";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let shared = arguments.handle::<Shared>(0)?;
        let item = shared.named.queue.peek();
        item.map_or_else(|| Ok(arguments.nothing()), |item| shared.hand_over(arguments, item))
    }
}

/// `remove(handle, key)`: an item, or `undefined`.
struct Remove;

impl Function for Remove {
    const NAME: &'static str = "remove";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let mut room = Text::new();
        let key = arguments.text(1, "key", &mut room)?;
        let shared = arguments.handle::<Shared>(0)?;
        let item = shared.named.queue.remove(key);
        shared.hand_over_any(arguments, item)
    }
}

/// `clear(handle)`: how many items that were.
struct Clear;

impl Function for Clear {
    const NAME: &'static str = "clear";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let shared = arguments.handle::<Shared>(0)?;
        let items = shared.named.queue.clear();
        let bytes = items.iter().map(|item| shared.out(item)).sum();
        shared.account(arguments, bytes);
        arguments.count(u32::try_from(items.len()).unwrap_or(u32::MAX))
    }
}
