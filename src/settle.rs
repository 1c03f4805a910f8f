//! A promise that is settled from another thread, with a value: failures travel as values, JavaScript builds the error.

use napi::{Env, bindgen_prelude::ToNapiValue};
use warmpath_engine::{error::Error, executor::Failure, runtime};

/// Runs `work` on the engine's threads and resolves with what it returns.
pub fn promise<T, R>(
    env: &Env,
    work: impl Future<Output = T> + Send + 'static,
    convert: impl FnOnce(T) -> R + Send + 'static,
) -> napi::Result<napi::bindgen_prelude::Object<'_>>
where
    T: Send + 'static,
    R: ToNapiValue + 'static,
{
    let (deferred, promise) = env.create_deferred()?;
    let runtime = runtime::handle().map_err(|error| napi::Error::from_reason(error.message.into_owned()))?;
    runtime.spawn(async move {
        let done = work.await;
        deferred.resolve(move |_| Ok(convert(done)));
    });
    Ok(promise)
}

/// An error as the JSON text that outcomes carry.
pub fn failure(error: &Error) -> String {
    serde_json::to_string(&Failure::from(error)).unwrap_or_default()
}
