//! A promise that is settled from another thread, with a value: failures travel as values, JavaScript builds the error.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
};

use napi::{Env, bindgen_prelude::ToNapiValue};
use warmpath_engine::{error::Error, executor::Failure, failpoint::hit, runtime};

/// Runs `work` on the engine's threads and resolves with what it returns. A panic rejects: a promise that nobody settles would
/// keep its caller waiting for ever.
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
        match caught(work).await {
            Some(done) => deferred.resolve(move |_| Ok(convert(done))),
            None => deferred.reject(napi::Error::from_reason("a defect of native code (a panic): please report it")),
        }
    });
    Ok(promise)
}

/// What it gives; nothing when it panics.
async fn caught<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|context| {
        let step = || {
            hit("promise");
            work.as_mut().poll(context)
        };
        // It is not polled again after a panic.
        match catch_unwind(AssertUnwindSafe(step)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(done)) => Poll::Ready(Some(done)),
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}

/// An error as the JSON text that outcomes carry.
pub fn failure(error: &Error) -> String {
    serde_json::to_string(&Failure::from(error)).unwrap_or_default()
}
