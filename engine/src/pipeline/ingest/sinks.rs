//! The places a medium is written to, all at once.

use bytes::Bytes;

use super::{
    Ingest, IngestJob, Location, SinkKind,
    disk::{Prepared as PreparedFile, Writer},
    meter::Sums,
    types::Named,
};
use crate::{
    error::{Code, Error, Phase, Result},
    media::Report,
};

/// A medium being written. Whatever it has written so far is gone when it is dropped.
pub struct Sinks {
    name: String,
    disk: Option<Writer>,
}

impl Sinks {
    /// Opens the sinks of a job. `named` is what its first bytes say.
    ///
    /// # Errors
    /// `INVALID_JOB` where the executor does not have one of them.
    pub fn begin(ingest: &Ingest, job: &IngestJob, _named: Named) -> Result<Self> {
        let wanted = job.sinks.as_deref().unwrap_or(&ingest.sinks);
        let missing = || Error::new(Code::InvalidJob, "to: the executor does not have that sink").at(Phase::Queue);
        let disk = match wanted.contains(&SinkKind::Disk) {
            true => Some(ingest.disk.as_ref().ok_or_else(missing)?.writer()),
            false => None,
        };
        Ok(Self { name: job.name.clone(), disk })
    }

    /// Whether the medium can be looked at on the disk before it gets its name.
    pub const fn has_disk(&self) -> bool {
        self.disk.is_some()
    }

    /// Appends a piece to each of them.
    ///
    /// # Errors
    /// `DISK_*`, `S3_*`.
    pub async fn write(&mut self, piece: Bytes) -> Result<()> {
        match &mut self.disk {
            Some(disk) => disk.write(piece).await,
            None => Ok(()),
        }
    }

    /// Ends the writing. Nothing can be seen yet. `probe` is the declared type, where the file is to be looked into.
    ///
    /// # Errors
    /// As [`Sinks::write`].
    pub async fn prepare(self, len: u64, probe: Option<Option<&str>>) -> Result<(Prepared, Option<Report>)> {
        let Self { name, disk } = self;
        let probe = probe.map(|declared| declared.map(str::to_owned));
        let (disk, report) = match disk {
            Some(disk) => {
                let (file, report) = disk.prepare(len, probe).await?;
                (Some(file), report)
            }
            None => (None, None),
        };
        Ok((Prepared { name, disk }, report))
    }
}

/// A medium that is complete everywhere and can be seen nowhere.
pub struct Prepared {
    name: String,
    disk: Option<PreparedFile>,
}

impl Prepared {
    /// Shows it.
    ///
    /// # Errors
    /// As [`Sinks::write`].
    pub async fn commit(self, named: &Named, sums: &Sums) -> Result<Location> {
        let mut location = Location::default();
        if let Some(disk) = self.disk {
            let path = disk.commit(self.name, named.extension.clone(), sums.clone()).await?;
            location.path = Some(path.to_string_lossy().into_owned());
        }
        Ok(location)
    }
}
