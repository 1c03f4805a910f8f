//! The Bot API: one file sent by its kind's own method, as a stream or by a reference, and the answer understood.
//! <https://core.telegram.org/bots/api>

mod album;
mod answer;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod kind;
mod media;
mod multipart;
mod options;
mod refusal;

use std::{pin::pin, sync::Arc};

pub use album::{AlbumRefused, read_album};
pub use answer::{File, Message};
use bytes::Bytes;
use futures_util::Stream;
use http::{
    HeaderMap, Method,
    header::{CONTENT_TYPE, HeaderValue},
};
pub use kind::Kind;
pub use media::Media;
use multipart::{Form, Multipart};
pub use options::TelegramOptions;
pub use refusal::{Cause, Refused};

use crate::{
    clock::Clock,
    error::{Code, Error, Phase, Result},
    http::{Body, BodyError, Client, Fault, FaultKind, Host, Request, Timeouts, retry_after},
    secret::Secret,
    sigv4::Target,
};

/// Longest answer that is read.
const ANSWER_LIMIT: usize = 1024 * 1024;

/// The most a local server takes, in bytes: 2,000 MB, as 4,000 parts of 512 KiB.
const LOCAL_MAX_UPLOAD: u64 = 2000 << 20;

/// A message with one file.
#[derive(Clone, Copy)]
pub struct Upload<'a> {
    /// Decides the method.
    pub kind: Kind,
    /// Token of the bot.
    pub token: &'a Secret,
    /// Numeric id or `@name`.
    pub chat_id: &'a str,
    /// Text below the media.
    pub caption: Option<&'a str>,
    /// What is known of the media.
    pub media: &'a Media,
}

/// The file of a message, when its bytes go with the request.
#[derive(Clone, Copy)]
pub struct FilePart<'a> {
    /// Name the file gets; any text, made safe here.
    pub name: &'a str,
    /// Content type of the file's part.
    pub content_type: &'a str,
    /// Exact length of the file.
    pub len: u64,
}

/// A Bot API server. Clones share connections.
#[derive(Clone)]
pub struct Telegram {
    host: Host,
    /// Path before `/bot…`; empty at the cloud.
    base_path: String,
    max_upload_bytes: Option<u64>,
    local: bool,
    timeouts: Timeouts,
    clock: Arc<dyn Clock>,
}

impl Telegram {
    /// A client of one server.
    ///
    /// # Errors
    /// `INVALID_OPTION` when the root is not an `http(s)` URL without a query.
    pub fn new(options: &TelegramOptions, client: &Client, timeouts: Timeouts, clock: Arc<dyn Clock>) -> Result<Self> {
        let bad =
            || Error::new(Code::InvalidOption, "telegram.apiRoot: must be a URL such as https://api.telegram.org");
        let root = Target::parse(options.api_root.trim_end_matches('/')).map_err(|_| bad())?;
        if !root.query.is_empty() {
            return Err(bad());
        }
        let host = client.host(&root.origin()).map_err(|_| bad())?;
        let base_path = root.path.trim_end_matches('/').to_owned();
        let TelegramOptions { local, max_upload_bytes, .. } = *options;
        Ok(Self { host, base_path, max_upload_bytes, local, timeouts, clock })
    }

    /// The largest upload the server takes for a kind, in bytes.
    #[must_use]
    pub fn max_upload_bytes(&self, kind: Kind) -> u64 {
        let usual = if self.local { LOCAL_MAX_UPLOAD } else { kind.max_upload_bytes() };
        let most = self.max_upload_bytes.unwrap_or(usual);
        // A photo is one by the limits of Telegram's core, whatever the server before it takes.
        if kind == Kind::Photo { most.min(kind.max_upload_bytes()) } else { most }
    }

    /// Whether the server reads files of this machine by their path.
    #[must_use]
    pub const fn is_local(&self) -> bool {
        self.local
    }

