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
    connection: Connection<Stream, Body>,
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
        Ok(Self { sender, connection, reused: false, idle_since: Instant::now() })
    }

    /// Sends a request and drives the connection until the head of the answer is there.
    pub async fn send(&mut self, request: Request<Body>) -> Result<Response<Incoming>, Unsent> {
        // Behind the tasks that are ready now: then requests leave one right after the other, the first one wakes the server,
        // and the others find it awake. To wake a thread of this machine costs more than to send to it.
        tokio::task::yield_now().await;
        let mut answer = std::pin::pin!(self.sender.try_send_request(request));
        let connection = &mut self.connection;
        std::future::poll_fn(move |cx| {
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                return Poll::Ready(answer);
            }
            // Its result comes through `answer` too, with the request that it belongs to.
            let closed = Pin::new(&mut *connection).poll(cx).is_ready();
            let answered = answer.as_mut().poll(cx);
            debug_assert!(!closed || answered.is_ready(), "a closed connection answers its request");
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
            match Pin::new(&mut self.connection).poll(cx) {
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Fault::from_chain(&error))),
                // The last of the body may have come together with the end of the connection.
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
        }
    }

    /// Whether another request can be sent: the answer was read to its end, and the server has not closed.
    pub async fn is_reusable(&mut self) -> bool {
        std::future::poll_fn(|cx| {
            let open = Pin::new(&mut self.connection).poll(cx).is_pending();
            Poll::Ready(open && self.sender.is_ready())
        })
        .await
    }
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
