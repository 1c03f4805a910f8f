//! The places a medium is written to, all at once.

use std::{path::Path, sync::Arc};

use bytes::Bytes;

use super::{
    Ingest, IngestJob, Location, SinkKind,
    disk::{Leaving, Writer},
    look::Probe,
    meter::Sums,
    types::Named,
};
use crate::{
    error::{Code, Error, Phase, Result},
    media::Report,
    s3::{Upload, UploadOptions},
};

/// An object up to this size is written in one request, which carries its hash.
const ONE_REQUEST: u64 = 5 << 20;

/// A medium being written. Whatever it has written so far is gone when it is dropped.
pub struct Sinks {
    name: String,
    disk: Option<Writer>,
    object: Option<Object>,
    aside: bool,
}

/// An object being written.
struct Object {
    key: String,
    /// What the key is generated from, but for its extension.
    stem: Option<String>,
    upload: Upload,
}

impl Sinks {
    /// Opens the sinks of a job. `named` is what its first bytes say, `len` its length where that is known.
    ///
    /// # Errors
    /// `INVALID_JOB` where the executor does not have one of them.
    pub fn begin(ingest: &Ingest, job: &IngestJob, named: &Named, len: Option<u64>) -> Result<Self> {
        let wanted = job.sinks.as_deref().unwrap_or(&ingest.sinks);
        let missing = || Error::new(Code::InvalidJob, "to: the executor does not have that sink").at(Phase::Queue);
        let (mut disk, mut object) = (None, None);
        if wanted.contains(&SinkKind::Disk) {
            disk = Some(ingest.directory.get().ok_or_else(missing)?.writer());
        }
        if wanted.contains(&SinkKind::S3) {
            let s3 = ingest.s3.as_ref().ok_or_else(missing)?;
            let stem = job.r2_key.is_none().then(|| format!("{}{}", ingest.s3_prefix, job.name));
            let key = key_of(job.r2_key.as_deref().unwrap_or_default(), stem.as_deref(), named);
            let sha256 = job.expected().next();
            // A generated key never replaces an object, where a repeated job can be told from another medium: by a hash that is
            // known before the first byte is sent. A key that the job names is the caller's to use twice.
            let told_apart = sha256.is_some() || len.is_some_and(|len| len <= ONE_REQUEST);
            let options = UploadOptions {
                content_type: Some(named.mime.clone()),
                if_absent: job.r2_key.is_none() && told_apart,
                sha256,
                len,
                ..UploadOptions::default()
            };
            object = Some(Object { upload: s3.upload(&key, options)?, key, stem });
        }
        Ok(Self { name: job.name.clone(), disk, object, aside: false })
    }

    /// A temporary file in the place of the sinks of a job.
    ///
    /// # Errors
    /// `INVALID_JOB` where the executor has no directory.
    pub fn aside(ingest: &Ingest) -> Result<Self> {
        let missing = || Error::new(Code::InvalidJob, "aside: the executor has no directory").at(Phase::Queue);
        let disk = Some(ingest.directory.get().ok_or_else(missing)?.aside());
        Ok(Self { name: String::new(), disk, object: None, aside: true })
    }

    /// Whether the medium can be looked at on the disk before it gets its name.
    pub const fn has_disk(&self) -> bool {
        self.disk.is_some()
    }

    /// Appends a piece to each of them; the slowest says when the next one may come.
    ///
    /// # Errors
    /// `DISK_*`, `S3_*`.
    pub async fn write(&mut self, piece: Bytes) -> Result<()> {
        match (&mut self.disk, &mut self.object) {
            (Some(disk), None) => disk.write(piece).await,
            (None, Some(object)) => object.upload.write(&piece).await,
            (Some(disk), Some(object)) => {
                tokio::try_join!(disk.write(piece.clone()), object.upload.write(&piece)).map(|_| ())
            }
            (None, None) => Ok(()),
        }
    }

    /// Ends the writing, and shows the medium once `judge` has named it. With `probe` the file is looked into, where there is
    /// one, and `judge` told what it is.
    ///
    /// The object comes first, because there more can go wrong. One whose file then fails stays, and is found by the next try. One of
    /// several parts has the key and the type that its first bytes gave it: they stand in its first request.
    ///
    /// # Errors
    /// As [`Sinks::write`]; those of `judge`.
    pub async fn finish(
        self,
        sums: Sums,
        probe: Option<Probe>,
        judge: impl FnOnce(Option<Report>) -> Result<(Report, Named)> + Send + 'static,
    ) -> Result<(Report, Named, Location, Option<Arc<Leaving>>)> {
        let Self { name, disk, object, aside } = self;
        let path = |path: &Path| Some(path.to_string_lossy().into_owned());
        let Some(Object { mut key, stem, mut upload }) = object else {
            let Some(disk) = disk else { return Err(Error::new(Code::Internal, "a medium without a sink")) };
            if aside {
                let (kept, (report, named)) = disk.keep(sums.bytes, probe, judge).await?;
                let location = Location { path: path(kept.path()), r2_key: None };
                return Ok((report, named, location, Some(Arc::new(kept))));
            }
            let named =
                move |report| judge(report).map(|(report, named)| (name, named.extension.clone(), (report, named)));
            let (stored, (report, named)) = disk.store(sums, probe, named).await?;
            return Ok((report, named, Location { path: path(&stored), r2_key: None }, None));
        };
        let (file, report) = match disk {
            Some(disk) => disk.prepare(sums.bytes, probe).await.map(|(file, report)| (Some(file), report))?,
            None => (None, None),
        };
        let (report, named) = judge(report)?;
        let last = key_of(&key, stem.as_deref(), &named);
        if upload.rename(&last, &named.mime) {
            key = last;
        }
        let at_end = |error: Error| error.at(Phase::Upload);
        upload.finish().await.map_err(at_end)?;
        let mut location = Location { path: None, r2_key: Some(key) };
        if let Some(file) = file {
            location.path = path(&file.commit(name, named.extension.clone(), sums).await?);
        }
        Ok((report, named, location, None))
    }
}

/// The key of an object: the one it has, or one made of a stem.
fn key_of(key: &str, stem: Option<&str>, named: &Named) -> String {
    stem.map_or_else(|| key.to_owned(), |stem| format!("{stem}.{}", named.extension))
}
