//! From one server to the other with hyper on tokio, as their documentation has it, and nothing else: what is left between this and the
//! engine is what the engine does beside moving bytes, and Node. Plain HTTP alone.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::{self, Runtime};

use super::{BOUNDARY, Failure, multipart_opening};

/// The body of a request: none, or an answer's between an opening and an end.
enum Outgoing {
    Nothing,
    Copy { opening: Option<Bytes>, from: Incoming, end: Option<Bytes>, left: u64 },
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self::Copy { opening, from, end, left } = self.get_mut() else { return Poll::Ready(None) };
        let piece = match opening.take() {
            Some(opening) => Some(Ok(Frame::data(opening))),
            None => ready!(Pin::new(from).poll_frame(cx)).or_else(|| end.take().map(|end| Ok(Frame::data(end)))),
        };
        if let Some(Ok(frame)) = &piece {
            *left -= frame.data_ref().map_or(0, |bytes| bytes.len() as u64);
        }
        Poll::Ready(piece)
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Nothing | Self::Copy { end: None, .. })
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Nothing => SizeHint::with_exact(0),
            Self::Copy { left, .. } => SizeHint::with_exact(*left),
        }
    }
}

/// A connection that is kept alive.
async fn connect(address: SocketAddr) -> Result<SendRequest<Outgoing>, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = Builder::new().handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn send(sender: &mut SendRequest<Outgoing>, request: Request<Outgoing>) -> Result<Response<Incoming>, Failure> {
    sender.ready().await?;
    let answer = sender.send_request(request).await?;
    if answer.status().is_success() { Ok(answer) } else { Err("a server refused".into()) }
}

struct Slot {
    s3: SendRequest<Outgoing>,
    bot: SendRequest<Outgoing>,
    path: String,
}

impl Slot {
    async fn job(&mut self) -> Result<(), Failure> {
        let get = Request::get(&self.path).header(header::HOST, "127.0.0.1").body(Outgoing::Nothing)?;
        let object = send(&mut self.s3, get).await?.into_body();
        let length = object.size_hint().exact().ok_or("the object server declares no length")?;
        let (opening, end) = (multipart_opening(), format!("\r\n--{BOUNDARY}--\r\n"));
        let left = opening.len() as u64 + length + end.len() as u64;
        let body = Outgoing::Copy { opening: Some(opening.into()), from: object, end: Some(end.into()), left };
        let post = Request::post("/bot42:TEST/sendDocument")
            .header(header::HOST, "127.0.0.1")
            .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"))
            .body(body)?;
        let mut answer = send(&mut self.bot, post).await?.into_body();
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut answer).poll_frame(cx)).await {
            frame?;
        }
        Ok(())
    }
}

/// All slots on one thread, as the engine has it on two cores.
pub struct Bare {
    runtime: Runtime,
    slots: Vec<Slot>,
}

impl Bare {
    pub fn open(s3: SocketAddr, bot: SocketAddr, size: u64, concurrency: u64) -> Result<Self, Failure> {
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let slots = runtime.block_on(async {
            let mut slots = Vec::new();
            for slot in 0..concurrency {
                let path = format!("/bucket/obj-{size}-{slot}");
                slots.push(Slot { s3: connect(s3).await?, bot: connect(bot).await?, path });
            }
            Ok::<_, Failure>(slots)
        })?;
        Ok(Self { runtime, slots })
    }

    /// Runs `jobs` jobs on all slots.
    pub fn run(&mut self, jobs: i64) -> Result<Duration, Failure> {
        let (left, started) = (Arc::new(AtomicI64::new(jobs)), Instant::now());
        let Self { runtime, slots } = self;
        *slots = runtime.block_on(async {
            let tasks: Vec<_> = slots
                .drain(..)
                .map(|mut slot| {
                    let left = Arc::clone(&left);
                    tokio::spawn(async move {
                        while left.fetch_sub(1, Ordering::Relaxed) > 0 {
                            slot.job().await?;
                        }
                        Ok::<_, Failure>(slot)
                    })
                })
                .collect();
            let mut slots = Vec::new();
            for task in tasks {
                slots.push(task.await??);
            }
            Ok::<_, Failure>(slots)
        })?;
        Ok(started.elapsed())
    }
}
