//! The raw Node-API door of the signer: every unsafe line of this crate.
//!
//! Why raw: the `#[napi]` macros spend more on one call with an object in and an object out than a whole signature costs
//! (`docs/sigv4.md` has the measurements). Here arguments are flat numbers and texts, texts are read into stack buffers with one
//! call each, and one text goes back. Nothing is thrown from native code: a failure is a text that begins with [`FAILED`],
//! and JavaScript builds the error.
//!
//! What makes it sound:
//!
//! 1. One trampoline, [`entry`], is the only callback. It catches panics, so none unwinds into C.
//! 2. A [`Value`] and everything read from it lives no longer than the callback (`'e`), inside Node's own handle scope.
//! 3. No JavaScript runs while a handle is in use: none of the functions called here can call back into JavaScript (no
//!    property access, no conversion, no exception with a stack), but for [`Arguments::list`], which comes last. So a handle is not entered twice, and
//!    a buffer is not detached while it is read.
//! 4. A handle is an external value that [`Arguments::open`] made; only `lib/signer/core.js` holds any, and Node frees its contents through
//!    [`drop_handle`] once no JavaScript can reach it.

use std::{
    ffi::{c_char, c_void},
    marker::PhantomData,
    mem::MaybeUninit,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
};

use napi::sys;
use warmpath_engine::error::{Code, Error, Result};
use zeroize::Zeroize;

/// First byte of an answer that is a failure: neither a URL nor an `authorization` nor JSON begins with it.
pub const FAILED: u8 = b'!';

/// Most arguments of a function.
const ARGUMENTS: usize = 10;

/// Texts up to this length are read without an allocation.
const ROOM: usize = 2048;

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

    /// Does the work. An error goes out as a text that begins with [`FAILED`].
    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>>;
}

/// Room for one text.
pub struct Text {
    stack: MaybeUninit<[u8; ROOM]>,
    heap: Vec<u8>,
}

impl Text {
    pub const fn new() -> Self {
        Self { stack: MaybeUninit::uninit(), heap: Vec::new() }
    }

    /// Wipes what was read.
    pub fn zeroize(&mut self) {
        // SAFETY: all zeroes are valid bytes, and writing needs nothing initialised.
        unsafe { ptr::write_volatile(self.stack.as_mut_ptr(), [0; ROOM]) };
        self.heap.zeroize();
    }
}

fn bug(what: &'static str) -> Error {
    Error::new(Code::Internal, what)
}

fn check(status: sys::napi_status, what: &'static str) -> Result<()> {
    if status == sys::Status::napi_ok { Ok(()) } else { Err(bug(what)) }
}

impl<'e> Arguments<'e> {
    fn get(&self, index: usize) -> Result<sys::napi_value> {
        self.values.get(index).copied().ok_or_else(|| bug("the door has no such argument"))
    }

    /// A number, as it is.
    pub fn number(&self, index: usize) -> Result<f64> {
        let value = self.get(index)?;
        let mut number = 0.0;
        // SAFETY: env and value belong to this callback; the result is written into a live f64.
        let status = unsafe { sys::napi_get_value_double(self.env, value, &raw mut number) };
        check(status, "the door expects a number").map(|()| number)
    }

    /// A number that is a set of bits.
    pub fn bits(&self, index: usize) -> Result<u32> {
        let value = self.get(index)?;
        let mut number = 0;
        // SAFETY: env and value belong to this callback; the result is written into a live u32.
        let status = unsafe { sys::napi_get_value_uint32(self.env, value, &raw mut number) };
        check(status, "the door expects bits").map(|()| number)
    }

