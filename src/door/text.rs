//! Texts of JavaScript, read without an allocation where they are short.

use std::{ffi::c_char, hint::black_box, mem::MaybeUninit, ptr};

use napi::sys;
use warmpath_engine::error::{Code, Error, Result};
use zeroize::Zeroize;

use super::{Arguments, bug, check};

/// Texts up to this length are read without an allocation.
const ROOM: usize = 2048;

/// Room for one text.
pub struct Text {
    stack: MaybeUninit<[u8; ROOM]>,
    heap: Vec<u8>,
}

impl Text {
    #[inline]
    pub fn new() -> Self {
        // What the compiler knows to be constant it copies, and what is not initialised with it, as zeroes: two kilobytes for
        // every text of a call, a tenth of a signature.
        Self { stack: MaybeUninit::uninit(), heap: Vec::with_capacity(black_box(0)) }
    }

    /// Wipes what was read.
    pub fn zeroize(&mut self) {
        // SAFETY: all zeroes are valid bytes, and writing needs nothing initialised.
        unsafe { ptr::write_volatile(self.stack.as_mut_ptr(), [0; ROOM]) };
        self.heap.zeroize();
    }
}

impl Arguments<'_> {
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
}
