//! What is read of the arguments: numbers, bytes and integers, in place.

use std::{ffi::c_void, ptr};

use napi::sys;
use warmpath_engine::error::Result;

use super::{Arguments, bug, check};

impl Arguments<'_> {
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
}
