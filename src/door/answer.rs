//! What goes back to JavaScript: nothing, a number, a text, a list, a failure.

use std::{
    ffi::{CString, c_char},
    marker::PhantomData,
    ptr,
};

use napi::sys;
use warmpath_engine::error::{Error, Result};

use super::{Arguments, FAILED, Function, Value, bug, check};

impl<'e> Arguments<'e> {
    /// `null`.
    pub fn null(&self) -> Result<Value<'e>> {
        let mut value = ptr::null_mut();
        // SAFETY: env belongs to this callback; the result is written into a live variable.
        let status = unsafe { sys::napi_get_null(self.env, &raw mut value) };
        check(status, "null could not be had").map(|()| Value(value, PhantomData))
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
        // ASCII is Latin-1, which is cheaper to make.
        if text.is_ascii() {
            return self.reply_latin(text);
        }
        let length = isize::try_from(text.len()).map_err(|_| bug("a text is too long"))?;
        let mut value = ptr::null_mut();
        let data = text.as_ptr().cast::<c_char>();
        // SAFETY: `length` bytes lie at `data`, and Node-API copies them.
        let status = unsafe { sys::napi_create_string_utf8(self.env, data, length, &raw mut value) };
        check(status, "a text could not be made").map(|()| Value(value, PhantomData))
    }

    /// Hands a text over to JavaScript, as Latin-1.
    pub fn reply_latin(&self, text: &[u8]) -> Result<Value<'e>> {
        let length = isize::try_from(text.len()).map_err(|_| bug("a text is too long"))?;
        let mut value = ptr::null_mut();
        let data = text.as_ptr().cast::<c_char>();
        // SAFETY: `length` bytes lie at `data`, and Node-API copies them.
        let status = unsafe { sys::napi_create_string_latin1(self.env, data, length, &raw mut value) };
        check(status, "a text could not be made").map(|()| Value(value, PhantomData))
    }

    /// Hands a text over to JavaScript, as UTF-16.
    pub fn reply_wide(&self, units: &[u16]) -> Result<Value<'e>> {
        let length = isize::try_from(units.len()).map_err(|_| bug("a text is too long"))?;
        let mut value = ptr::null_mut();
        // SAFETY: `length` units lie at the pointer, and Node-API copies them.
        let status = unsafe { sys::napi_create_string_utf16(self.env, units.as_ptr(), length, &raw mut value) };
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

    pub(super) fn fail<F: Function>(&self, error: &Error) -> sys::napi_value {
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
