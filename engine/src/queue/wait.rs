//! Waiting for an item: one protocol for tasks, threads and callbacks.
//!
//! *Look; arm; look again; sleep.* A push looks for waiters after the item can be seen, so either the second look sees
//! the item or the push sees the waiter. One push wakes one waiter. A waiter that was woken owes a look: one that goes
//! away without, passes the wake-up on.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::Thread,
    time::{Duration, Instant},
};

use super::{
    planted::Bug,
    shared::{Look, Queue},
    waiters::Ticket,
};

/// The state of one that waits.
#[derive(Default)]
struct Waiting(Option<Ticket>);

impl Waiting {
    /// Takes what `look` finds, or arms and leaves `waker` behind.
    fn poll<T, R>(
        &mut self,
        queue: &Queue<T>,
        waker: &Waker,
        mut look: impl FnMut(&Queue<T>) -> Look<R>,
    ) -> Poll<Option<R>> {
        loop {
            // The wake-up is spent on the look that follows.
            if self.0.is_some_and(|ticket| !queue.waiters.is_armed(ticket)) {
                self.0 = None;
            }
            let fresh = self.0.is_none();
            if fresh && let Poll::Ready(found) = self.look(queue, &mut look) {
                return Poll::Ready(found);
            }
            if fresh {
                self.0 = Some(queue.waiters.arm(&queue.gate, waker.clone()));
                if queue.options().planted.has(Bug::LostWakeUp) {
                    return Poll::Pending;
                }
            }
            if let Poll::Ready(found) = self.look(queue, &mut look) {
                return Poll::Ready(found);
            }
            if fresh || self.0.is_some_and(|ticket| queue.waiters.renew(ticket, waker)) {
                return Poll::Pending;
            }
        }
    }

    fn look<T, R>(&mut self, queue: &Queue<T>, look: impl FnOnce(&Queue<T>) -> Look<R>) -> Poll<Option<R>> {
        let found = match look(queue) {
            Look::Empty => return Poll::Pending,
            Look::Ended => None,
            Look::Item(item) => Some(item),
        };
        self.disarm(queue);
        Poll::Ready(found)
    }

    /// Stops waiting. A wake-up that came meanwhile was for an item that another must take now.
    fn disarm<T>(&mut self, queue: &Queue<T>) {
        if let Some(ticket) = self.0.take()
            && !queue.waiters.disarm(&queue.gate, ticket)
            && !queue.options().planted.has(Bug::WakeUpKept)
        {
            queue.pass_on();
        }
    }
}

/// Waits for an item and takes it: the future of [`Queue::pop_wait`]. Dropping it loses nothing.
#[must_use = "futures do nothing unless polled"]
pub struct PopWait<'a, T> {
    queue: &'a Queue<T>,
    waiting: Waiting,
}

impl<T> Future for PopWait<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let queue = self.queue;
        self.waiting.poll(queue, context.waker(), Queue::look)
    }
}

impl<T> Drop for PopWait<'_, T> {
    fn drop(&mut self) {
        self.waiting.disarm(self.queue);
    }
}

/// Waits until there is something to take: the future of [`Queue::wait`].
#[must_use = "futures do nothing unless polled"]
pub struct Wait<'a, T> {
    queue: &'a Queue<T>,
    waiting: Waiting,
}

impl<T> Future for Wait<'_, T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let queue = self.queue;
        self.waiting.poll(queue, context.waker(), Queue::glance).map(|_| ())
    }
}

impl<T> Drop for Wait<'_, T> {
    fn drop(&mut self) {
        self.waiting.disarm(self.queue);
    }
}

/// What a [`Watcher`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next<T> {
    /// The first item, taken.
    Item(T),
    /// The queue is closed and drained: nothing will ever come.
    Ended,
    /// Nothing yet. The callback will be called, once.
    Pending,
}

/// A consumer that is called back instead of being awaited: for event loops of others.
pub struct Watcher<T> {
    queue: Arc<Queue<T>>,
    waker: Waker,
    waiting: Waiting,
}

struct Callback<F>(F);

impl<F: Fn() + Send + Sync> Wake for Callback<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

impl<T> Watcher<T> {
    /// Takes an item, or arms the watcher: then the callback is called once, from the thread that adds an item or closes
    /// the queue and outside of every lock (perhaps before this call has returned), and this is to be called again.
    pub fn poll(&mut self) -> Next<T> {
        self.poll_with(Queue::look)
    }

    /// [`Watcher::poll`] that takes what `look` finds.
    pub(super) fn poll_with<R>(&mut self, look: impl FnMut(&Queue<T>) -> Look<R>) -> Next<R> {
        match self.waiting.poll(&self.queue, &self.waker, look) {
            Poll::Ready(Some(found)) => Next::Item(found),
            Poll::Ready(None) => Next::Ended,
            Poll::Pending => Next::Pending,
        }
    }

    /// Stops waiting; dropping does the same. A wake-up that has come already is passed on to the next waiter.
    pub fn disarm(&mut self) {
        self.waiting.disarm(&self.queue);
    }
}

impl<T> Drop for Watcher<T> {
    fn drop(&mut self) {
        self.disarm();
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl<T> Queue<T> {
    /// Takes the first item, waiting for it if need be; `None` = closed and drained. Dropping the future loses nothing:
    /// it may stand under a timeout or in a `select`.
    pub const fn pop_wait(&self) -> PopWait<'_, T> {
        PopWait { queue: self, waiting: Waiting(None) }
    }

    /// Returns when an item waits or the queue is closed. Another consumer may still be quicker: pop, then wait again.
    /// The wake-up of one item was spent on this caller: one that will not pop calls [`Queue::pass_on`]. Where that is
    /// not certain, [`Queue::pop_wait`] is.
    pub const fn wait(&self) -> Wait<'_, T> {
        Wait { queue: self, waiting: Waiting(None) }
    }

    /// [`Queue::pop_wait`] for a thread, which sleeps for at most `timeout`. `None` = nothing came, or closed and drained.
    pub fn pop_timeout(&self, timeout: Duration) -> Option<T> {
        let until = Instant::now().checked_add(timeout);
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut pop = std::pin::pin!(self.pop_wait());
        loop {
            if let Poll::Ready(item) = pop.as_mut().poll(&mut Context::from_waker(&waker)) {
                return item;
            }
            match until.map(|until| until.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => return None,
                Some(left) => std::thread::park_timeout(left),
                None => std::thread::park(),
            }
        }
    }

    /// A consumer whose `wake` is called when an item may have come.
    pub fn watch(self: &Arc<Self>, wake: impl Fn() + Send + Sync + 'static) -> Watcher<T> {
        Watcher { queue: Arc::clone(self), waker: Waker::from(Arc::new(Callback(wake))), waiting: Waiting(None) }
    }
}
