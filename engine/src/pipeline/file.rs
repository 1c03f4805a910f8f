//! What a file is sent as: its name, its content type, and whether it fits its kind.

use std::borrow::Cow;

use super::{
    Policy, PrewarmJob,
    prepare::MOST_SHRUNK,
    route::{Call, Facts, KindReason, Trust},
};
use crate::{
    error::{Code, Error, Phase, Result},
    media,
    s3::Meta,
    telegram::{Kind, Telegram},
};

/// What is known of an object that is not opened here.
#[derive(Clone, Debug, Default)]
pub struct Known<'a> {
    /// Size in bytes.
    pub len: Option<u64>,
    /// What it is sent as.
    pub content_type: Option<Cow<'a, str>>,
    /// Whether the store would say something else.
    pub must_say_type: bool,
}

impl<'a> Known<'a> {
    /// What the job says.
    pub fn of(job: &'a PrewarmJob) -> Self {
        let content_type = job.content_type.as_deref().filter(|text| media::is_specific(text)).map(Cow::Borrowed);
        Self { len: job.size, must_say_type: content_type.is_some(), content_type }
    }

    /// The facts of a decision, as far as they are known here.
    pub fn facts<'f>(&'f self, trust: Trust, base: Facts<'f>) -> Facts<'f> {
        Facts { trust, len: self.len, content_type: self.content_type.as_deref(), ..base }
    }

    /// What the store says beside it.
    pub fn told(&mut self, job: &PrewarmJob, meta: Meta) {
        let stored = meta.content_type.filter(|stored| media::is_specific(stored));
        let wanted = content_type(job, stored.as_deref()).0;
        self.must_say_type = stored.as_deref() != Some(wanted);
        self.content_type = Some(Cow::Owned(wanted.to_owned()));
        self.len = Some(meta.len);
    }
}

/// The content type a file is sent with, and the extension of a file without a name: the job's, else the stored one where it
/// says anything, else the kind's usual one.
pub fn content_type<'a>(job: &'a PrewarmJob, stored: Option<&'a str>) -> (&'a str, &'static str) {
    let (usual_type, usual_extension) = job.kind.default_type();
    let known = job.content_type.as_deref().or(stored).filter(|known| media::is_specific(known));
    (known.unwrap_or(usual_type), known.and_then(media::extension).unwrap_or(usual_extension))
}

/// The name a file gets.
pub fn file_name<'a>(job: &'a PrewarmJob, extension: &str) -> Cow<'a, str> {
    job.file_name.as_deref().map_or_else(|| Cow::Owned(format!("{}.{extension}", job.sha256)), Cow::Borrowed)
}

/// Refuses what Telegram would refuse after the whole upload, or makes a document of it where that is the policy. A source of
/// a wrong length is worth so many further `looks`.
pub fn fit(job: &PrewarmJob, call: &mut Call, len: u64, looks: u8, telegram: &Telegram, policy: Policy) -> Result<()> {
    match job.size {
        Some(size) if size != len => {
            let message = format!("the job says {size} bytes, the source has {len}");
            return Err(Error::new(Code::Sha256Mismatch, message).at(Phase::Download).worth(looks));
        }
        _ if len == 0 => {
            return Err(Error::new(Code::TelegramRejected, "the source is empty").at(Phase::Upload).worth(looks));
        }
        _ => {}
    }
    let most = telegram.max_upload_bytes(call.kind);
    if len <= most || (policy.shrinks(call.kind) && len <= MOST_SHRUNK) {
        return Ok(());
    }
    if policy.makes_document(call.kind) && len <= telegram.max_upload_bytes(Kind::Document) {
        call.kind = Kind::Document;
        call.kind_reason = Some(KindReason::TooLarge);
        return Ok(());
    }
    let message = format!("{len} bytes: Telegram takes at most {most} for {}", call.kind.field());
    Err(Error::new(Code::TooLarge, message).at(Phase::Upload))
}