    /// Sends a file and returns the message it became. The deadline of the answer starts when `body` has been taken to
    /// its end, which `sent` must signal; until then `body` itself is what must not stall.
    ///
    /// # Errors
    /// `SEND_FAILED` when the request never was complete (as far as this room can tell: the caller knows whether its
    /// body was taken to the end), `TELEGRAM_*`, `TOO_LARGE`, `SEND_AMBIGUOUS`, `TLS`.
    pub async fn send_file<S>(
        &self,
        upload: &Upload<'_>,
        part: &FilePart<'_>,
        body: S,
        sent: impl Future<Output = ()>,
    ) -> Result<Message, Refused>
    where
        S: Stream<Item = Result<Bytes, BodyError>> + Send + Unpin + 'static,
    {
        let form = form(upload);
        let content_type = form.content_type();
        let body = form.file(upload.kind.field(), part.name, part.content_type, part.len, body);
        self.exchange(self.request(upload, &content_type, body)?, &[upload.token], sent).await
    }

    /// Sends a file that Telegram fetches (`https://`) or reads (`file://`, local server) by itself. `end` yields nothing;
    /// that it is taken to its end, which `sent` must signal, tells that the request is on its way.
    ///
    /// # Errors
    /// As [`Telegram::send_file`]; the cause is [`Cause::Reference`] where another way than this one could work.
    pub async fn send_reference<S>(
        &self,
        upload: &Upload<'_>,
        reference: &Secret,
        end: S,
        sent: impl Future<Output = ()>,
    ) -> Result<Message, Refused>
    where
        S: Stream<Item = Result<Bytes, BodyError>> + Send + Unpin + 'static,
    {
        let mut form = form(upload);
        form.text(upload.kind.field(), reference.reveal());
        let content_type = form.content_type();
        self.exchange(self.request(upload, &content_type, form.end(end))?, &[upload.token, reference], sent).await
    }

    async fn exchange(
        &self,
        request: Request,
        secrets: &[&Secret],
        sent: impl Future<Output = ()>,
    ) -> Result<Message, Refused> {
        let answer = pin!(async {
            let response = self.host.send(request).await.map_err(|fault| transport(&fault))?;
            let status = response.status;
            let wait = response.header("retry-after").and_then(|value| retry_after(value, self.clock.wall_ms()));
            let body = response.bytes(ANSWER_LIMIT, self.timeouts.answer()).await.map_err(|fault| transport(&fault))?;
            answer::read(status, &body, wait, secrets)
                .map_err(|Refused { error, cause }| Refused { error: error.at(Phase::Answer), cause })
        });
        let overdue = pin!(async {
            sent.await;
            tokio::time::sleep(self.timeouts.answer()).await;
        });
        tokio::select! {
            biased;
            message = answer => message,
            () = overdue => Err(Error::new(Code::SendAmbiguous, "Telegram did not answer inside its deadline")
                .maybe_sent()
                .at(Phase::Answer)
                .into()),
        }
    }

    fn request<S>(&self, upload: &Upload<'_>, content_type: &str, body: Multipart<S>) -> Result<Request>
    where
        S: Stream<Item = Result<Bytes, BodyError>> + Send + Unpin + 'static,
    {
        let content_type = HeaderValue::try_from(content_type)
            .map_err(|_| Error::new(Code::Internal, "the boundary cannot be sent").at(Phase::Upload))?;
        Ok(Request {
            method: Method::POST,
            target: [&self.base_path, "/bot", upload.token.reveal(), "/", upload.kind.method()].concat(),
            headers: HeaderMap::from_iter([(CONTENT_TYPE, content_type)]),
            body: Body::stream(body),
        })
    }
}

/// What every kind of send has in common.
fn form(upload: &Upload<'_>) -> Form {
    let mut form = Form::new();
    form.text("chat_id", upload.chat_id);
    // A warm-up chat is a shelf, not a conversation: nobody should be rung for it.
    form.text("disable_notification", "true");
    // Without it, Telegram makes animations of GIFs and silent videos that were to be documents.
    if upload.kind == Kind::Document {
        form.text("disable_content_type_detection", "true");
    }
    if let Some(caption) = upload.caption.filter(|_| upload.kind.takes_caption()) {
        form.text("caption", caption);
    }
    upload.media.tell(upload.kind, &mut form);
    form
}

/// An answer that is no HTTP, or has no end, is as good as none: whether there is a message depends on what was sent.
fn transport(fault: &Fault) -> Error {
    match fault.kind {
        FaultKind::Tls => Error::quoting(Code::Tls, "Telegram's certificate was refused", fault),
        _ => Error::quoting(Code::SendFailed, "Telegram", fault),
    }
}
