//! Texts of JavaScript, read without an allocation where they are short.

use std::{ffi::c_char, hint::black_box, mem::MaybeUninit, ptr};

use napi::sys;
use warmpath_engine::error::{Code, Error, Result};
use zeroize::Zeroize;

use super::{Arguments, bug, check};

/// Texts up to this length are read without an allocation.
const ROOM: usize = 2048;

/// A text as it lies in JavaScript: nothing is converted, and half characters stay what they are.
pub enum Units {
    /// Latin-1: every character fits into a byte.
    Latin(Vec<u8>),
    /// UTF-16.
    Wide(Vec<u16>),
}

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

/// Wipes a text whose owner is done with it. As the crate `zeroize` does it, but 64 bytes at a time: a batch of jobs is a text of
/// tens of kilobytes, and that crate writes it twice, byte by byte.
pub fn wipe(text: String) {
    let mut bytes = text.into_bytes();
    bytes.resize(bytes.capacity(), 0);
    let (blocks, rest) = bytes.as_chunks_mut::<64>();
    for block in blocks {
        // SAFETY: all zeroes are valid bytes, and the block is borrowed for writing.
        unsafe { ptr::write_volatile(block, [0; 64]) };
    }
    rest.zeroize();
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

    /// [`Arguments::text`] of so many UTF-16 units, for long ones: to measure it costs more than to read it.
    pub fn sized_text<'t>(&self, index: usize, field: &str, length: usize, room: &'t mut Text) -> Result<&'t str> {
        if !self.ascii_utf8(self.get(index)?, length, &mut room.heap)? {
            return self.text(index, field, room);
        }
        str::from_utf8(&room.heap).map_err(|_| bug("a text is not UTF-8"))
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

    /// A text of `length` units as it lies there. `is_latin`: each fits into a byte, and `narrow` is where they go.
    ///
    /// Node-API does not tell how V8 holds a text, and copies one of bytes as it lies there only to who asks for Latin-1, where what does
    /// not fit is cut off: so JavaScript sees to it (`lib/queue/runs.js`), for which it needs no look at each character.
    pub fn units(&self, index: usize, length: usize, is_latin: bool, mut narrow: Vec<u8>) -> Result<Units> {
        let value = self.get(index)?;
        if is_latin {
            return self.latin_text(value, length, &mut narrow).map(|()| Units::Latin(narrow));
        }
        let mut wide = Vec::new();
        self.wide_text(value, length, &mut wide).map(|()| Units::Wide(wide))
    }

    /// Reads a text of at most so many UTF-16 units where it is ASCII; whether it is.
    fn ascii_utf8(&self, value: sys::napi_value, length: usize, heap: &mut Vec<u8>) -> Result<bool> {
        heap.clear();
        heap.reserve(length + 1);
        let mut written = 0;
        // SAFETY: at most `length + 1` bytes, the closing NUL among them, are written into a buffer with room for them; then
        // those without the NUL, which were written, are declared as initialised.
        unsafe {
            let buffer = heap.as_mut_ptr().cast::<c_char>();
            let status = sys::napi_get_value_string_utf8(self.env, value, buffer, length + 1, &raw mut written);
            check(status, "the door expects a text")?;
            heap.set_len(written.min(length));
        }
        // What is longer as UTF-8 was cut off, behind a byte that is not ASCII.
        Ok(written == length && heap.is_ascii())
    }

    fn wide_text(&self, value: sys::napi_value, length: usize, wide: &mut Vec<u16>) -> Result<()> {
        wide.clear();
        wide.reserve(length + 1);
        let mut written = 0;
        // SAFETY: at most `length + 1` units, the closing NUL among them, are written into a buffer with room for them; then
        // those without the NUL, which were written, are declared as initialised.
        unsafe {
            let buffer = wide.as_mut_ptr();
            let status = sys::napi_get_value_string_utf16(self.env, value, buffer, length + 1, &raw mut written);
            check(status, "the door expects a text")?;
            wide.set_len(written.min(length));
        }
        Ok(())
    }

    fn long_text(&self, value: sys::napi_value, heap: &mut Vec<u8>) -> Result<()> {
        let room = self.utf8_length(value)?;
        // Counting and copying are done many bytes at a time; converting is not.
        if room == self.utf16_length(value)? {
            return self.latin_text(value, room, heap);
        }
        heap.clear();
        heap.reserve(room + 1);
        let mut length = 0;
        // SAFETY: at most `room + 1` bytes, the closing NUL among them, are written into a buffer with room for them,
        // and then those without the NUL are declared as initialised.
        let status = unsafe {
            let buffer = heap.as_mut_ptr().cast::<c_char>();
            let status = sys::napi_get_value_string_utf8(self.env, value, buffer, room + 1, &raw mut length);
            heap.set_len(if status == sys::Status::napi_ok { length.min(room) } else { 0 });
            status
        };
        check(status, "the door expects a text")
    }

    /// A text that is known to be ASCII or Latin-1, of so many characters.
    fn latin_text(&self, value: sys::napi_value, length: usize, heap: &mut Vec<u8>) -> Result<()> {
        heap.clear();
        heap.reserve(length + 1);
        let mut written = 0;
        // SAFETY: at most `length + 1` bytes, the closing NUL among them, are written into a buffer with room for them,
        // and then those without the NUL are declared as initialised.
        let status = unsafe {
            let buffer = heap.as_mut_ptr().cast::<c_char>();
            let status = sys::napi_get_value_string_latin1(self.env, value, buffer, length + 1, &raw mut written);
            heap.set_len(if status == sys::Status::napi_ok { written.min(length) } else { 0 });
            status
        };
        check(status, "the door expects a text")
    }

    /// The length in UTF-16 units, which V8 knows.
    fn utf16_length(&self, value: sys::napi_value) -> Result<usize> {
        let mut length = 0;
        // SAFETY: without a buffer only the length is written, into a live usize.
        let status = unsafe { sys::napi_get_value_string_utf16(self.env, value, ptr::null_mut(), 0, &raw mut length) };
        check(status, "the door expects a text").map(|()| length)
    }

    /// The length in bytes of UTF-8, which V8 counts. The other length again: it is ASCII.
    fn utf8_length(&self, value: sys::napi_value) -> Result<usize> {
        let mut length = 0;
        // SAFETY: without a buffer only the length is written, into a live usize.
        let status = unsafe { sys::napi_get_value_string_utf8(self.env, value, ptr::null_mut(), 0, &raw mut length) };
        check(status, "the door expects a text").map(|()| length)
    }

    /// Whether a text has no lone surrogate. Node-API reads one as U+FFFD, which could be meant as well.
    fn is_well_formed(&self, value: sys::napi_value) -> Result<bool> {
        let mut length = self.utf16_length(value)?;
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
