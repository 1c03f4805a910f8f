//! What the classes of all executors share: jobs in, outcomes out, and the switches between.
//!
//! napi cannot export a generic class, so each pipeline has a class of its own around a [`Face`], and
//! [`executor_class!`](crate::executor_class) writes the methods that only hand over. What is particular (how jobs cross,
//! limits) stands in the file of the pipeline.

use std::{sync::Arc, time::Duration};

use napi::{
    Env, JsString, Status,
    bindgen_prelude::Function,
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};
use parking_lot::Mutex;
use serde::{Serialize, Serializer};
use tokio::runtime::Handle;
use warmpath_engine::{
    error::{Code, Error},
    executor::{Executor, ExecutorOptions, Outcome, Pipeline, Submitted},
    runtime,
};

use crate::{
    errors::{Result, exception, malformed},
    waker::Waker,
};

/// The answer to a job that was taken.
pub const QUEUED: u32 = 0;

/// Room for one outcome's JSON, so that a batch seldom has to be moved while it is written.
const OUTCOME_TEXT: usize = 512;

/// What is kept of that room: a batch of the usual outcomes.
const MOST_KEPT: usize = 64 * OUTCOME_TEXT;

/// Weak: an idle executor keeps no process alive. Bounded at one: a wake-up that is already on its way is enough.
type Wake = ThreadsafeFunction<(), (), (), Status, false, true, 1>;

/// An executor as JavaScript sees it.
pub struct Face<P: Pipeline> {
    pub executor: Executor<P>,
    waker: Arc<Waker>,
    /// Where outcomes are written before they cross: made anew for each batch, it costs more in the allocator than the writing.
    text: Mutex<Vec<u8>>,
}

impl<P: Pipeline> Face<P> {
    /// `pipeline` is called inside the runtime, so that it may take its sockets and timers from there. `wake` is called on
    /// the event loop when outcomes wait.
    pub fn new(
        wake: &Function<'_, (), ()>,
        limits: &ExecutorOptions,
        pipeline: impl FnOnce(&Handle) -> warmpath_engine::error::Result<P>,
    ) -> Result<Self> {
        let internal = |error: napi::Error| napi::Error::new(Code::Internal.as_str(), error.reason.clone());
        let wake: Wake = wake
            .build_threadsafe_function()
            .weak::<true>()
            .callee_handled::<false>()
            .max_queue_size::<1>()
            .build()
            .map_err(internal)?;
        let runtime = runtime::handle().map_err(exception)?;
        let waker = Arc::new(Waker::new(runtime.clone(), move || {
            // Closing: that thread of Node is going away, and nobody is left to be told.
            let _: Status = wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }));
        let on_settled = {
            let waker = Arc::clone(&waker);
            Box::new(move |urgent| if urgent { waker.hurry() } else { waker.wake() })
        };
        let pipeline = {
            let _entered = runtime.enter();
            pipeline(&runtime).map_err(exception)?
        };
        Ok(Self { executor: Executor::new(pipeline, limits, &runtime, on_settled), waker, text: Mutex::default() })
    }

    /// What wakes JavaScript: for a pipeline that has more to tell than outcomes.
    pub fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Per job: 0 queued, 1 duplicate, 2 processing, 3 full, 4 closed.
    pub fn submit(&self, jobs: Vec<P::Job>) -> Vec<u32> {
        let code = |submitted| match submitted {
            Submitted::Queued => QUEUED,
            Submitted::Duplicate => 1,
            Submitted::Processing => 2,
            Submitted::Full => 3,
            Submitted::Closed => 4,
        };
        self.executor.submit_many(jobs).into_iter().map(code).collect()
    }

    /// A JSON array of outcomes, each in the form that `shown` gives it; nothing when none is left.
    pub fn take_settled<'e, T: Serialize>(
        &self,
        env: &'e Env,
        max: u32,
        shown: impl Fn(Outcome<P::Value>) -> T,
    ) -> Result<Option<JsString<'e>>> {
        // Before taking, or an outcome that comes in between would wake nobody.
        self.waker.heard();
        let outcomes = self.executor.take_settled(max as usize);
        if outcomes.is_empty() {
            return Ok(None);
        }
        let internal = |why| exception(Error::new(Code::Internal, why));
        let mut text = self.text.lock();
        text.clear();
        text.shrink_to(MOST_KEPT);
        text.reserve(outcomes.len() * OUTCOME_TEXT);
        serde_json::Serializer::new(&mut *text)
            .collect_seq(outcomes.into_iter().map(shown))
            .map_err(malformed(Code::Internal))?;
        let text = str::from_utf8(&text).map_err(|_| internal("JSON that is not UTF-8"))?;
        env.create_string(text).map(Some).map_err(|_| internal("the outcomes could not be handed over"))
    }

    pub fn extend(&self, keys: &[String], lease_ms: u32) -> Vec<bool> {
        self.executor.extend(keys, Duration::from_millis(u64::from(lease_ms)))
    }
}

/// A value as JSON.
pub fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(malformed(Code::Internal))
}

/// Writes the methods of an executor's class that only hand over to its [`Face`], which the class holds as `face`. Outcomes cross as
/// objects, or in the form that is named second.
#[macro_export]
macro_rules! executor_class {
    ($class:ident) => {
        $crate::executor_class!($class, std::convert::identity);
    };
    ($class:ident, $shown:expr) => {
        #[napi_derive::napi]
        impl $class {
            /// A JSON array of outcomes; null when none is left.
            #[napi(catch_unwind)]
            pub fn take_settled<'e>(
                &self,
                env: &'e napi::Env,
                max: u32,
            ) -> $crate::errors::Result<Option<napi::JsString<'e>>> {
                self.face.take_settled(env, max, $shown)
            }

            #[napi(catch_unwind)]
            pub fn cancel(&self, key: String) -> bool {
                self.face.executor.cancel(&key)
            }

            #[napi(catch_unwind)]
            pub fn extend(&self, keys: Vec<String>, lease_ms: u32) -> Vec<bool> {
                self.face.extend(&keys, lease_ms)
            }

            #[napi(catch_unwind)]
            pub fn pause(&self) {
                self.face.executor.pause();
            }

            #[napi(catch_unwind)]
            pub fn resume(&self) {
                self.face.executor.resume();
            }

            #[napi(catch_unwind)]
            pub fn set_concurrency(&self, concurrency: u32) {
                self.face.executor.set_concurrency(concurrency as usize);
            }

            /// The number of slots is measured from now on, between these bounds.
            #[napi(catch_unwind)]
            pub fn adapt_concurrency(&self, min: u32, max: u32) {
                let bounds = warmpath_engine::executor::Between { min: min as usize, max: max as usize };
                self.face.executor.adapt_concurrency(bounds);
            }

            /// What a job waits for, as JSON; null when there is no such job.
            #[napi(catch_unwind)]
            pub fn explain(&self, key: String) -> $crate::errors::Result<Option<String>> {
                self.face.executor.explain(&key).map(|told| $crate::face::json(&told)).transpose()
            }

            #[napi(catch_unwind)]
            pub fn close_intake(&self) {
                self.face.executor.close_intake();
            }

            #[napi(catch_unwind)]
            pub fn cancel_all(&self) {
                self.face.executor.cancel_all();
            }
        }
    };
}
