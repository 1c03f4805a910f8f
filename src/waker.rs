//! When to call JavaScript: at once when it has been quiet, in batches when it is busy.
//!
//! A call into JavaScript costs more than a small job. At thousands of jobs a second one call per outcome would keep the
//! event loop busy with being told; a few milliseconds of patience make it one call per batch, and a lone outcome still
//! arrives without any.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::runtime::Handle;

/// The shortest time between two calls.
const PATIENCE: Duration = Duration::from_millis(4);

/// Calls JavaScript when outcomes wait.
pub struct Waker {
    call: Box<dyn Fn() + Send + Sync>,
    runtime: Handle,
    /// Whether a call is on its way that will see everything there is now.
    calling: AtomicBool,
    last: Mutex<Option<Instant>>,
}

impl Waker {
    pub fn new(runtime: Handle, call: impl Fn() + Send + Sync + 'static) -> Self {
        Self { call: Box::new(call), runtime, calling: AtomicBool::new(false), last: Mutex::new(None) }
    }

    /// Something waits. From any thread; cheap when a call is on its way.
    pub fn wake(self: &Arc<Self>) {
        if self.calling.swap(true, Ordering::AcqRel) {
            return;
        }
        let early = self.last.lock().and_then(|last| PATIENCE.checked_sub(last.elapsed()));
        let Some(wait) = early else { return self.call() };
        let this = Arc::clone(self);
        self.runtime.spawn(async move {
            tokio::time::sleep(wait).await;
            this.call();
        });
    }

    /// JavaScript is looking: what comes from now on needs a call of its own.
    pub fn heard(&self) {
        self.calling.store(false, Ordering::Release);
    }

    fn call(&self) {
        *self.last.lock() = Some(Instant::now());
        (self.call)();
    }
}