    /// A text; `field` names it where it is no Unicode text.
    pub fn text<'t>(&self, index: usize, field: &str, room: &'t mut Text) -> Result<&'t str> {
        let text = self.lossy_text(index, room)?;
        if !text.is_ascii() && text.contains('\u{fffd}') && !self.is_well_formed(self.get(index)?)? {
            return Err(Error::new(Code::InvalidArgument, format!("{field}: must be well-formed text")));
        }
        Ok(text)
    }

    /// A text as it would be sent: a lone surrogate as U+FFFD.
    pub fn lossy_text<'t>(&self, index: usize, room: &'t mut Text) -> Result<&'t str> {
        let value = self.get(index)?;
        let mut length = 0;
        // SAFETY: env and value belong to this callback; at most ROOM bytes, the closing NUL among them, are written into
        // the ROOM bytes of the buffer.
        let status = unsafe {
            let buffer = room.stack.as_mut_ptr().cast::<c_char>();
            sys::napi_get_value_string_utf8(self.env, value, buffer, ROOM, &raw mut length)
        };
        check(status, "the door expects a text")?;
        // No character is cut in half: a text that ends within a character's length of the room may have been cut off.
        let bytes = if length + 4 < ROOM {
            // SAFETY: Node-API wrote `length` bytes at the start of the buffer, and `length` is below ROOM.
            unsafe { std::slice::from_raw_parts(room.stack.as_ptr().cast::<u8>(), length) }
        } else {
            self.long_text(value, &mut room.heap)?;
            room.heap.as_slice()
        };
        // What Node-API writes is UTF-8; checking it is cheap and keeps this function free of a promise.
        str::from_utf8(bytes).map_err(|_| bug("a text is not UTF-8"))
    }

    fn long_text(&self, value: sys::napi_value, heap: &mut Vec<u8>) -> Result<()> {
        let mut length = 0;
        // SAFETY: without a buffer only the length is written, into a live usize.
        let status = unsafe { sys::napi_get_value_string_utf16(self.env, value, ptr::null_mut(), 0, &raw mut length) };
        check(status, "the door expects a text")?;
        // The number of UTF-16 units is known, that of bytes would have to be counted: no unit becomes more than three.
        let room = length * 3 + 1;
        heap.clear();
        heap.reserve(room);
        // SAFETY: at most `room` bytes, the closing NUL among them, are written into a buffer with room for them,
        // and then those without the NUL are declared as initialised.
        let status = unsafe {
            let buffer = heap.as_mut_ptr().cast::<c_char>();
            let status = sys::napi_get_value_string_utf8(self.env, value, buffer, room, &raw mut length);
            heap.set_len(if status == sys::Status::napi_ok { length.min(heap.capacity()) } else { 0 });
            status
        };
        check(status, "the door expects a text")
    }

    /// Whether a text has no lone surrogate. Node-API reads one as U+FFFD, which could be meant as well.
    fn is_well_formed(&self, value: sys::napi_value) -> Result<bool> {
        let mut length = 0;
        // SAFETY: without a buffer only the length is written, into a live usize.
        let status = unsafe { sys::napi_get_value_string_utf16(self.env, value, ptr::null_mut(), 0, &raw mut length) };
        check(status, "the door expects a text")?;
        let mut units = vec![0_u16; length + 1];
        // SAFETY: at most `units.len()` units, the closing NUL among them, are written into an initialised buffer.
        let status = unsafe {
            let buffer = units.as_mut_ptr();
            sys::napi_get_value_string_utf16(self.env, value, buffer, units.len(), &raw mut length)
        };
        check(status, "the door expects a text")?;
        units.truncate(length);
        Ok(char::decode_utf16(units).all(|unit| unit.is_ok()))
    }

    /// The bytes of a `Uint8Array` (JavaScript sees to it that they are not shared with another thread).
    pub fn bytes(&self, index: usize) -> Result<&[u8]> {
        let value = self.get(index)?;
        let (mut kind, mut length, mut data) = (0, 0, ptr::null_mut());
        // SAFETY: env and value belong to this callback; results are written into live variables, null skips one.
        let status = unsafe {
            let (buffer, offset) = (ptr::null_mut(), ptr::null_mut());
            sys::napi_get_typedarray_info(
                self.env,
                value,
                &raw mut kind,
                &raw mut length,
                &raw mut data,
                buffer,
                offset,
            )
        };
        check(status, "the door expects bytes")?;
        if kind != sys::TypedarrayType::uint8_array && kind != sys::TypedarrayType::uint8_clamped_array {
            return Err(bug("the door expects bytes"));
        }
        if data.is_null() || length == 0 {
            return Ok(&[]);
        }
        // SAFETY: Node-API says that `length` bytes lie at `data`. They stay while no JavaScript runs (rule 3), and the slice
        // ends with the borrow of the arguments.
        Ok(unsafe { std::slice::from_raw_parts(data.cast::<u8>(), length) })
    }

    /// What a handle holds.
    pub fn handle(&self, index: usize) -> Result<&'e mut super::Handle> {
        let value = self.get(index)?;
        let mut data: *mut c_void = ptr::null_mut();
        // SAFETY: env and value belong to this callback; the result is written into a live pointer.
        let status = unsafe { sys::napi_get_value_external(self.env, value, &raw mut data) };
        check(status, "the door expects a handle")?;
        // SAFETY: the pointer came from Box::into_raw in `open` (rule 4) and lives while its external does, which is an argument
        // of this callback. Nobody else has it: externals do not cross threads, a callback is not entered twice on one thread
        // (rule 3), and each function asks for its handle once.
        unsafe { data.cast::<super::Handle>().as_mut() }.ok_or_else(|| bug("the door expects a handle"))
    }

    /// Hands a signer over to JavaScript.
    pub fn open(&self, handle: super::Handle) -> Result<Value<'e>> {
        let data = Box::into_raw(Box::new(handle)).cast::<c_void>();
        let mut value = ptr::null_mut();
        // SAFETY: data is a live box that this call gives away; `drop_handle` takes it back, once.
        let status =
            unsafe { sys::napi_create_external(self.env, data, Some(drop_handle), ptr::null_mut(), &raw mut value) };
        if status != sys::Status::napi_ok {
            // SAFETY: Node-API did not take it, so it is still ours.
            drop(unsafe { Box::from_raw(data.cast::<super::Handle>()) });
        }
        check(status, "a handle could not be made").map(|()| Value(value, PhantomData))
    }

    /// Hands a text over to JavaScript.
    pub fn reply(&self, text: &[u8]) -> Result<Value<'e>> {
        let length = isize::try_from(text.len()).map_err(|_| bug("a text is too long"))?;
        let mut value = ptr::null_mut();
        let data = text.as_ptr().cast::<c_char>();
        // SAFETY: `length` bytes lie at `data`, and Node-API copies them. ASCII is Latin-1, which is cheaper to make.
        let status = unsafe {
            if text.is_ascii() {
                sys::napi_create_string_latin1(self.env, data, length, &raw mut value)
            } else {
                sys::napi_create_string_utf8(self.env, data, length, &raw mut value)
            }
        };
        check(status, "a text could not be made").map(|()| Value(value, PhantomData))
    }

    /// Hands a list over to JavaScript. To be called last, when nothing of a handle is in use any more: filling an array could
    /// run JavaScript, where somebody has put a setter on `Array.prototype`.
    pub fn list(&self, values: &[Value<'e>]) -> Result<Value<'e>> {
        let mut list = ptr::null_mut();
        // SAFETY: env belongs to this callback; the result is written into a live variable.
        let status = unsafe { sys::napi_create_array_with_length(self.env, values.len(), &raw mut list) };
        check(status, "a list could not be made")?;
        for (index, value) in (0_u32..).zip(values) {
            // SAFETY: list and value belong to this callback's scope.
            let status = unsafe { sys::napi_set_element(self.env, list, index, value.0) };
            check(status, "a list could not be made")?;
        }
        Ok(Value(list, PhantomData))
    }

    fn fail(&self, error: &Error) -> sys::napi_value {
        let text = format!("{}{}\n{}", char::from(FAILED), error.code.as_str(), error.message);
        self.reply(text.as_bytes()).map_or(ptr::null_mut(), |value| value.0)
    }
}

/// Frees a signer: called by Node when its external was collected, or its environment ends.
unsafe extern "C" fn drop_handle(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
    // A destructor that panics must not unwind into C.
    let _ = catch_unwind(|| {
        // SAFETY: data is what `open` gave away, and Node calls a finalizer once.
        drop(unsafe { Box::from_raw(data.cast::<super::Handle>()) });
    });
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
    let work = || F::call(&arguments).map_or_else(|error| arguments.fail(&error), |value| value.0);
    // What a panic leaves in a handle is buffers and caches, which every call begins by clearing or comparing.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let error = bug("a defect of the native signer (a panic): please report it");
        catch_unwind(AssertUnwindSafe(|| arguments.fail(&error))).unwrap_or(ptr::null_mut())
    })
}

