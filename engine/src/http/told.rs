//! A body that is already there, and tells when the connection has taken it: from then on the other side can act.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::{Body, BodyError};

struct Told<F> {
    bytes: Bytes,
    taken: Option<F>,
}

impl Body {
    /// These bytes; `taken` is called once, when the connection has taken them, and never when it did not get so far.
    pub fn told<F: FnOnce() + Send + Unpin + 'static>(bytes: Bytes, taken: F) -> Self {
        Self::stream(Told { bytes, taken: Some(taken) })
    }
}

impl<F: FnOnce() + Send + Unpin> http_body::Body for Told<F> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(taken) = self.taken.take() {
            taken();
        }
        let bytes = std::mem::take(&mut self.bytes);
        Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}
