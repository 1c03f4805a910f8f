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
//!    [`drop_handle`] once no JavaScript can reach them.
//! 5. Bytes of one call are read and written while nothing else can: [`Arguments::bytes`] and [`Arguments::integers`] borrow
//!    for the callback, JavaScript passes no buffer twice, and none that is shared with another thread.

mod latin;
mod scratch;
mod text;

use std::{
    ffi::{CString, c_char, c_void},
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
};

use napi::sys;
use warmpath_engine::error::{Code, Error, Result};

pub use self::{latin::Latin, scratch::Scratch, text::Text};

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

    /// The bytes of a `Uint8Array` (JavaScript sees to it that they are not shared with another thread).
    pub fn bytes(&self, index: usize) -> Result<&[u8]> {
        let (kind, data, length) = self.typed_array(index)?;
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

    /// The bytes of a `Uint8Array`, to be written. Asked for once a call, and for no buffer that another argument reads (rule 5).
    #[expect(clippy::mut_from_ref, reason = "JavaScript owns the bytes; rule 5 is what makes the borrow unique")]
    pub fn bytes_mut(&self, index: usize) -> Result<&mut [u8]> {
        let (kind, data, length) = self.typed_array(index)?;
        if kind != sys::TypedarrayType::uint8_array {
            return Err(bug("the door expects bytes"));
        }
        if data.is_null() || length == 0 {
            return Ok(&mut []);
        }
        // SAFETY: as in `bytes`; and nothing else reads or writes them during this callback (rule 5).
        Ok(unsafe { std::slice::from_raw_parts_mut(data.cast::<u8>(), length) })
    }

    /// The numbers of an `Int32Array`, to be read and written. Asked for once a call (rule 5).
    #[expect(clippy::mut_from_ref, reason = "JavaScript owns the numbers; rule 5 is what makes the borrow unique")]
    pub fn integers(&self, index: usize) -> Result<&mut [i32]> {
        let (kind, data, length) = self.typed_array(index)?;
        if kind != sys::TypedarrayType::int32_array {
            return Err(bug("the door expects integers"));
        }
        if data.is_null() || length == 0 {
            return Ok(&mut []);
        }
        // SAFETY: Node-API says that `length` integers lie at `data`, aligned as an Int32Array is. They stay while no JavaScript
        // runs (rule 3), nothing else reads or writes them during this callback (rule 5), and the slice ends with the borrow of
        // the arguments.
        Ok(unsafe { std::slice::from_raw_parts_mut(data.cast::<i32>(), length) })
    }

    fn typed_array(&self, index: usize) -> Result<(sys::napi_typedarray_type, *mut c_void, usize)> {
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
        check(status, "the door expects a typed array").map(|()| (kind, data, length))
    }

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

    /// `null`.
    pub fn null(&self) -> Result<Value<'e>> {
        let mut value = ptr::null_mut();
        // SAFETY: env belongs to this callback; the result is written into a live variable.
        let status = unsafe { sys::napi_get_null(self.env, &raw mut value) };
        check(status, "null could not be had").map(|()| Value(value, PhantomData))
    }

    /// Whether an argument was left out.
    pub fn is_missing(&self, index: usize) -> Result<bool> {
        let value = self.get(index)?;
        let mut kind = 0;
        // SAFETY: env and value belong to this callback; the result is written into a live variable.
        let status = unsafe { sys::napi_typeof(self.env, value, &raw mut kind) };
        check(status, "the door expects an argument").map(|()| kind == sys::ValueType::napi_undefined)
    }

    /// A number with a sign.
    pub fn integer(&self, index: usize) -> Result<i32> {
        let value = self.get(index)?;
        let mut number = 0;
        // SAFETY: env and value belong to this callback; the result is written into a live i32.
        let status = unsafe { sys::napi_get_value_int32(self.env, value, &raw mut number) };
        check(status, "the door expects an integer").map(|()| number)
    }

    /// `undefined`.
    #[expect(clippy::unused_self, reason = "it reads as the others do, and ties the value to this callback")]
    pub const fn nothing(&self) -> Value<'e> {
        Value(ptr::null_mut(), PhantomData)
    }

    /// Hands a number over to JavaScript.
    pub fn count(&self, number: u32) -> Result<Value<'e>> {
        let mut value = ptr::null_mut();
        // SAFETY: env belongs to this callback; the result is written into a live variable.
        let status = unsafe { sys::napi_create_uint32(self.env, number, &raw mut value) };
        check(status, "a number could not be made").map(|()| Value(value, PhantomData))
    }

    /// Hands a number over to JavaScript.
    pub fn float(&self, number: f64) -> Result<Value<'e>> {
        let mut value = ptr::null_mut();
        // SAFETY: env belongs to this callback; the result is written into a live variable.
        let status = unsafe { sys::napi_create_double(self.env, number, &raw mut value) };
        check(status, "a number could not be made").map(|()| Value(value, PhantomData))
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

    fn fail<F: Function>(&self, error: &Error) -> sys::napi_value {
        if F::THROWS {
            if let (Ok(code), Ok(message)) = (CString::new(error.code.as_str()), CString::new(&*error.message)) {
                // SAFETY: env belongs to this callback; both texts end with a NUL and are copied.
                unsafe { sys::napi_throw_error(self.env, code.as_ptr(), message.as_ptr()) };
            }
            return ptr::null_mut();
        }
        let text = format!("{}{}\n{}", char::from(FAILED), error.code.as_str(), error.message);
        self.reply(text.as_bytes()).map_or(ptr::null_mut(), |value| value.0)
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
    let work = || F::call(&arguments).map_or_else(|error| arguments.fail::<F>(&error), |value| value.0);
    // What a panic leaves in a handle is buffers and caches, which every call begins by clearing or comparing.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let error = bug("a defect of native code (a panic): please report it");
        catch_unwind(AssertUnwindSafe(|| arguments.fail::<F>(&error))).unwrap_or(ptr::null_mut())
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
        self.set(F::NAME, function)
    }

    /// Adds a handle.
    pub fn hold<H: Held>(self, name: &str, held: H) -> Result<Self> {
        let arguments = Arguments { env: self.env, values: [ptr::null_mut(); ARGUMENTS], scope: PhantomData };
        let handle = arguments.open(held)?.0;
        self.set(name, handle)
    }

    fn set(self, name: &str, value: sys::napi_value) -> Result<Self> {
        let mut key = ptr::null_mut();
        let length = isize::try_from(name.len()).map_err(|_| bug("a name is too long"))?;
        // SAFETY: `length` bytes lie at `name`, and Node-API copies them; all values belong to the same environment and scope.
        let status = unsafe {
            sys::napi_create_string_latin1(self.env, name.as_ptr().cast::<c_char>(), length, &raw mut key);
            sys::napi_set_property(self.env, self.object, key, value)
        };
        check(status, "the door could not be made").map(|()| self)
    }

    /// The object.
    pub fn finish(self, env: &napi::Env) -> napi::bindgen_prelude::Object<'_> {
        napi::bindgen_prelude::Object::from_raw(env.raw(), self.object)
    }
}
