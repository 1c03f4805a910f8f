//! What is told of a job before it ends: each part that was delivered. Events wait here until they are taken, so none is
//! lost on the way; a job's come before its outcome, because they are made before.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use crossbeam_queue::SegQueue;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::oneshot;

/// A part was delivered.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartEvent {
    /// Of the job.
    pub key: String,
    /// Of the job.
    pub campaign_id: String,
    /// Of the job.
    pub message_id: String,
    /// Which one, counted from 0.
    pub part: usize,
    /// What it was sent under.
    pub idempotency_key: String,
    /// The webhook had it already.
    pub repeated: bool,
    /// Requests for it in this job.
    pub attempts: u32,
    /// The webhook's status.
    pub status: u16,
    /// When the answer came, ms since 1970.
    pub delivered_at: u64,
    /// From the last request to its answer.
    pub ms: f64,
}

/// Jobs that wait for the confirmation of a part, and how each is told.
type Waiting = HashMap<String, (usize, oneshot::Sender<()>), RandomState>;

#[derive(Default)]
struct Shared {
    events: SegQueue<PartEvent>,
    on_event: OnceLock<Box<dyn Fn() + Send + Sync>>,
    waiting: Mutex<Waiting>,
    parts: AtomicU64,
    repeated: AtomicU64,
}

/// Events that wait to be taken. Clones share them.
#[derive(Clone, Default)]
pub struct PartEvents(Arc<Shared>);

impl PartEvents {
    /// `call` is called, from any thread, when events wait. The first call of this counts.
    pub fn on_event(&self, call: impl Fn() + Send + Sync + 'static) {
        drop(self.0.on_event.set(Box::new(call)));
    }

    /// Takes up to `max` events, oldest first.
    #[must_use]
    pub fn take(&self, max: usize) -> Vec<PartEvent> {
        std::iter::from_fn(|| self.0.events.pop()).take(max).collect()
    }

    /// The part is recorded: its job may go on. False when no job of that key waits for it.
    #[must_use]
    pub fn confirm(&self, key: &str, part: usize) -> bool {
        let mut waiting = self.0.waiting.lock();
        if waiting.get(key).is_none_or(|(waits_for, _)| *waits_for != part) {
            return false;
        }
        waiting.remove(key).is_some_and(|(_, job)| job.send(()).is_ok())
    }

    /// Parts that were delivered since the start, and how many of them the webhook had already.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.0.parts.load(Relaxed), self.0.repeated.load(Relaxed))
    }

    /// Tells of a part.
    pub(super) fn push(&self, event: PartEvent) {
        self.0.parts.fetch_add(1, Relaxed);
        self.0.repeated.fetch_add(u64::from(event.repeated), Relaxed);
        self.0.events.push(event);
        if let Some(call) = self.0.on_event.get() {
            call();
        }
    }

    /// Tells of a part, and waits until it is confirmed.
    pub(super) async fn push_and_wait(&self, event: PartEvent) {
        let (done, confirmed) = oneshot::channel();
        // Before the event: its confirmation may come as soon as it is out.
        let key = event.key.clone();
        self.0.waiting.lock().insert(key.clone(), (event.part, done));
        let _gone = Gone { events: self, key };
        self.push(event);
        // It cannot fail: the sender goes by a confirmation, or with this future.
        drop(confirmed.await);
    }
}

/// Takes the entry of a job away that does not wait any more, whatever has ended its wait.
struct Gone<'a> {
    events: &'a PartEvents,
    key: String,
}

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.events.0.waiting.lock().remove(&self.key);
    }
}
