//! The first step of an ingest: from what the job says to a source that can be read.

use super::{
    Ingest, IngestJob,
    base64::Decoder,
    decrypt::Decrypter,
    job::SourceSpec,
    source::{Source, without_bytes},
    whatsapp::WhatsApp,
};
use crate::{
    error::{Class, Code, Error, Phase, Result},
    http::guard::{Fetched, request_headers},
    secret::Secret,
};

/// A source, and what has to be taken off its bytes.
pub struct Opened {
    /// The bytes.
    pub source: Source,
    /// Their encryption, where they have one.
    pub cipher: Option<Decrypter>,
}

impl From<Source> for Opened {
    fn from(source: Source) -> Self {
        Self { source, cipher: None }
    }
}

impl Ingest {
    /// Opens the source of a job.
    pub(super) async fn open(&self, job: &IngestJob, asked: &mut usize) -> Result<Opened> {
        let payload = || job.payload.as_ref().map(|payload| payload.bytes.clone()).unwrap_or_default();
        match &job.source {
            SourceSpec::Url { url, headers } => self.fetch(url, headers).await.map_err(unresolved).map(Opened::from),
            SourceSpec::Whatsapp(media) => self.download(media, asked).await,
            SourceSpec::Path { path } => Source::file(path).await.map(Opened::from),
            SourceSpec::R2Key { r2_key } => {
                let Some(s3) = &self.s3 else {
                    return Err(Error::new(Code::InvalidJob, "source.r2Key: needs the option s3").at(Phase::Queue));
                };
                let object = Box::new(s3.open(r2_key).await?);
                Ok(Source::Object { object, waited: std::time::Duration::ZERO }.into())
            }
            SourceSpec::Bytes => Ok(Source::Bytes(payload()).into()),
            SourceSpec::Base64 => Ok(Source::Base64(Decoder::reusing(payload(), self.blocks.clone())).into()),
            SourceSpec::MediaId { .. } => {
                Err(Error::new(Code::SourceUnresolved, "the medium has no address yet").at(Phase::Queue))
            }
        }
    }

    async fn fetch(&self, url: &Secret, headers: &[(String, Secret)]) -> Result<Source> {
        let given = headers.iter().map(|(name, value)| (name.as_str(), value.reveal()));
        let headers = request_headers(given)?;
        web(self.web.get(url.reveal(), &headers).await?)
    }

    /// How many addresses a medium may come from, where that can be more than one.
    pub(super) fn addresses(&self, job: &IngestJob) -> usize {
        if let SourceSpec::Whatsapp(media) = &job.source { media.addresses(&self.whatsapp).len() } else { 0 }
    }

    /// Opens the first address of a medium that can be, of those that were not asked yet. The two of a message do not always die
    /// together, and one may never have been right.
    async fn download(&self, media: &WhatsApp, asked: &mut usize) -> Result<Opened> {
        let cipher = Some(Decrypter::new(&media.keys()?, media.file_enc_sha256.clone())?);
        let mut refused: Option<Error> = None;
        for address in media.addresses(&self.whatsapp).into_iter().skip(*asked) {
            *asked += 1;
            match self.fetch(&address, &[]).await {
                Ok(source) => return Ok(Opened { source, cipher }),
                Err(error) if refused.as_ref().is_none_or(|other| weight(other) <= weight(&error)) => {
                    refused = Some(error);
                }
                Err(_) => {}
            }
        }
        let error = refused.unwrap_or_else(|| Error::new(Code::InvalidJob, "source.whatsapp: has no address"));
        Err(if is_gone(&error) { Error { code: Code::MediaGone, ..error } } else { error })
    }
}

/// Which of two refusals says more: that it may pass, then that somebody can put the medium back.
const fn weight(error: &Error) -> u8 {
    match error.class() {
        Class::Transient | Class::Throttled => 2,
        _ => is_gone(error) as u8,
    }
}

fn web(fetched: Fetched) -> Result<Source> {
    if fetched.is_empty() { Err(without_bytes()) } else { Ok(Source::Web(Box::new(fetched))) }
}

const fn is_gone(error: &Error) -> bool {
    matches!(error.code, Code::SourceNotFound | Code::SourceUnresolved)
}

/// An address that is refused may have been right once.
fn unresolved(error: Error) -> Error {
    if is_gone(&error) { Error { code: Code::SourceUnresolved, ..error } } else { error }
}
