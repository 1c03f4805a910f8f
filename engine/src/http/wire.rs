//! One connection, driven by whoever uses it.
//!
//! hyper separates a connection from its handles and expects the connection to run as a task of its own; every piece of
//! a body then wakes two tasks. Here the task that waits for an answer also drives the connection, so a whole transfer,
//! both connections of it, runs inside one task, and dropping that task's future closes both sockets.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as _;
use hyper::{
    body::Incoming,
    client::conn::http1::{Builder, Connection, SendRequest},
};

use super::{Fault, client::Body, connect::Stream};

/// The most that one connection keeps of a body in either direction: it bounds the memory of a transfer whose receiver
/// is slower than its sender.
const CONNECTION_BUFFER: usize = 64 * 1024;

/// A connection to one server, and the handle that sends requests over it.
pub struct Wire {
    sender: SendRequest<Body>,
    /// Nothing once it has ended.
    connection: Option<Connection<Stream, Body>>,
    /// Whether it has carried a request before.
    pub reused: bool,
    /// Since when it lies idle.
    pub idle_since: Instant,
}

/// A request that failed; handed back when not a byte of it was sent.
pub struct Unsent {
    /// What went wrong.
    pub fault: Fault,
    /// The request, if it may be sent over another connection.
    pub request: Option<Request<Body>>,
}

impl Wire {
    /// Speaks HTTP/1.1 over a fresh stream.
    pub async fn open(stream: Stream) -> Result<Self, Fault> {
        let (sender, connection) = Builder::new()
            .max_buf_size(CONNECTION_BUFFER)
            .handshake(stream)
            .await
            .map_err(|error| Fault::from_chain(&error))?;
        Ok(Self { sender, connection: Some(connection), reused: false, idle_since: Instant::now() })
    }

    /// Sends a request and drives the connection until the head of the answer is there.
    pub async fn send(&mut self, request: Request<Body>) -> Result<Response<Incoming>, Unsent> {
        // Behind the tasks that are ready now: then requests leave one right after the other, the first one wakes the server,
        // and the others find it awake. To wake a thread of this machine costs more than to send to it.
        tokio::task::yield_now().await;
        let Self { sender, connection, .. } = self;
        let mut answer = std::pin::pin!(sender.try_send_request(request));
        std::future::poll_fn(move |cx| {
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                return Poll::Ready(answer);
            }
            // Its result comes through `answer` too, with the request that it belongs to.
            let ended = drive(connection, cx).is_ready();
            let answered = answer.as_mut().poll(cx);
            debug_assert!(!ended || answered.is_ready(), "a connection that ended answers its request");
            answered
        })
        .await
        .map_err(|mut failed| Unsent { request: failed.take_message(), fault: Fault::from_chain(failed.error()) })
    }

    /// The next piece of an answer's body, driving the connection as far as that needs.
    pub fn poll_chunk(&mut self, body: &mut Incoming, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Fault>> {
        let mut driven = false;
        loop {
            match Pin::new(&mut *body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => return Poll::Ready(Ok(Some(data))),
                    // Trailers say nothing we ask for.
                    Err(_) => continue,
                },
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(Fault::from_chain(&error))),
                Poll::Ready(None) => return Poll::Ready(Ok(None)),
                Poll::Pending if driven => return Poll::Pending,
                Poll::Pending => {}
            }
            driven = true;
            match drive(&mut self.connection, cx) {
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Fault::from_chain(&error))),
                // The last of the body may have come together with the end of the connection.
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
        }
    }

    /// Whether another request can be sent: the answer was read to its end, and the server has not closed.
    pub async fn is_reusable(&mut self) -> bool {
        std::future::poll_fn(|cx| {
            let open = drive(&mut self.connection, cx).is_pending();
            Poll::Ready(open && self.sender.is_ready())
        })
        .await
    }
}

/// Drives a connection, and lets go of it at its end: hyper hands back a request that it has not taken yet only then. One that the server
/// closed since it was looked at is found so while the request waits.
fn drive(connection: &mut Option<Connection<Stream, Body>>, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
    let Some(open) = connection else { return Poll::Ready(Ok(())) };
    let ended = Pin::new(open).poll(cx);
    if ended.is_ready() {
        *connection = None;
    }
    ended
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
        sync::Arc,
    };

    use futures_util::stream;
    use http_body::Frame;
    use http_body_util::StreamBody;
    use hyper_util::rt::TokioIo;
    use parking_lot::Mutex;
    use tokio::net::TcpStream;

    use super::*;
    use crate::http::BodyError;

    #[tokio::test]
    async fn a_request_comes_back_from_a_connection_that_ended_since_it_was_looked_at() {
        for said in ["", "noise", "HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n"] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (mut server, _) = listener.accept().unwrap();
            let (close, closing) = std::sync::mpsc::channel();
            let (closed, is_closed) = tokio::sync::oneshot::channel();
            std::thread::spawn(move || {
                let _ = server.read(&mut [0; 1024]).unwrap();
                server.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
                closing.recv().unwrap();
                server.write_all(said.as_bytes()).unwrap();
                drop(server);
                closed.send(()).unwrap();
            });
            let mut wire = Wire::open(Stream::Plain(TokioIo::new(stream))).await.ok().unwrap();
            let request = || Request::post("/").body(Body::Full(Bytes::from_static(b"x"))).unwrap();
            assert_eq!(wire.send(request()).await.ok().unwrap().status(), http::StatusCode::NO_CONTENT);
            assert!(wire.is_reusable().await);
            close.send(()).unwrap();
            is_closed.await.unwrap();
            let sent = tokio::time::timeout(std::time::Duration::from_mins(1), wire.send(request())).await;
            let unsent = sent.expect("it hangs").err().unwrap();
            assert_eq!(unsent.request.map(|request| request.method().clone()), Some(http::Method::POST), "{said:?}");
            assert!(!wire.is_reusable().await);
        }
    }

    #[tokio::test]
    async fn requests_that_are_ready_leave_together() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for socket in listener.incoming().take(2) {
                let mut socket = socket.unwrap();
                std::thread::spawn(move || {
                    let mut seen = Vec::new();
                    while !seen.ends_with(b"0\r\n\r\n") {
                        let mut piece = [0; 1024];
                        let len = socket.read(&mut piece).unwrap();
                        seen.extend_from_slice(&piece[..len]);
                    }
                    socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
                });
            }
        });
        let log = Arc::new(Mutex::new(Vec::new()));
        let open = async |name: &'static str| {
            let stream = Stream::Plain(TokioIo::new(TcpStream::connect(address).await.unwrap()));
            let wire = Wire::open(stream).await.ok().unwrap();
            let body = {
                let log = Arc::clone(&log);
                stream::once(async move {
                    log.lock().push(format!("{name} sent"));
                    Ok::<_, BodyError>(Frame::data(Bytes::from_static(b"x")))
                })
            };
            let request = Request::post("/").body(Body::stream(StreamBody::new(body))).unwrap();
            (wire, request)
        };
        let ((mut one, first), (mut other, second)) = (open("one").await, open("other").await);
        let ready = async |name, wire: &mut Wire, request| {
            log.lock().push(format!("{name} ready"));
            wire.send(request).await.ok().unwrap().status()
        };
        let answers = tokio::join!(ready("one", &mut one, first), ready("other", &mut other, second));
        assert_eq!(answers, (http::StatusCode::OK, http::StatusCode::OK));
        assert_eq!(log.lock().iter().take(2).collect::<Vec<_>>(), ["one ready", "other ready"]);
    }
}
