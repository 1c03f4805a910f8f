//! The body of a part, handed to the connection piece by piece, so that a store which stops reading is seen after the idle
//! deadline and not when the whole part should have been there.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::http::{Body, BodyError, Timeouts};

/// What the connection takes at once: about what it keeps of a body itself.
const PIECE: usize = 64 * 1024;

/// Since when nothing has moved, and whether anything is left to move.
#[derive(Clone, Copy)]
struct Moved {
    at: Instant,
    all: bool,
}

/// Watches one request.
#[derive(Clone)]
pub struct Watch(Arc<Mutex<Moved>>);

impl Watch {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Moved { at: Instant::now(), all: false })))
    }

    /// These bytes as a body that is watched from now on.
    pub fn body(&self, bytes: Bytes) -> Body {
        self.moved(bytes.is_empty());
        Body::stream(Pieces { left: bytes, watch: self.clone() })
    }

    fn moved(&self, all: bool) {
        *self.0.lock() = Moved { at: Instant::now(), all };
    }

    /// Returns when nothing has moved for too long: `idle` while there is something to send, `answer` from then on. The time of a
    /// connection is not counted, it has a deadline of its own.
    pub async fn stalled(&self, timeouts: &Timeouts) {
        let patience = |moved: Moved| -> Duration {
            if moved.all { timeouts.answer() } else { timeouts.idle() + timeouts.connect() }
        };
        let mut moved = *self.0.lock();
        loop {
            tokio::time::sleep_until(moved.at + patience(moved)).await;
            let now = *self.0.lock();
            if now.at == moved.at && now.all == moved.all {
                return;
            }
            moved = now;
        }
    }
}

struct Pieces {
    left: Bytes,
    watch: Watch,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let len = self.left.len().min(PIECE);
        let piece = self.left.split_to(len);
        self.watch.moved(self.left.is_empty());
        Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}
