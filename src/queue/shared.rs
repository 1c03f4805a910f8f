//! The queue that threads share by its name: items are bytes. A thread's handle to it, and the door that gives handles.

use std::{collections::VecDeque, rc::Rc, sync::Arc};

use napi::{
    Env, Status,
    bindgen_prelude::{Function as Callback, Object},
};
use napi_derive::napi;
use warmpath_engine::{
    error::Result,
    queue::{Entry, Run, Stats, Watcher},
};

use super::{
    batch,
    bell::{Bell, Wake},
    broken, calls,
    common::{self, Form},
    item::{Item, Kind, View},
    options, pack,
    registry::{self, Named},
};
use crate::{
    door::{Arguments, Builder, Function, Held, Scratch, Text, Value},
    errors::exception,
};

/// The memory that batches and bytes go through.
const INTEGERS: usize = 8 * 1024;
const BYTES: usize = 64 * 1024;

/// What V8 is not told about: smaller differences are not worth a call.
const UNTOLD: i64 = 64 * 1024;

/// After so many bytes that a handle has moved, it looks whether there is something to tell: the counter that the other side writes
/// is on another processor's cache line, and to fetch that costs more than anything else of a call.
const UNSEEN: usize = 64 * 1024;

/// What a call counts for beside its bytes, so that one that moves little looks too.
const CALL: usize = 1024;

/// One thread's handle to a named queue.
pub struct Shared {
    pub named: Arc<Named>,
    pub scratch: Rc<Scratch>,
    pub watcher: Watcher<Item>,
    /// Items that are being handed over, or runs, and of how many items.
    pub pending: VecDeque<(Item, usize)>,
    /// Items that were taken and could not be handed over, for want of memory: they are the next to come.
    pub owed: VecDeque<(Item, usize)>,
    /// What the last push dropped.
    pub dropped: Vec<Entry<Item>>,
    pub room: batch::Room,
    /// Bytes that V8 was told about.
    told: i64,
    /// Bytes moved since it last looked what there is to tell.
    unseen: usize,
}

impl Held for Shared {
    const TAG: u64 = u64::from_le_bytes(*b"wpqnamed");

    fn accounted(&self) -> i64 {
        self.told
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.named.leave();
    }
}

impl Form for Shared {
    fn has(&self, key: &str) -> bool {
        self.named.queue.has(key)
    }

    fn len(&self) -> usize {
        self.named.queue.len()
    }

    fn close(&mut self) {
        self.named.queue.close();
    }

    fn is_closed(&self) -> bool {
        self.named.queue.is_closed()
    }

    fn stats(&self) -> Stats {
        self.named.queue.stats()
    }

    fn bytes(&self) -> (u64, u64) {
        (self.named.bytes_in.get(), self.named.bytes_out.get())
    }
}

impl Shared {
    /// So many bytes went in or out: tells V8, now and then and where the difference is worth it.
    pub fn account(&mut self, arguments: &Arguments<'_>, bytes: usize) {
        self.unseen = self.unseen.saturating_add(bytes).saturating_add(CALL);
        if self.unseen < UNSEEN {
            return;
        }
        self.unseen = 0;
        let share = self.named.share();
        let change = share.saturating_sub(self.told);
        if change.abs() > UNTOLD {
            arguments.account(change);
            self.told = share;
        }
    }

    /// An item came out; of how many bytes.
    pub fn out(&self, item: &Item) -> usize {
        let bytes = item.bytes(1);
        self.named.bytes_out.add(bytes);
        bytes
    }

