//! The object that JavaScript finds the functions on.

use std::{ffi::c_char, marker::PhantomData, ptr};

use napi::sys;
use warmpath_engine::error::Result;

use super::{ARGUMENTS, Arguments, Function, Held, bug, check, entry};

/// The functions of the door, to be put on one object.
pub struct Builder {
    pub(super) env: sys::napi_env,
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

    pub(super) fn set(self, name: &str, value: sys::napi_value) -> Result<Self> {
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
