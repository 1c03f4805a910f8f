//! Those who wait for items, oldest first.

use std::{collections::BTreeMap, task::Waker};

use super::{gate::Gate, sync::Mutex};

/// Names an armed waiter. One that is not in the list any more was woken.
pub(super) type Ticket = u64;

struct List {
    next: Ticket,
    armed: BTreeMap<Ticket, Waker>,
}

/// The list. The gate's flag is up exactly while somebody is in it.
pub(super) struct Waiters(Mutex<List>);

impl Waiters {
    pub(super) fn new() -> Self {
        Self(Mutex::new(List { next: 0, armed: BTreeMap::new() }))
    }

    /// Puts a waiter at the end. Whoever is armed must look once more before it sleeps.
    pub(super) fn arm(&self, gate: &Gate, waker: Waker) -> Ticket {
        let mut list = self.0.lock();
        let ticket = list.next;
        list.next += 1;
        if list.armed.is_empty() {
            gate.raise();
        }
        list.armed.insert(ticket, waker);
        ticket
    }

    /// Gives an armed waiter another waker; `false` = it was woken already.
    pub(super) fn renew(&self, ticket: Ticket, waker: &Waker) -> bool {
        match self.0.lock().armed.get_mut(&ticket) {
            Some(old) => {
                if !old.will_wake(waker) {
                    old.clone_from(waker);
                }
                true
            }
            None => false,
        }
    }

    pub(super) fn is_armed(&self, ticket: Ticket) -> bool {
        self.0.lock().armed.contains_key(&ticket)
    }

    /// Takes a waiter out; `false` = it was woken before.
    pub(super) fn disarm(&self, gate: &Gate, ticket: Ticket) -> bool {
        let mut list = self.0.lock();
        let found = list.armed.remove(&ticket);
        if found.is_some() && list.armed.is_empty() {
            gate.lower();
        }
        drop(list);
        found.is_some()
    }

    /// Wakes the `count` that wait longest. What they do runs outside of every lock.
    pub(super) fn wake(&self, gate: &Gate, count: usize) {
        if count == 1 {
            let first = self.first(gate);
            if let Some(waker) = first {
                waker.wake();
            }
            return;
        }
        let mut woken = Vec::new();
        let mut list = self.0.lock();
        while woken.len() < count
            && let Some((_, waker)) = list.armed.pop_first()
        {
            woken.push(waker);
        }
        if !woken.is_empty() && list.armed.is_empty() {
            gate.lower();
        }
        drop(list);
        woken.into_iter().for_each(Waker::wake);
    }

    fn first(&self, gate: &Gate) -> Option<Waker> {
        let mut list = self.0.lock();
        let (_, waker) = list.armed.pop_first()?;
        if list.armed.is_empty() {
            gate.lower();
        }
        drop(list);
        Some(waker)
    }
}
