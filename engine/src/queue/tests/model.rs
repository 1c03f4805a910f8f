//! The queue as its documentation describes it, as simply as can be: a list that is searched and sorted.

use std::{cmp::Reverse, sync::Arc};

use super::*;

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Push { item: u32, key: Option<u8>, priority: i32 },
    Pop,
    Remove(u8),
    Has(u8),
    Len,
    Peek,
    Snapshot,
    Clear,
    Close,
}

/// Its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Pushed(Push<u32>),
    Item(Option<u32>),
    Items(Vec<u32>),
    Yes(bool),
    Count(usize),
    Done,
}

pub(super) fn name(key: u8) -> Arc<str> {
    Arc::from(format!("key {key}"))
}

pub(super) fn call(queue: &Queue<u32>, op: &Op) -> Answer {
    match *op {
        Op::Push { item, key, priority } => Answer::Pushed(queue.push(item, key.map(name).as_deref(), priority)),
        Op::Pop => Answer::Item(queue.pop()),
        Op::Remove(key) => Answer::Item(queue.remove(&name(key))),
        Op::Has(key) => Answer::Yes(queue.has(&name(key))),
        Op::Len => Answer::Count(queue.len()),
        Op::Peek => Answer::Item(queue.peek()),
        Op::Snapshot => Answer::Items(queue.snapshot()),
        Op::Clear => Answer::Items(queue.clear()),
        Op::Close => {
            queue.close();
            Answer::Done
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Item {
    priority: i32,
    arrival: u32,
    key: Option<u8>,
    value: u32,
}

/// The model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Model {
    capacity: usize,
    when_full: WhenFull,
    /// In the order they leave.
    items: Vec<Item>,
    arrivals: u32,
    closed: bool,
}

impl Model {
    pub(super) const fn new(options: &Options) -> Self {
        Self { capacity: options.capacity, when_full: options.when_full, items: Vec::new(), arrivals: 0, closed: false }
    }

    pub(super) fn call(&mut self, op: &Op) -> Answer {
        match *op {
            Op::Push { item, key, priority } => Answer::Pushed(self.push(item, key, priority)),
            Op::Pop => Answer::Item((!self.items.is_empty()).then(|| self.items.remove(0).value)),
            Op::Remove(key) => {
                let at = self.items.iter().position(|item| item.key == Some(key));
                Answer::Item(at.map(|at| self.items.remove(at).value))
            }
            Op::Has(key) => Answer::Yes(self.items.iter().any(|item| item.key == Some(key))),
            Op::Len => Answer::Count(self.items.len()),
            Op::Peek => Answer::Item(self.items.first().map(|item| item.value)),
            Op::Snapshot => Answer::Items(self.items.iter().map(|item| item.value).collect()),
            Op::Clear => Answer::Items(self.items.drain(..).map(|item| item.value).collect()),
            Op::Close => {
                self.closed = true;
                Answer::Done
            }
        }
    }

    fn push(&mut self, item: u32, key: Option<u8>, priority: i32) -> Push<u32> {
        let refuse = |offer| Push { offer, dropped: None, refused: Some(item) };
        if self.closed {
            return refuse(Offer::Closed);
        }
        if key.is_some() && self.items.iter().any(|item| item.key == key) {
            return refuse(Offer::Duplicate);
        }
        let mut dropped = None;
        if self.items.len() >= self.capacity {
            let at = match self.when_full {
                WhenFull::Reject => None,
                WhenFull::DropOldest => (0..self.items.len()).min_by_key(|at| self.items[*at].arrival),
                WhenFull::DropLowest => {
                    let last = self.items.len().checked_sub(1);
                    last.filter(|at| self.items[*at].priority < priority)
                }
            };
            let Some(at) = at else { return refuse(Offer::Full) };
            let old = self.items.remove(at);
            dropped = Some(Entry { item: old.value, key: old.key.map(name), priority: old.priority });
        }
        self.arrivals += 1;
        self.items.push(Item { priority, arrival: self.arrivals, key, value: item });
        self.items.sort_by_key(|item| (Reverse(item.priority), item.arrival));
        Push { offer: Offer::Queued, dropped, refused: None }
    }
}
