//! Several items at a time, each for itself.

use std::sync::Arc;

use super::{
    entry::{Entry, Offer, Push},
    gate::Side,
    shared::Queue,
};

impl<T> Queue<T> {
    /// Offers every entry, in the order given; each is answered for itself. `answers` gets one for each, `dropped` what
    /// had to leave; what was refused stays in `entries`. Items of others may come between. The lock is taken at most once.
    pub fn push_many(&self, entries: &mut Vec<Entry<T>>, answers: &mut Vec<Offer>, dropped: &mut Vec<Entry<T>>) {
        let mut refused = Vec::new();
        let (mut moved, mut waited) = (0, false);
        let mut rest = entries.drain(..);
        let mut held = None;
        let mut settle = |push: Push<T>, key: Option<Arc<str>>, priority| {
            answers.push(push.offer);
            dropped.extend(push.dropped);
            refused.extend(push.refused.map(|item| Entry { item, key, priority }));
            u64::from(push.offer == Offer::Queued)
        };
        if let Some(pass) = self.gate.enter(Side::Push) {
            for Entry { item, key, priority } in rest.by_ref() {
                if key.is_some() || priority != 0 {
                    held = Some(Entry { item, key, priority });
                    break;
                }
                match self.push_plain(item) {
                    Ok(push) => moved += settle(push, None, 0),
                    Err(item) => {
                        held = Some(Entry { item, key, priority });
                        break;
                    }
                }
            }
            waited = pass.leave(moved);
        }
        if held.is_some() || rest.len() > 0 {
            let mut core = self.core.lock();
            for Entry { item, key, priority } in held.into_iter().chain(rest.by_ref()) {
                let push = self.push_locked(&mut core, item, key.clone(), priority);
                moved += settle(push, key, priority);
            }
            drop(core);
            waited = moved > 0 && (waited || self.gate.is_waited());
        }
        drop(rest);
        entries.append(&mut refused);
        self.wake_for(waited, moved);
    }

    /// Takes up to `max` items, in order, and appends them to `out`; how many. The lock is taken at most once.
    pub fn pop_many(&self, max: usize, out: &mut Vec<T>) -> usize {
        let before = out.len();
        if let Some(items) = self.pop_plain(max, |item| out.push(item)) {
            return items;
        }
        let mut core = self.core.lock();
        out.extend(std::iter::from_fn(|| self.pop_locked(&mut core)).take(max));
        out.len() - before
    }

    /// Takes from the ring, and hands each item to `take`; how many. `None`: the ring is the lock's.
    pub(super) fn pop_plain(&self, max: usize, mut take: impl FnMut(T)) -> Option<usize> {
        let pass = self.gate.enter(Side::Pop)?;
        let mut items = 0;
        // Not more than can be queued at once: or producers could keep it here for ever.
        while items < max.min(self.options.capacity)
            && let Some(item) = self.ring.pop()
        {
            take(item);
            items += 1;
        }
        pass.leave(items as u64);
        Some(items)
    }
}
