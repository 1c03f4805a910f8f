//! Many connections from one thread, as long as what goes over them is small.
//!
//! A remote server is not woken on the client's CPU. On one machine it is: a thread per connection made waking the server's
//! threads a sixth of everything the client was seen to spend on a 20 KB job. One thread that finds the next request
//! waiting when it has answered the last is woken once for many. A large message, in either direction, takes its connection
//! to a thread of its own for good, where blocking costs nothing that counts and holds nobody else up.

use std::collections::HashMap;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::thread;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

const STACK: usize = 512 * 1024;
/// Sockets told of at a time.
const EVENTS: usize = 64;

/// What became of a connection after one read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The request is not complete.
    More,
    /// The request is complete and has to be answered.
    Ready,
    /// The peer has closed.
    Closed,
}

/// One connection, and what is known of the request that is coming in over it.
pub trait Service: AsFd + Send {
    /// Reads once.
    ///
    /// # Errors
    /// Those of the connection, which is dropped then.
    fn receive(&mut self) -> io::Result<Step>;

    /// Answers the request.
    ///
    /// # Errors
    /// As [`Service::receive`].
    fn answer(&mut self) -> io::Result<()>;

    /// Whether receiving or answering this request may block for long.
    fn is_large(&self) -> bool;
}

/// A listener, and what makes a service of each connection it accepts.
pub type Entrance = (TcpListener, Box<dyn Fn(TcpStream) -> io::Result<Box<dyn Service>> + Send>);

/// Serves what comes in through the entrances, for ever.
///
/// # Errors
/// When the thread cannot be started.
pub fn spawn(entrances: Vec<Entrance>) -> io::Result<()> {
    let epoll = Epoll::new(EpollCreateFlags::empty())?;
    for (listener, _) in &entrances {
        watch(&epoll, listener)?;
    }
    thread::Builder::new().spawn(move || {
        let mut open = HashMap::new();
        let mut events = [EpollEvent::empty(); EVENTS];
        loop {
            // A signal may interrupt the wait; nothing is lost by waiting again.
            let count = epoll.wait(&mut events, EpollTimeout::NONE).unwrap_or(0);
            for event in events.iter().take(count) {
                // A client that goes away in mid-transfer is its own business.
                serve(&epoll, &entrances, &mut open, event.data()).ok();
            }
        }
    })?;
    Ok(())
}

fn watch(epoll: &Epoll, socket: &impl AsFd) -> io::Result<()> {
    Ok(epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, name(socket)))?)
}

/// A descriptor as the event's own number; it is never negative.
fn name(socket: &impl AsFd) -> u64 {
    u64::from(socket.as_fd().as_raw_fd().unsigned_abs())
}

fn serve(
    epoll: &Epoll,
    entrances: &[Entrance],
    open: &mut HashMap<u64, Box<dyn Service>>,
    name: u64,
) -> io::Result<()> {
    if let Some((listener, accept)) = entrances.iter().find(|(listener, _)| self::name(listener) == name) {
        let service = accept(listener.accept()?.0)?;
        watch(epoll, &service)?;
        open.insert(self::name(&service), service);
        return Ok(());
    }
    // Taken out: an error on the way drops it, which closes the socket and so ends the watch.
    let Some(mut service) = open.remove(&name) else { return Ok(()) };
    let step = service.receive()?;
    if step == Step::Closed {
        return Ok(());
    }
    if service.is_large() {
        epoll.delete(&service)?;
        thread::Builder::new().stack_size(STACK).spawn(move || alone(service, step).ok())?;
        return Ok(());
    }
    if step == Step::Ready {
        service.answer()?;
    }
    open.insert(name, service);
    Ok(())
}

/// A thread of its own for a connection.
fn alone(mut service: Box<dyn Service>, mut step: Step) -> io::Result<()> {
    while step != Step::Closed {
        if step == Step::Ready {
            service.answer()?;
        }
        step = service.receive()?;
    }
    Ok(())
}