/// The functions of the door, to be put on one object.
pub struct Builder {
    env: sys::napi_env,
    object: sys::napi_value,
}

impl Builder {
    /// An empty object of this environment.
    pub fn new(env: &napi::Env) -> Result<Self> {
        let env = env.raw();
        let mut object = ptr::null_mut();
        // SAFETY: env is the live environment of the export that calls this.
        let status = unsafe { sys::napi_create_object(env, &raw mut object) };
        check(status, "the door could not be made").map(|()| Self { env, object })
    }

    /// Adds a function.
    pub fn add<F: Function>(self) -> Result<Self> {
        let mut function = ptr::null_mut();
        let length = isize::try_from(F::NAME.len()).map_err(|_| bug("a name is too long"))?;
        let name = F::NAME.as_ptr().cast::<c_char>();
        // SAFETY: `length` bytes lie at `name`, and Node-API copies them; the callback has no data.
        let status = unsafe {
            sys::napi_create_function(self.env, name, length, Some(entry::<F>), ptr::null_mut(), &raw mut function)
        };
        check(status, "the door could not be made")?;
        let mut key = ptr::null_mut();
        // SAFETY: as above; object and function belong to the same environment and scope.
        let status = unsafe {
            sys::napi_create_string_latin1(self.env, name, length, &raw mut key);
            sys::napi_set_property(self.env, self.object, key, function)
        };
        check(status, "the door could not be made").map(|()| self)
    }

    /// The object.
    pub fn finish(self, env: &napi::Env) -> napi::bindgen_prelude::Object<'_> {
        napi::bindgen_prelude::Object::from_raw(env.raw(), self.object)
    }
}
