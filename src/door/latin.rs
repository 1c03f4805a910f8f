//! A long text whose characters all fit into a byte, copied out of JavaScript as it lies there.
//!
//! As UTF-8 a text is measured and converted character by character, which for the megabytes of a medium in base64 holds the
//! event loop thirty times as long as this copy.

use std::{ffi::c_char, ptr};

use napi::{
    Result, Status, ValueType,
    bindgen_prelude::{FromNapiValue, TypeName, ValidateNapiValue},
    sys,
};

/// The characters of a text, one byte each. A character above U+00FF would come out as another one: the caller has seen to it
/// that there is none.
pub struct Latin(pub Vec<u8>);

impl TypeName for Latin {
    fn type_name() -> &'static str {
        "String"
    }

    fn value_type() -> ValueType {
        ValueType::String
    }
}

impl ValidateNapiValue for Latin {}

impl FromNapiValue for Latin {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
        let check = |status: sys::napi_status| match status {
            sys::Status::napi_ok => Ok(()),
            other => Err(napi::Error::new(Status::from(other), "the door expects a text")),
        };
        let mut length = 0;
        // SAFETY: without a buffer only the length is written, into a live usize.
        check(unsafe { sys::napi_get_value_string_latin1(env, value, ptr::null_mut(), 0, &raw mut length) })?;
        let mut text: Vec<u8> = Vec::with_capacity(length + 1);
        let mut written = 0;
        // SAFETY: at most `length + 1` bytes, the closing NUL among them, are written into a buffer with room for them; then
        // those without the NUL, which were written, are declared as initialised.
        unsafe {
            let buffer = text.as_mut_ptr().cast::<c_char>();
            check(sys::napi_get_value_string_latin1(env, value, buffer, length + 1, &raw mut written))?;
            text.set_len(written.min(length));
        }
        Ok(Self(text))
    }
}
