//! The queue of one JavaScript thread: order, keys, bounds and waiting are native, items are numbers that stand for
//! values in a table on the other side.

use std::sync::Arc;

use napi::{Env, bindgen_prelude::Object};
use napi_derive::napi;
use warmpath_engine::queue::{Offer, Queue};

use crate::settle::promise;

/// What stands for "nothing there": handles are never negative.
const NONE: i64 = -1;

#[napi]
pub struct NativeQueue(Arc<Queue<i64>>);

#[napi]
impl NativeQueue {
    #[napi(constructor, catch_unwind)]
    pub fn new(capacity: f64) -> Self {
        Self(Arc::new(Queue::new(whole(capacity))))
    }

    /// 0 queued, 1 duplicate, 2 full, 3 closed.
    #[napi(catch_unwind)]
    pub fn enqueue(&self, handle: i64, key: Option<String>, priority: i32) -> u32 {
        match self.0.push(handle, key.as_deref(), priority).offer {
            Offer::Queued => 0,
            Offer::Duplicate => 1,
            Offer::Full => 2,
            Offer::Closed => 3,
        }
    }

    #[napi(catch_unwind)]
    pub fn dequeue(&self) -> i64 {
        self.0.pop().unwrap_or(NONE)
    }

    #[napi(catch_unwind)]
    pub fn dequeue_many(&self, max: f64) -> Vec<i64> {
        let mut handles = Vec::new();
        self.0.pop_many(whole(max), &mut handles);
        handles
    }

    #[napi(catch_unwind)]
    pub fn peek(&self) -> i64 {
        self.0.peek().unwrap_or(NONE)
    }

    #[napi(catch_unwind)]
    pub fn to_array(&self) -> Vec<i64> {
        self.0.snapshot()
    }

    #[napi(catch_unwind)]
    pub fn has(&self, key: String) -> bool {
        self.0.has(&key)
    }

    #[napi(catch_unwind)]
    pub fn remove(&self, key: String) -> i64 {
        self.0.remove(&key).unwrap_or(NONE)
    }

    #[napi(catch_unwind)]
    pub fn clear(&self) -> Vec<i64> {
        self.0.clear()
    }

    #[napi(getter, catch_unwind)]
    pub fn length(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "no queue holds 2^53 items")]
        let length = self.0.len() as f64;
        length
    }

    #[napi(getter, catch_unwind)]
    pub fn closed(&self) -> bool {
        self.0.is_closed()
    }

    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.0.close();
    }

    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn wait<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let queue = Arc::clone(&self.0);
        promise(env, async move { queue.wait().await }, |()| ())
    }
}

/// A count that JavaScript has checked; what it cannot be becomes 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and NaN becomes 0")]
const fn whole(number: f64) -> usize {
    number as usize
}