    /// Hands one item over: a text as it is, JSON behind a tab, a text that begins with one in a list; bytes in the memory (or where
    /// [`Fetch`] is told to put them) with their kind and eight times their length as a number.
    pub fn hand_over<'e>(&mut self, arguments: &Arguments<'e>, item: Item) -> Result<Value<'e>> {
        self.pending.clear();
        let view = item.view();
        match item.kind {
            Kind::Text if view.begins_with(b'\t') => return arguments.list(&[pack::text(arguments, view)?]),
            Kind::Text => return pack::text(arguments, view),
            Kind::Json => return pack::behind_tab(arguments, view),
            Kind::Bytes | Kind::Buffer | Kind::Clone => {}
        }
        let View::Bytes(bytes) = view else { return Err(broken("bytes are no text")) };
        #[expect(clippy::cast_precision_loss, reason = "no item has 2^49 bytes")]
        let answer = (item.kind as usize + 8 * bytes.len()) as f64;
        let fits = self.scratch.with(|_, memory| {
            let room = memory.get_mut(..bytes.len());
            Ok(room.map(|room| room.copy_from_slice(bytes)).is_some())
        })?;
        if !fits {
            self.pending.push_front((item, 1));
        }
        arguments.float(answer)
    }

    /// What came out of the queue, or `undefined`.
    pub fn hand_over_any<'e>(&mut self, arguments: &Arguments<'e>, item: Option<Item>) -> Result<Value<'e>> {
        let Some(item) = item else { return Ok(arguments.nothing()) };
        self.account(arguments, self.out(&item));
        self.hand_over(arguments, item)
    }

    /// The first item that is owed.
    pub fn pop_owed(&mut self) -> Option<Item> {
        let (item, count) = self.owed.front_mut()?;
        if *count == 1 {
            return self.owed.pop_front().map(|(item, _one)| item);
        }
        let rest = item.split_off(1);
        *count -= 1;
        Some(std::mem::replace(item, rest))
    }
}

/// What the shared queues of a thread have in common.
struct Thread {
    scratch: Rc<Scratch>,
    bell: Arc<Bell>,
}

impl Held for Thread {
    const TAG: u64 = u64::from_le_bytes(*b"wpqsthrd");
}

/// The functions of the shared queue, as raw callbacks. Called once a thread by `lib/queue/core.js`; no public interface. `wake` is
/// called when a queue that was polled in vain has something.
#[napi(catch_unwind)]
pub fn shared_queue_door<'env>(
    env: &'env Env,
    #[napi(ts_arg_type = "() => void")] wake: Callback<'_, (), ()>,
) -> crate::errors::Result<Object<'env>> {
    let wake = wake.build_threadsafe_function().weak::<true>().max_queue_size::<1>();
    let wake: std::result::Result<Wake, napi::Error<Status>> = wake.build();
    let wake = wake.map_err(|_| exception(broken("the queue's wake-up could not be made")))?;
    let build = || {
        let (builder, scratch) = Builder::new(env)?.memory("memory", INTEGERS, BYTES)?;
        let builder = builder
            .hold("thread", Thread { scratch, bell: Bell::new(wake) })?
            .add::<Open>()?
            .add::<Heard>()?
            .add::<Names>()?;
        common::add::<Shared>(pack::add(batch::add(calls::add(builder)?)?)?)
    };
    build().map(|door: Builder| door.finish(env)).map_err(exception)
}

/// `open(thread, number, name, capacity, whenFull, agingMs)`: a handle. `number` is what `heard` says when it has something.
struct Open;

impl Function for Open {
    const NAME: &'static str = "open";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let Thread { scratch, bell } = arguments.handle(0)?;
        let number = arguments.bits(1)?;
        let mut room = Text::new();
        let named = registry::open(arguments.text(2, "name", &mut room)?, options(arguments, 3)?)?;
        let bell = Arc::clone(bell);
        let watcher = named.queue.watch(move || bell.ring(number));
        let (pending, owed, dropped, room) = Default::default();
        arguments.open(Shared {
            named,
            scratch: Rc::clone(scratch),
            watcher,
            pending,
            owed,
            dropped,
            room,
            told: 0,
            unseen: 0,
        })
    }
}

/// `heard(thread)`: how many queues have something; their numbers stand in the memory.
struct Heard;

impl Function for Heard {
    const NAME: &'static str = "heard";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let Thread { scratch, bell } = arguments.handle(0)?;
        let numbers = bell.heard();
        scratch.with(|integers, _| {
            if numbers.len() > integers.len() {
                // All of them, then: JavaScript looks at every queue.
                return arguments.count(u32::MAX);
            }
            for (place, number) in integers.iter_mut().zip(&numbers) {
                *place = number.cast_signed();
            }
            arguments.count(u32::try_from(numbers.len()).unwrap_or(u32::MAX))
        })
    }
}

/// `names()`: how many names are open in this process.
struct Names;

impl Function for Names {
    const NAME: &'static str = "names";
    const THROWS: bool = true;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        arguments.count(u32::try_from(registry::count()).unwrap_or(u32::MAX))
    }
}
