//! What both forms can do: functions generic over what the handle holds.

use std::marker::PhantomData;

use serde_json::json;
use warmpath_engine::{error::Result, queue::Stats};

use crate::door::{Arguments, Builder, Function, Held, Text, Value};

/// What both forms can be asked.
pub trait Form: Held {
    fn has(&self, key: &str) -> bool;
    fn len(&self) -> usize;
    fn close(&mut self);
    fn is_closed(&self) -> bool;
    fn stats(&self) -> Stats;

    /// Bytes that went in, and that came out.
    fn bytes(&self) -> (u64, u64) {
        (0, 0)
    }
}

/// Adds the functions of this file.
pub fn add<H: Form>(builder: Builder) -> Result<Builder> {
    builder.add::<Has<H>>()?.add::<Length<H>>()?.add::<Close<H>>()?.add::<Closed<H>>()?.add::<Counts<H>>()
}

/// `has(handle, key)`: 1 or 0.
struct Has<H>(PhantomData<H>);

impl<H: Form> Function for Has<H> {
    const NAME: &'static str = "has";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let mut room = Text::new();
        let key = arguments.text(1, "key", &mut room)?;
        arguments.count(arguments.handle::<H>(0)?.has(key).into())
    }
}

/// `length(handle)`.
struct Length<H>(PhantomData<H>);

impl<H: Form> Function for Length<H> {
    const NAME: &'static str = "length";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let length = arguments.handle::<H>(0)?.len();
        arguments.count(u32::try_from(length).unwrap_or(u32::MAX))
    }
}

/// `close(handle)`.
struct Close<H>(PhantomData<H>);

impl<H: Form> Function for Close<H> {
    const NAME: &'static str = "close";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        arguments.handle::<H>(0)?.close();
        Ok(arguments.nothing())
    }
}

/// `closed(handle)`: 1 or 0.
struct Closed<H>(PhantomData<H>);

impl<H: Form> Function for Closed<H> {
    const NAME: &'static str = "closed";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        arguments.count(arguments.handle::<H>(0)?.is_closed().into())
    }
}

/// `stats(handle)`: JSON.
struct Counts<H>(PhantomData<H>);

impl<H: Form> Function for Counts<H> {
    const NAME: &'static str = "stats";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let handle = arguments.handle::<H>(0)?;
        let stats = handle.stats();
        let (bytes_in, bytes_out) = handle.bytes();
        let text = json!({
            "queued": handle.len(),
            "closed": handle.is_closed(),
            "enqueued": stats.pushed,
            "dequeued": stats.popped,
            "removed": stats.removed,
            "duplicates": stats.duplicates,
            "full": stats.full,
            "dropped": stats.dropped,
            "bytesIn": bytes_in,
            "bytesOut": bytes_out,
        });
        arguments.reply(text.to_string().as_bytes())
    }
}
