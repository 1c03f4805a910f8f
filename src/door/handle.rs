//! Handles: what JavaScript holds of ours, and gives back with each call.

use std::{ffi::c_void, marker::PhantomData, panic::catch_unwind, ptr};

use napi::sys;
use warmpath_engine::error::Result;

use super::{Arguments, Value, bug, check};

/// What a handle can hold.
pub trait Held: 'static {
    /// Tells it from what other handles hold.
    const TAG: u64;

    /// Bytes that [`Arguments::account`] was told about, to be given back when it is freed.
    fn accounted(&self) -> i64 {
        0
    }
}

/// What an external value points to.
#[repr(C)]
struct Tagged<H> {
    /// First, so that it can be read whatever follows.
    tag: u64,
    held: H,
}

impl<'e> Arguments<'e> {
    /// What a handle holds, for this callback alone.
    pub fn handle<H: Held>(&self, index: usize) -> Result<&'e mut H> {
        let mut tagged = self.tagged::<H>(index)?;
        // SAFETY: the tag says that it is a `Tagged<H>`, which came from Box::into_raw in `open` (rule 4) and lives while its
        // external does, which is an argument of this callback. Nobody else has it: externals do not cross threads, a callback
        // is not entered twice on one thread (rule 3), and each function asks for its handle once.
        Ok(&mut unsafe { tagged.as_mut() }.held)
    }

    fn tagged<H: Held>(&self, index: usize) -> Result<ptr::NonNull<Tagged<H>>> {
        let value = self.get(index)?;
        let mut data: *mut c_void = ptr::null_mut();
        // SAFETY: env and value belong to this callback; the result is written into a live pointer.
        let status = unsafe { sys::napi_get_value_external(self.env, value, &raw mut data) };
        check(status, "the door expects a handle")?;
        let tagged = ptr::NonNull::new(data.cast::<Tagged<H>>()).ok_or_else(|| bug("the door expects a handle"))?;
        // SAFETY: every external of this addon begins with a tag (rule 4), whatever it holds.
        if unsafe { tagged.cast::<u64>().read() } == H::TAG {
            Ok(tagged)
        } else {
            Err(bug("the door expects another handle"))
        }
    }

    /// Hands something over to JavaScript, as a handle.
    pub fn open<H: Held>(&self, held: H) -> Result<Value<'e>> {
        let data = Box::into_raw(Box::new(Tagged { tag: H::TAG, held })).cast::<c_void>();
        let mut value = ptr::null_mut();
        // SAFETY: data is a live box that this call gives away; `drop_handle` takes it back, once.
        let status = unsafe {
            sys::napi_create_external(self.env, data, Some(drop_handle::<H>), ptr::null_mut(), &raw mut value)
        };
        if status != sys::Status::napi_ok {
            // SAFETY: Node-API did not take it, so it is still ours.
            drop(unsafe { Box::from_raw(data.cast::<Tagged<H>>()) });
        }
        check(status, "a handle could not be made").map(|()| Value(value, PhantomData))
    }

    /// Tells V8 that this many bytes more (or fewer) hang on what JavaScript holds here. It can make a collection due; it runs no
    /// JavaScript.
    pub fn account(&self, bytes: i64) {
        let mut total = 0;
        // SAFETY: env belongs to this callback; the result is written into a live i64.
        unsafe { sys::napi_adjust_external_memory(self.env, bytes, &raw mut total) };
    }
}

/// Frees what a handle holds: called by Node when its external was collected, or its environment ends.
unsafe extern "C" fn drop_handle<H: Held>(env: sys::napi_env, data: *mut c_void, _: *mut c_void) {
    // A destructor that panics must not unwind into C.
    let _ = catch_unwind(|| {
        // SAFETY: data is what `open` gave away, and Node calls a finalizer once.
        let tagged = unsafe { Box::from_raw(data.cast::<Tagged<H>>()) };
        let accounted = tagged.held.accounted();
        if accounted != 0 {
            let mut total = 0;
            // SAFETY: env is the environment that the handle belonged to; the result is written into a live i64.
            unsafe { sys::napi_adjust_external_memory(env, -accounted, &raw mut total) };
        }
    });
}
