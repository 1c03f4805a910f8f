//! When to call JavaScript: at once when it has been quiet, in batches when it is busy.
//!
//! A call into JavaScript costs more than a small job. At thousands of jobs a second one call per outcome would keep the
//! event loop busy with being told; a few milliseconds of patience make it one call per batch, and a lone outcome still
//! arrives without any. Nobody is patient where slots stand empty: it is JavaScript that fills them.

use std::{
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::{Mutex, MutexGuard};
use tokio::runtime::Handle;

/// The shortest time between two calls that nobody hurries.
const PATIENCE: Duration = Duration::from_millis(4);

#[derive(Default)]
struct State {
    /// Whether a call is on its way that will see everything there is now.
    calling: bool,
    /// Whether something waits for the end of the patience.
    waiting: bool,
    /// Whether a timer runs. One is enough: it looks again where it comes too early.
    timed: bool,
    last: Option<Instant>,
}

/// Calls JavaScript when outcomes wait.
pub struct Waker {
    call: Box<dyn Fn() + Send + Sync>,
    runtime: Handle,
    state: Mutex<State>,
}

impl Waker {
    pub fn new(runtime: Handle, call: impl Fn() + Send + Sync + 'static) -> Self {
        Self { call: Box::new(call), runtime, state: Mutex::default() }
    }

    /// Something waits. From any thread; cheap when a call is on its way.
    pub fn wake(self: &Arc<Self>) {
        let mut state = self.state.lock();
        if state.calling {
            return;
        }
        if early(&state).is_none() {
            return self.call(state);
        }
        state.waiting = true;
        if mem::replace(&mut state.timed, true) {
            return;
        }
        drop(state);
        let this = Arc::clone(self);
        self.runtime.spawn(async move {
            while let Some(wait) = this.look() {
                tokio::time::sleep(wait).await;
            }
        });
    }

    /// As [`Waker::wake`], for what has to be told now.
    pub fn hurry(&self) {
        let state = self.state.lock();
        if !state.calling {
            self.call(state);
        }
    }

    /// JavaScript is looking: what comes from now on needs a call of its own.
    pub fn heard(&self) {
        let mut state = self.state.lock();
        state.calling = false;
        state.waiting = false;
    }

    /// Calls, if it is time; until when to sleep, if it will be.
    fn look(&self) -> Option<Duration> {
        let mut state = self.state.lock();
        let wait = early(&state).filter(|_| state.waiting);
        if wait.is_none() {
            state.timed = false;
            if state.waiting {
                self.call(state);
            }
        }
        wait
    }

    fn call(&self, mut state: MutexGuard<'_, State>) {
        state.calling = true;
        state.waiting = false;
        state.last = Some(Instant::now());
        drop(state);
        (self.call)();
    }
}

/// How long it is too early for a call.
fn early(state: &State) -> Option<Duration> {
    state.last.and_then(|last| PATIENCE.checked_sub(last.elapsed()))
}
