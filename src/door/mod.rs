//! The raw Node-API door: every unsafe line of this crate.
//!
//! Why raw: the `#[napi]` macros spend more on one call with an object in and an object out than a whole signature or a whole
//! queue operation costs (`docs/sigv4.md` and `docs/queue.md` have the measurements). Here arguments are flat numbers, texts and
//! bytes; short texts are read into stack buffers with one call each, and one number, text or nothing goes back.
//!
//! What makes it sound:
//!
//! 1. One trampoline, [`entry`], is the only callback. It catches panics, so none unwinds into C.
//! 2. A [`Value`] and everything read from it lives no longer than the callback (`'e`), inside Node's own handle scope.
//! 3. No JavaScript runs while a handle is in use: none of the functions called here can call back into JavaScript (no
//!    property access, no conversion, no exception with a stack), but for [`Arguments::list`] and a thrown failure, which come
//!    last. So a handle is not entered twice, and a buffer is not detached while it is read or written.
//! 4. A handle is an external value that [`Arguments::open`] made; it begins with the tag of what it holds, which is compared
//!    before it is used. Only `lib/signer/core.js` and `lib/queue/core.js` hold any, and Node frees the contents through
//!    `handle::drop_handle` once no JavaScript can reach them.
//! 5. Bytes of one call are read and written while nothing else can: [`Arguments::bytes`] and [`Arguments::integers`] borrow
//!    for the callback, JavaScript passes no buffer twice, and none that is shared with another thread.

mod answer;
mod builder;
mod handle;
mod latin;
mod read;
mod scratch;
mod text;

use std::{
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
};

use napi::sys;
use warmpath_engine::{
    error::{Code, Error, Result},
    failpoint::hit,
};

pub use self::{
    builder::Builder,
    handle::Held,
    latin::Latin,
    scratch::Scratch,
    text::{Text, Units, wipe},
};

/// First byte of an answer that is a failure: neither a URL nor an `authorization` nor JSON begins with it.
pub const FAILED: u8 = b'!';

/// Most arguments of a function.
const ARGUMENTS: usize = 10;

/// A value of JavaScript, for the time of one callback.
#[derive(Clone, Copy)]
pub struct Value<'e>(sys::napi_value, PhantomData<&'e ()>);

/// The arguments of one call.
pub struct Arguments<'e> {
    env: sys::napi_env,
    values: [sys::napi_value; ARGUMENTS],
    scope: PhantomData<&'e ()>,
}

/// A function of the door.
pub trait Function {
    /// Its name in JavaScript.
    const NAME: &'static str;

    /// Whether a failure is thrown. Else it goes out as a text that begins with [`FAILED`], and JavaScript builds the error: for
    /// functions whose answers are texts of a known form, where failures are nothing rare.
    const THROWS: bool;

    /// Does the work.
    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>>;
}

fn bug(what: &'static str) -> Error {
    Error::new(Code::Internal, what)
}

fn check(status: sys::napi_status, what: &'static str) -> Result<()> {
    if status == sys::Status::napi_ok { Ok(()) } else { Err(bug(what)) }
}

impl Arguments<'_> {
    fn get(&self, index: usize) -> Result<sys::napi_value> {
        self.values.get(index).copied().ok_or_else(|| bug("the door has no such argument"))
    }
}

/// The one callback.
unsafe extern "C" fn entry<F: Function>(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let mut arguments = Arguments { env, values: [ptr::null_mut(); ARGUMENTS], scope: PhantomData };
    let mut count = ARGUMENTS;
    // SAFETY: env and info belong to this callback; at most `count` values are written, missing ones as undefined.
    let status = unsafe {
        let values = arguments.values.as_mut_ptr();
        sys::napi_get_cb_info(env, info, &raw mut count, values, ptr::null_mut(), ptr::null_mut())
    };
    if status != sys::Status::napi_ok {
        return ptr::null_mut();
    }
    let work = || {
        hit("door");
        F::call(&arguments).map_or_else(|error| arguments.fail::<F>(&error), |value| value.0)
    };
    // What a panic leaves in a handle is buffers and caches, which every call begins by clearing or comparing.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let error = bug("a defect of native code (a panic): please report it");
        catch_unwind(AssertUnwindSafe(|| arguments.fail::<F>(&error))).unwrap_or(ptr::null_mut())
    })
}
