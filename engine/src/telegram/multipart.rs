//! A `multipart/form-data` body (RFC 7578) whose one file is a stream, with its exact length known before the first byte.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::Stream;
use http_body::{Body, Frame, SizeHint};

use crate::http::BodyError;

/// Longest file name that is sent, in bytes.
const FILE_NAME_LIMIT: usize = 255;

/// Room for the text before a file: its fields with their headers, a caption aside.
const HEAD_CAPACITY: usize = 768;

/// The text before and after the file.
pub struct Form {
    boundary: String,
    head: Vec<u8>,
}

impl Form {
    /// An empty form with an unguessable boundary.
    #[must_use]
    pub fn new() -> Self {
        // 192 random bits: a file cannot contain it but by design of somebody who would have to know it first.
        let bits = [random(), random(), random()];
        let mut boundary = String::with_capacity("warmpath-".len() + 48);
        boundary.push_str("warmpath-");
        boundary.extend(bits.iter().flat_map(|word| word.to_be_bytes()).flat_map(hex_digits));
        Self { boundary, head: Vec::with_capacity(HEAD_CAPACITY) }
    }

    /// The value of `content-type`.
    #[must_use]
    pub fn content_type(&self) -> String {
        ["multipart/form-data; boundary=", &self.boundary].concat()
    }

    /// Ends the form without a file. `end` yields nothing: that it is taken tells that the request is on its way.
    pub fn end<S>(self, end: S) -> Multipart<S> {
        let tail = ["--", &self.boundary, "--\r\n"].concat();
        self.body(0, end, tail)
    }

    fn body<S>(self, len: u64, source: S, tail: String) -> Multipart<S> {
        let total = self.head.len() as u64 + len + tail.len() as u64;
        Multipart { head: Some(self.head.into()), source: Some(source), tail: Some(tail.into()), remaining: total }
    }

    fn push(&mut self, texts: &[&str]) {
        self.head.extend_from_slice(b"--");
        self.head.extend_from_slice(self.boundary.as_bytes());
        for text in texts {
            self.head.extend_from_slice(text.as_bytes());
        }
    }

    /// Adds a text field. `name` is ours, never the user's.
    pub fn text(&mut self, name: &'static str, value: &str) {
        self.push(&["\r\ncontent-disposition: form-data; name=\"", name, "\"\r\n\r\n", value, "\r\n"]);
    }

    /// Ends the form with a file of `len` bytes that `source` will yield.
    pub fn file<S>(
        mut self,
        name: &'static str,
        file_name: &str,
        content_type: &str,
        len: u64,
        source: S,
    ) -> Multipart<S> {
        self.push(&[
            "\r\ncontent-disposition: form-data; name=\"",
            name,
            "\"; filename=\"",
            &safe_file_name(file_name),
            "\"\r\ncontent-type: ",
            content_type,
            "\r\n\r\n",
        ]);
        let tail = ["\r\n--", &self.boundary, "--\r\n"].concat();
        self.body(len, source, tail)
    }
}

fn hex_digits(byte: u8) -> [char; 2] {
    [byte >> 4, byte & 15].map(|digit| char::from_digit(u32::from(digit), 16).unwrap_or_default())
}

impl Default for Form {
    fn default() -> Self {
        Self::new()
    }
}

/// A word from the operating system's generator, through the hasher's per-process random keys.
fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish() ^ fastrand::u64(..)
}

/// A file name that cannot end its own header: quotes and backslashes are percent-encoded as browsers do (WHATWG HTML
/// §4.10.21.8), control and direction-changing characters are dropped, the length is capped.
#[must_use]
pub fn safe_file_name(name: &str) -> String {
    let mut safe = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '"' => safe.push_str("%22"),
            '\\' => safe.push_str("%5C"),
            c if c.is_control() || turns_direction(c) => {}
            c => safe.push(c),
        }
    }
    let mut end = FILE_NAME_LIMIT.min(safe.len());
    while !safe.is_char_boundary(end) {
        end -= 1;
    }
    safe.truncate(end);
    safe
}

/// Marks that make `exe.jpg` of `gpj.exe`.
const fn turns_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The body itself.
pub struct Multipart<S> {
    head: Option<Bytes>,
    source: Option<S>,
    tail: Option<Bytes>,
    remaining: u64,
}

impl<S> Body for Multipart<S>
where
    S: Stream<Item = Result<Bytes, BodyError>> + Unpin,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let piece = if let Some(head) = this.head.take() {
            Some(Ok(head))
        } else if let Some(source) = &mut this.source {
            let piece = ready!(Pin::new(source).poll_next(cx));
            if piece.is_none() {
                this.source = None;
                this.tail.take().map(Ok)
            } else {
                piece
            }
        } else {
            None
        };
        Poll::Ready(piece.map(|piece| {
            piece.map(|bytes| {
                this.remaining = this.remaining.saturating_sub(bytes.len() as u64);
                Frame::data(bytes)
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.tail.is_none() && self.source.is_none() && self.head.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn the_declared_length_is_the_length() {
        let mut form = Form::new();
        form.text("chat_id", "-100");
        form.text("caption", "çã");
        assert!(form.content_type().starts_with("multipart/form-data; boundary=warmpath-"));
        let pieces = [Ok(Bytes::from_static(b"ab")), Ok(Bytes::from_static(b"cde"))];
        let body = form.file("photo", "x.jpg", "image/jpeg", 5, stream::iter(pieces));
        let declared = body.size_hint().exact().unwrap();
        let whole = body.collect().await.unwrap().to_bytes();
        assert_eq!(whole.len() as u64, declared);
        let text = String::from_utf8(whole.to_vec()).unwrap();
        let boundary = text.lines().next().unwrap();
        assert!(text.ends_with(&format!("abcde\r\n{boundary}--\r\n")), "{text}");
        assert_eq!(text.matches(boundary).count(), 4);
    }

    #[tokio::test]
    async fn a_form_without_a_file_is_whole_too() {
        let mut form = Form::new();
        form.text("photo", "https://host/a b");
        let body = form.end(stream::empty::<Result<Bytes, BodyError>>());
        let declared = body.size_hint().exact().unwrap();
        let whole = body.collect().await.unwrap().to_bytes();
        assert_eq!(whole.len() as u64, declared);
        let text = String::from_utf8(whole.to_vec()).unwrap();
        let boundary = text.lines().next().unwrap();
        assert!(text.ends_with(&format!("\r\n\r\nhttps://host/a b\r\n{boundary}--\r\n")), "{text}");
    }

    #[test]
    fn boundaries_never_repeat() {
        let boundaries: std::collections::HashSet<_> = (0..1000).map(|_| Form::new().boundary).collect();
        assert_eq!(boundaries.len(), 1000);
    }

    #[test]
    fn a_file_name_cannot_leave_its_quotes() {
        assert_eq!(safe_file_name("a\"\r\nx: y\\.jpg"), "a%22x: y%5C.jpg");
        assert_eq!(safe_file_name("foto\u{202e}gpj.exe"), "fotogpj.exe");
        assert_eq!(safe_file_name(&"é".repeat(300)), "é".repeat(127));
        assert_eq!(safe_file_name("日本.mp4"), "日本.mp4");
    }
}
