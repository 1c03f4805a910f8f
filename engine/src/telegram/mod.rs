//! The Bot API: one file sent by its kind's own method, from a stream, and the answer understood.
//! <https://core.telegram.org/bots/api>

mod answer;
mod kind;
mod multipart;
mod options;

use std::sync::Arc;

pub use answer::{File, Message};
use bytes::Bytes;
use futures_util::Stream;
use http::{
    HeaderMap, Method,
    header::{CONTENT_TYPE, HeaderValue},
};
pub use kind::Kind;
use multipart::Form;
pub use options::TelegramOptions;

use crate::{
    clock::Clock,
    error::{Code, Error, Phase, Result},
    http::{Body, BodyError, Client, Fault, FaultKind, Host, Request, Timeouts, retry_after},
    secret::Secret,
    sigv4::Target,
};

/// Longest answer that is read.
const ANSWER_LIMIT: usize = 1024 * 1024;

/// A file to send.
pub struct Upload<'a> {
    /// Decides the method.
    pub kind: Kind,
    /// Token of the bot.
    pub token: &'a Secret,
    /// Numeric id or `@name`.
    pub chat_id: &'a str,
    /// Name the file gets; any text, made safe here.
    pub file_name: &'a str,
    /// Content type of the file's part.
    pub content_type: &'a str,
    /// Text below the media.
    pub caption: Option<&'a str>,
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
        Ok(Self { host, base_path, max_upload_bytes: options.max_upload_bytes, timeouts, clock })
    }

    /// The largest upload the server takes for a kind, in bytes.
    #[must_use]
    pub fn max_upload_bytes(&self, kind: Kind) -> u64 {
        self.max_upload_bytes.unwrap_or_else(|| kind.max_upload_bytes())
    }

    /// Sends a file and returns the message it became. The deadline of the answer starts when `body` has been taken to
    /// its end, which `sent` must signal; until then `body` itself is what must not stall.
    ///
    /// # Errors
    /// `SEND_FAILED` when the request never was complete (as far as this room can tell: the caller knows whether its
    /// body was taken to the end), `TELEGRAM_*`, `TOO_LARGE`, `SEND_AMBIGUOUS`, `TLS`.
    pub async fn send<S>(&self, upload: &Upload<'_>, body: S, sent: impl Future<Output = ()>) -> Result<Message>
    where
        S: Stream<Item = Result<Bytes, BodyError>> + Send + Unpin + 'static,
    {
        let request = self.request(upload, body)?;
        let answer = async {
            let response = self.host.send(request).await.map_err(|fault| transport(&fault))?;
            let status = response.status;
            let wait = response.header("retry-after").and_then(|value| retry_after(value, self.clock.wall_ms()));
            let body = response.bytes(ANSWER_LIMIT, self.timeouts.answer()).await.map_err(|fault| transport(&fault))?;
            answer::read(status, &body, wait, upload.token).map_err(|error| error.at(Phase::Answer))
        };
        let overdue = async {
            sent.await;
            tokio::time::sleep(self.timeouts.answer()).await;
        };
        tokio::select! {
            biased;
            message = answer => message,
            () = overdue => Err(Error::new(Code::SendAmbiguous, "Telegram did not answer inside its deadline").maybe_sent().at(Phase::Answer)),
        }
    }

    fn request<S>(&self, upload: &Upload<'_>, body: S) -> Result<Request>
    where
        S: Stream<Item = Result<Bytes, BodyError>> + Send + Unpin + 'static,
    {
        let mut form = Form::new();
        form.text("chat_id", upload.chat_id);
        // A warm-up chat is a shelf, not a conversation: nobody should be rung for it.
        form.text("disable_notification", "true");
        if let Some(caption) = upload.caption.filter(|_| upload.kind.takes_caption()) {
            form.text("caption", caption);
        }
        let content_type = HeaderValue::try_from(form.content_type())
            .map_err(|_| Error::new(Code::Internal, "the boundary cannot be sent").at(Phase::Upload))?;
        let body = form.file(upload.kind.field(), upload.file_name, upload.content_type, upload.len, body);
        Ok(Request {
            method: Method::POST,
            target: [&self.base_path, "/bot", upload.token.reveal(), "/", upload.kind.method()].concat(),
            headers: HeaderMap::from_iter([(CONTENT_TYPE, content_type)]),
            body: Body::stream(body),
        })
    }
}

fn transport(fault: &Fault) -> Error {
    match fault.kind {
        FaultKind::Tls => Error::quoting(Code::Tls, "Telegram's certificate was refused", fault),
        FaultKind::Protocol => Error::quoting(Code::TelegramProtocol, "Telegram", fault),
        _ => Error::quoting(Code::SendFailed, "Telegram", fault),
    }
}
