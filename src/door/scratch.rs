//! Memory that both sides of the door use: numbers and bytes of a batch, without a call per value.

use std::{cell::Cell, ptr, ptr::NonNull, rc::Rc};

use napi::sys;
use warmpath_engine::error::Result;

use super::{Builder, bug, check};

/// The memory of an `ArrayBuffer` of this thread: first integers, then bytes.
///
/// Not `Send`: it belongs to the thread of its environment.
pub struct Scratch {
    data: NonNull<i32>,
    integers: usize,
    bytes: usize,
    busy: Cell<bool>,
}

impl Scratch {
    /// Lends both parts for the time of `work`, which must not run JavaScript.
    pub fn with<R>(&self, work: impl FnOnce(&mut [i32], &mut [u8]) -> Result<R>) -> Result<R> {
        if self.busy.replace(true) {
            return Err(bug("the door's memory is in use"));
        }
        // SAFETY: the buffer was made with room for both parts, aligned for integers, zeroed by V8. It lives, where it is,
        // while the module of JavaScript that was handed it does, which holds it beside every handle that leads here, and
        // which marked it as untransferable. Only its own thread gets here; no JavaScript runs meanwhile, and `busy` keeps
        // Rust from lending it twice.
        let (integers, bytes) = unsafe {
            let tail = self.data.as_ptr().add(self.integers).cast::<u8>();
            (
                std::slice::from_raw_parts_mut(self.data.as_ptr(), self.integers),
                std::slice::from_raw_parts_mut(tail, self.bytes),
            )
        };
        let done = work(integers, bytes);
        self.busy.set(false);
        done
    }
}

impl Builder {
    /// Adds an `ArrayBuffer` of so many integers and, behind them, so many bytes.
    pub fn memory(self, name: &str, integers: usize, bytes: usize) -> Result<(Self, Rc<Scratch>)> {
        let mut data = ptr::null_mut();
        let mut buffer = ptr::null_mut();
        // SAFETY: env is the live environment of the export that builds; results are written into live variables.
        let status = unsafe {
            sys::napi_create_arraybuffer(self.env, integers * size_of::<i32>() + bytes, &raw mut data, &raw mut buffer)
        };
        check(status, "the door's memory could not be made")?;
        let data = NonNull::new(data.cast::<i32>()).filter(|data| data.is_aligned());
        let data = data.ok_or_else(|| bug("the door's memory could not be made"))?;
        let scratch = Rc::new(Scratch { data, integers, bytes, busy: Cell::new(false) });
        self.set(name, buffer).map(|this| (this, scratch))
    }
}
