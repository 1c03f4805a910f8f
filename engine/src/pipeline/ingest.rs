//! Ingest: a medium that somebody sent comes in and is stored, once, complete, and as what it is.
//!
//! The steps: [`open`] the source, let it through the [`intake`] (decrypted, counted, hashed), judge it by its first bytes
//! ([`types`]), write it to its sinks as it comes, look into it, and only when its end has come and everything was right,
//! give it its name.

mod base64;
mod blocks;
mod decrypt;
mod disk;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod intake;
mod job;
mod look;
mod meter;
mod open;
mod options;
mod sinks;
mod source;
mod types;
mod value;
mod whatsapp;

use std::sync::Arc;

pub use base64::Decoder as Base64Decoder;
pub use decrypt::Decrypter;
pub use disk::Directory;
pub use job::{Held, IngestJob, Payload, SourceSpec};
pub use look::Look;
pub use options::{IngestHttp, IngestOptions, OnMismatch, SinkKind, WhatsAppOptions};
pub use value::{IngestValue, Location};
pub use whatsapp::{Keys, MediaType, WhatsApp};

use self::{
    blocks::Blocks,
    disk::Disk,
    intake::Intake,
    look::Probe,
    meter::Meter,
    sinks::Sinks,
    types::{Types, by_head},
    value::value,
};
use crate::{
    clock::Clock,
    error::{Code, Error, Result},
    executor::{Grant, Pipeline, Trace},
    http::{
        Client, HttpOptions, Timeouts,
        guard::{Fetcher, Guard, GuardOptions},
    },
    media::{Format, Report},
    s3::S3,
};

/// The ingest pipeline.
pub struct Ingest {
    web: Fetcher,
    whatsapp: String,
    s3: Option<S3>,
    s3_prefix: String,
    directory: Directory,
    blocks: Blocks,
    sinks: Vec<SinkKind>,
    types: Arc<Types>,
    max_bytes: u64,
    probe: bool,
    timeouts: Timeouts,
}

impl Ingest {
    /// Builds the clients and opens the directory; inside a runtime, which sweeps it.
    ///
    /// # Errors
    /// `INVALID_OPTION`, naming the option.
    pub fn new(options: IngestOptions, clock: Arc<dyn Clock>) -> Result<Self> {
        let types = Arc::new(Types::new(&options));
        let IngestOptions { http, timeouts, .. } = options;
        let guard = Guard::new(&GuardOptions {
            http: http.plain,
            ports: http.ports,
            allow: http.allow,
            deny: http.deny,
            redirects: http.redirects,
        })
        .map_err(|error| Error { message: format!("http.{}", error.message).into(), ..error })?;
        let transport = HttpOptions { ca: http.ca, proxy: http.proxy };
        let client = Client::new(&transport, &timeouts)?;
        let blocks = Blocks::default();
        let open = |dir: String| Disk::open(&dir, options.fsync, options.direct_io, blocks.clone());
        let ingest = Self {
            web: Fetcher::new(&transport, timeouts, guard)?,
            whatsapp: options.whatsapp.origin.trim_end_matches('/').to_owned(),
            s3: options.s3.map(|s3| S3::new(s3, &client, timeouts, clock)).transpose()?,
            s3_prefix: options.s3_prefix,
            directory: Directory::new(options.dir.map(open).transpose()?),
            blocks,
            sinks: options.sinks,
            types,
            max_bytes: options.max_bytes,
            probe: options.probe,
            timeouts,
        };
        if ingest.sinks.is_empty() {
            return Err(Error::new(Code::InvalidOption, "sinks: must name at least one"));
        }
        Ok(ingest)
    }

    /// A handle to the directory, to be let go of when the last job is settled.
    #[must_use]
    pub fn directory(&self) -> Directory {
        self.directory.clone()
    }
}

impl Pipeline for Ingest {
    type Job = IngestJob;
    type Value = IngestValue;

    async fn attempt(&self, job: &IngestJob, _: Grant, trace: &Arc<Trace>) -> Result<IngestValue> {
        let mut asked = 0;
        loop {
            match self.store(job, &mut asked, trace).await {
                // What an address answers may be anything: a page that says that it is wrong, the upload of another message.
                Err(error) if error.code == Code::DecryptFailed && asked < self.addresses(job) => trace.again(),
                ended => return ended,
            }
        }
    }
}

impl Ingest {
    /// Stores a medium. The first `asked` addresses it could come from are done with.
    async fn store(&self, job: &IngestJob, asked: &mut usize, trace: &Arc<Trace>) -> Result<IngestValue> {
        let opened = self.open(job, asked).await?;
        trace.opened();
        let meter = Meter::new(job.max_bytes.unwrap_or(self.max_bytes), job.expected());
        let mut intake = Intake::new(opened, meter, self.timeouts, Arc::clone(trace))?;

        let head = intake.head().await?;
        let declared = job.mime_type.as_deref().or(intake.content_type()).map(str::to_owned);
        let declared = declared.as_deref();
        let first = by_head(&head, declared, intake.len().unwrap_or_default());
        let types = if job.judged { Arc::new(self.types.anything()) } else { Arc::clone(&self.types) };
        let named = types.first(&first, declared)?;

        let aside = job.aside && first.format.is_some_and(can_be_smaller);
        let mut sinks = if aside { Sinks::aside(self)? } else { Sinks::begin(self, job, &named, intake.len())? };
        let mut look = (self.probe && !sinks.has_disk()).then(|| Look::new(declared, intake.len()));
        while let Some(piece) = intake.next().await? {
            if let Some(look) = &mut look {
                look.see(&piece);
            }
            trace.moved_out(piece.len());
            sinks.write(piece).await?;
        }

        let sums = intake.sums()?;
        let probe =
            (self.probe && look.is_none()).then(|| Probe { declared: declared.map(str::to_owned), head: head.clone() });
        let (declared, len) = (declared.map(str::to_owned), sums.bytes);
        let judge = move |seen: Option<Report>| {
            let seen = seen.or_else(|| look.map(Look::finish));
            let report = seen.unwrap_or_else(|| by_head(&head, declared.as_deref(), len));
            let named = types.last(&report, declared.as_deref())?;
            Ok((report, named))
        };
        if !aside {
            // Whoever is told to stop from here on may find it done.
            trace.sent();
        }
        let (report, named, location, aside) = sinks.finish(sums.clone(), probe, judge).await?;
        Ok(IngestValue { aside, ..value(job, sums, &report, named, location) })
    }
}

/// Images that are pictures of a camera or a screen, and not drawings, films or documents.
const fn can_be_smaller(format: Format) -> bool {
    matches!(format, Format::Jpeg | Format::Png | Format::WebP)
}
