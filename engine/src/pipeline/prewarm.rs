//! Prewarm: a media file goes from the bucket to Telegram, and what comes back is a file_id that the bot can send for ever.

use std::sync::Arc;

use serde::Deserialize;

use super::{
    PrewarmJob, PrewarmValue,
    source::Source,
    transfer::{outgoing, watch},
};
use crate::{
    clock::Clock,
    error::{Code, Error, Phase, Result},
    executor::{ExecutorOptions, Pipeline, RetryOptions, Trace},
    http::{Client, HttpOptions, Timeouts},
    media,
    s3::{S3, S3Options},
    telegram::{Kind, Message, Telegram, TelegramOptions, Upload},
};

/// Everything a prewarm executor is made of.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrewarmOptions {
    /// The bucket.
    pub s3: S3Options,
    /// The Bot API server.
    #[serde(default)]
    pub telegram: TelegramOptions,
    /// Jobs that run at once; 1 to 4,096.
    pub concurrency: usize,
    /// Jobs that wait; at least 1.
    pub capacity: usize,
    /// Compare the sha256 of what was read with the job's before the upload is completed.
    pub verify_sha256: bool,
    /// Quick retries.
    #[serde(default)]
    pub retry: RetryOptions,
    /// Deadlines.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// Transport.
    #[serde(default)]
    pub http: HttpOptions,
}

impl PrewarmOptions {
    /// What the executor needs of them.
    #[must_use]
    pub const fn executor(&self) -> ExecutorOptions {
        ExecutorOptions { concurrency: self.concurrency, capacity: self.capacity, retry: self.retry }
    }
}

/// The prewarm pipeline.
pub struct Prewarm {
    s3: S3,
    telegram: Telegram,
    timeouts: Timeouts,
    verify_sha256: bool,
}

impl Prewarm {
    /// Builds the clients.
    ///
    /// # Errors
    /// `INVALID_OPTION`, naming the option.
    pub fn new(options: PrewarmOptions, clock: Arc<dyn Clock>) -> Result<Self> {
        let timeouts = options.timeouts;
        let client = Client::new(&options.http, &timeouts)?;
        Ok(Self {
            s3: S3::new(options.s3, &client, timeouts, Arc::clone(&clock))?,
            telegram: Telegram::new(&options.telegram, &client, timeouts, clock)?,
            timeouts,
            verify_sha256: options.verify_sha256,
        })
    }
}

impl Pipeline for Prewarm {
    type Job = PrewarmJob;
    type Value = PrewarmValue;

    async fn attempt(&self, job: &PrewarmJob, trace: &Arc<Trace>) -> Result<PrewarmValue> {
        let source = Source::open(&self.s3, job).await?;
        trace.opened();
        let bytes = self.check_size(job, source.len())?;
        let message = self.send(job, source, trace).await.map_err(|error| settle_doubt(error, trace))?;
        value(job, &message, bytes)
    }
}

impl Prewarm {
    /// Refuses what Telegram would refuse after the whole upload.
    fn check_size(&self, job: &PrewarmJob, len: u64) -> Result<u64> {
        let most = self.telegram.max_upload_bytes(job.kind);
        if len > most {
            let message = format!("{len} bytes: Telegram takes at most {most} for {}", job.kind.field());
            return Err(Error::new(Code::TooLarge, message).at(Phase::Upload));
        }
        match job.size {
            Some(size) if size != len => {
                let message = format!("the job says {size} bytes, the source has {len}");
                Err(Error::new(Code::Sha256Mismatch, message).at(Phase::Download))
            }
            _ if len == 0 => Err(Error::new(Code::TelegramRejected, "the source is empty").at(Phase::Upload)),
            _ => Ok(len),
        }
    }

    /// Streams the source into the kind's own method.
    async fn send(&self, job: &PrewarmJob, source: Source, trace: &Arc<Trace>) -> Result<Message> {
        let (usual_type, usual_extension) = job.kind.default_type();
        let known =
            job.content_type.as_deref().or_else(|| source.content_type()).filter(|known| media::is_specific(known));
        let content_type = known.unwrap_or(usual_type).to_owned();
        let generated;
        let file_name = if let Some(name) = &job.file_name {
            name
        } else {
            generated = format!("{}.{}", job.sha256, known.and_then(media::extension).unwrap_or(usual_extension));
            &generated
        };
        let chat_id = job.chat_ids.first().map_or("", String::as_str);
        let upload = Upload {
            kind: job.kind,
            token: &job.token,
            chat_id,
            file_name,
            content_type: &content_type,
            caption: job.caption.as_deref(),
            len: source.len(),
        };
        let expected = self.verify_sha256.then(|| job.sha256.clone());
        let transfer = async {
            let body = outgoing(source, expected, Arc::clone(trace)).await?;
            self.telegram.send(&upload, body, trace.until_sent()).await
        };
        tokio::select! {
            biased;
            message = transfer => message,
            error = watch(trace, upload.len, &self.timeouts) => Err(error),
        }
    }
}

/// Says what is known of a failed send. The transport sees only that the request broke; whether the bytes had been wrong,
/// or had all been sent, stands in the trace.
fn settle_doubt(error: Error, trace: &Trace) -> Error {
    if let Some(cause) = trace.failure() {
        return cause;
    }
    match (error.code, trace.is_sent()) {
        (Code::SendFailed, true) => Error { code: Code::SendAmbiguous, ..error }.maybe_sent().at(Phase::Answer),
        (Code::SendFailed, false) => error.at(Phase::Upload),
        // A gateway that gave up on a request which never was complete leaves no doubt.
        (Code::SendAmbiguous, false) => {
            Error { code: Code::TelegramServer, certainty: crate::error::Certainty::NotSent, ..error }
        }
        _ => error.at(Phase::Answer),
    }
}

/// Takes the file_id out of the message, if it is one of the kind that was asked for.
fn value(job: &PrewarmJob, message: &Message, bytes: u64) -> Result<PrewarmValue> {
    let Some(file) = message.file(job.kind) else {
        let got: Vec<_> = message.kinds().map(Kind::field).collect();
        let message = format!(
            "sent as {}, became {}",
            job.kind.field(),
            if got.is_empty() { "no file".to_owned() } else { got.join(" and ") }
        );
        return Err(Error::new(Code::TelegramKind, message).maybe_sent().at(Phase::Answer));
    };
    if file.file_id.is_empty() || file.file_unique_id.is_empty() {
        return Err(Error::new(Code::TelegramProtocol, "the answer has no file_id").maybe_sent().at(Phase::Answer));
    }
    Ok(PrewarmValue {
        file_id: file.file_id.clone(),
        file_unique_id: file.file_unique_id.clone(),
        message_id: message.message_id,
        chat_id: message.chat.id.to_string(),
        kind: job.kind,
        bytes,
        route: "stream",
        width: file.width.or(file.length),
        height: file.height.or(file.length),
        duration: file.duration,
    })
}
