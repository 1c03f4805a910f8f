//! Who may use the ring: many at once, or the holder of the lock alone.
//!
//! One word per stripe and side holds two flags, the number of those inside, and how many items they moved. All that
//! must be decided in one step (may I enter? did somebody wait when I left?) is one read-modify-write of one word, and
//! the operations of one word have one order: no fence is needed, and no store can be overtaken by a load.

use super::sync::{AtomicU64, Backoff, CachePadded, Ordering, STRIPES, interleave, stripe};

/// The ring belongs to the holder of the lock.
const EXCLUSIVE: u64 = 1;
/// Somebody waits for items.
const WAITED: u64 = 2;
/// One operation inside.
const INSIDE: u64 = 4;
/// One item moved. What is above wraps, after 2^46 items.
const MOVED: u64 = 1 << 18;

struct Stripe {
    pushes: AtomicU64,
    pops: AtomicU64,
}

/// Which end of the ring an operation works at.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Push,
    Pop,
}

pub(super) struct Gate {
    stripes: Box<[CachePadded<Stripe>]>,
}

/// The right to use the ring. Without [`Pass::leave`] nobody would ever have it alone, so dropping it leaves too.
pub(super) struct Pass<'a>(Option<&'a AtomicU64>);

impl Gate {
    pub(super) fn new(exclusive: bool) -> Self {
        let word = || AtomicU64::new(if exclusive { EXCLUSIVE } else { 0 });
        let stripe = |_| CachePadded::new(Stripe { pushes: word(), pops: word() });
        Self { stripes: (0..STRIPES).map(stripe).collect() }
    }

    fn words(&self) -> impl Iterator<Item = &AtomicU64> {
        self.stripes.iter().flat_map(|stripe| [&stripe.pushes, &stripe.pops])
    }

    fn word(&self, side: Side) -> Option<&AtomicU64> {
        self.stripes.get(stripe()).map(|stripe| match side {
            Side::Push => &stripe.pushes,
            Side::Pop => &stripe.pops,
        })
    }

    /// `None` while the ring belongs to the holder of the lock.
    pub(super) fn enter(&self, side: Side) -> Option<Pass<'_>> {
        let word = self.word(side)?;
        // Only to spare two writes: what counts is what the next step saw.
        if word.load(Ordering::Relaxed) & EXCLUSIVE != 0 {
            return None;
        }
        interleave();
        let seen = word.fetch_add(INSIDE, Ordering::Acquire);
        interleave();
        if seen & EXCLUSIVE != 0 {
            word.fetch_sub(INSIDE, Ordering::Release);
            return None;
        }
        Some(Pass(Some(word)))
    }

    /// Lets nobody in any more. Only for the holder of the lock, who then calls [`Gate::settle`].
    pub(super) fn shut(&self) {
        for word in self.words() {
            interleave();
            word.fetch_or(EXCLUSIVE, Ordering::AcqRel);
        }
    }

    /// Returns when those who were inside have left. They hold no lock and wait for nobody.
    pub(super) fn settle(&self) {
        for word in self.words() {
            let backoff = Backoff::new();
            while word.load(Ordering::Acquire) & (MOVED - INSIDE) != 0 {
                backoff.snooze();
            }
        }
    }

    /// Undoes [`Gate::shut`].
    pub(super) fn open(&self) {
        for word in self.words() {
            word.fetch_and(!EXCLUSIVE, Ordering::Release);
        }
    }

    /// Whoever moves an item in after this finds out that somebody waits, and what was moved in before can be seen.
    pub(super) fn raise(&self) {
        for stripe in &self.stripes {
            stripe.pushes.fetch_or(WAITED, Ordering::AcqRel);
        }
    }

    /// Undoes [`Gate::raise`].
    pub(super) fn lower(&self) {
        for stripe in &self.stripes {
            stripe.pushes.fetch_and(!WAITED, Ordering::AcqRel);
        }
    }

    /// Whether somebody waits, for one who moved an item in without a pass. A mere load could be early.
    pub(super) fn is_waited(&self) -> bool {
        self.word(Side::Push).is_some_and(|word| word.fetch_add(0, Ordering::AcqRel) & WAITED != 0)
    }

    /// How many items were moved with a pass: in, out.
    pub(super) fn moved(&self) -> (u64, u64) {
        let count = |word: &AtomicU64| word.load(Ordering::Relaxed) / MOVED;
        self.stripes
            .iter()
            .fold((0, 0), |(pushes, pops), stripe| (pushes + count(&stripe.pushes), pops + count(&stripe.pops)))
    }
}

impl Pass<'_> {
    /// Gives the right back, having moved `moved` items; whether somebody waits for them.
    pub(super) fn leave(mut self, moved: u64) -> bool {
        self.0.take().is_some_and(|word| {
            interleave();
            let change = moved.wrapping_mul(MOVED).wrapping_sub(INSIDE);
            word.fetch_add(change, Ordering::AcqRel) & WAITED != 0
        })
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if let Some(word) = self.0.take() {
            word.fetch_sub(INSIDE, Ordering::Release);
        }
    }
}

#[cfg(all(test, not(feature = "loom")))]
mod tests;
