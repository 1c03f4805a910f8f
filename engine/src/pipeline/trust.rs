//! What is known beyond one job: which bytes were seen to be right, whether Telegram can fetch URLs of this bucket, and
//! which groups have become supergroups.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use parking_lot::Mutex;
use tokio::time::{Duration, Instant};

use super::digest::Sha256Digest;

/// A map that forgets: of two generations the older is dropped when the younger is full. No entry costs a scan, and what
/// was used lately is there.
struct Remembered<V> {
    young: HashMap<Box<str>, V>,
    old: HashMap<Box<str>, V>,
}

/// Entries of one generation: some 2 MB with keys of the usual length.
const GENERATION: usize = 8192;

impl<V> Remembered<V> {
    fn put(&mut self, key: &str, value: V) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key.into(), value);
    }

    fn get(&self, key: &str) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }
}

impl<V> Default for Remembered<V> {
    fn default() -> Self {
        Self { young: HashMap::new(), old: HashMap::new() }
    }
}

/// Objects of the bucket whose bytes had the sha256 that a job said, by key and version.
#[derive(Default)]
pub struct Verified(Mutex<Remembered<(Box<str>, Sha256Digest)>>);

impl Verified {
    /// This version of the object has this sha256.
    pub fn learn(&self, key: &str, etag: &str, sha256: Sha256Digest) {
        self.0.lock().put(key, (etag.into(), sha256));
    }

    /// The version of the object that has this sha256.
    pub fn version(&self, key: &str, sha256: Sha256Digest) -> Option<Box<str>> {
        let seen = self.0.lock();
        seen.get(key).filter(|(_, of)| *of == sha256).map(|(etag, _)| etag.clone())
    }
}

/// Objects of the bucket that are not sent as they lie there, by key: films whose index stands at their end, photos above the
/// limits. What Telegram fetches by itself is what lies there.
#[derive(Default)]
pub struct Changed(Mutex<Remembered<Sha256Digest>>);

impl Changed {
    /// The object with this sha256 is one.
    pub fn learn(&self, key: &str, sha256: Sha256Digest) {
        self.0.lock().put(key, sha256);
    }

    /// Whether it is known to be one.
    pub fn knows(&self, key: &str, sha256: Sha256Digest) -> bool {
        self.0.lock().get(key).is_some_and(|of| *of == sha256)
    }
}

/// Groups that became supergroups: an id is moved once and for all.
#[derive(Default)]
pub struct Migrations(Mutex<Remembered<Box<str>>>);

impl Migrations {
    /// The chat has this id now.
    pub fn learn(&self, from: &str, to: &str) {
        self.0.lock().put(from, to.into());
    }

    /// The id a chat has now, if another.
    pub fn of(&self, chat_id: &str) -> Option<String> {
        self.0.lock().get(chat_id).map(ToString::to_string)
    }
}

/// Failures in a row after which URLs are no longer tried.
const MOST_FAILURES: u32 = 3;

/// For how long.
const SUSPENSION: Duration = Duration::from_mins(10);

/// Whether Telegram can fetch URLs of this bucket at all: an endpoint that only this network reaches would cost every job
/// two requests in vain.
#[derive(Default)]
pub struct UrlHealth {
    failures: AtomicU32,
    until: Mutex<Option<Instant>>,
}

impl UrlHealth {
    /// A URL was fetched.
    pub fn worked(&self) {
        self.failures.store(0, Relaxed);
    }

    /// A URL was not fetched, the second one of that object either. After a suspension, one failure is enough for the next.
    pub fn failed(&self) {
        if self.failures.fetch_add(1, Relaxed) + 1 >= MOST_FAILURES {
            *self.until.lock() = Some(Instant::now() + SUSPENSION);
        }
    }

    /// Whether URLs are not to be tried now.
    pub fn is_suspended(&self) -> bool {
        self.failures.load(Relaxed) >= MOST_FAILURES && self.until.lock().is_some_and(|until| Instant::now() < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_trusted_for_its_own_bytes_only() {
        let (s, t) = (Sha256Digest::of([1; 32]), Sha256Digest::of([2; 32]));
        let verified = Verified::default();
        verified.learn("a", "\"1\"", s);
        assert_eq!(verified.version("a", s).as_deref(), Some("\"1\""));
        assert_eq!(verified.version("a", t), None);
        assert_eq!(verified.version("b", s), None);
        verified.learn("a", "\"2\"", t);
        assert_eq!(verified.version("a", s), None);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_latest() {
        let migrations = Migrations::default();
        for id in 0..5 * GENERATION {
            migrations.learn(&id.to_string(), "-100");
        }
        let held = migrations.0.lock();
        assert!(held.young.len() + held.old.len() <= 2 * GENERATION);
        drop(held);
        assert_eq!(migrations.of(&(5 * GENERATION - 1).to_string()).as_deref(), Some("-100"));
        assert_eq!(migrations.of("0"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn urls_are_suspended_after_failures_in_a_row_and_tried_again_later() {
        let health = UrlHealth::default();
        health.failed();
        health.failed();
        health.worked();
        health.failed();
        health.failed();
        assert!(!health.is_suspended());
        health.failed();
        assert!(health.is_suspended());
        tokio::time::advance(SUSPENSION).await;
        assert!(!health.is_suspended(), "the time is up");
        health.failed();
        assert!(health.is_suspended(), "one look was enough");
        tokio::time::advance(SUSPENSION).await;
        health.worked();
        health.failed();
        assert!(!health.is_suspended());
    }
}
