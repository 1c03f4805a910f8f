//! What the executor needs to know of a job, and the life of one.
//!
//! ```text
//! submit ─→ queued ─→ running ─→ settled
//!              ↑  ↘      ↓ ↑        ↑
//!              │   └→ waiting ──────┤   between two tries: no slot, no socket, no bytes
//!              └───── (due) ────────┘   given back: a store holds a lease on it, and the wait is too long to be held here
//! ```

use std::time::Duration;

/// What the executor needs to know of a job.
pub trait Job: Send + Sync + 'static {
    /// What makes it the same job as another.
    fn key(&self) -> &str;
    /// Higher first.
    fn priority(&self) -> i32;
    /// Whose limits it counts against: the token, by a name that is no secret.
    fn scope(&self) -> &str;
    /// Where it may be sent; the pacer chooses the one that may be sent to first. Empty: nothing but the scope limits it.
    fn chats(&self) -> &[String];
    /// Size of its media in bytes, where that is known.
    fn size(&self) -> Option<u64>;
    /// `twin` is a job of the same scope and chats that waits already: takes over from it what both have, so that it is in
    /// memory once. For the many jobs of few bots.
    fn share(&mut self, twin: &Self)
    where
        Self: Sized,
    {
        let _ = twin;
    }
    /// How long the submitter has promised that nobody else runs it.
    fn lease(&self) -> Option<Duration>;
}

/// What a try was given.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    /// Which of [`Job::chats`] it is to be sent to; 0 where there are none.
    pub chat: usize,
}
