//! Settings of an ingest executor, as they come through the door.

use serde::Deserialize;

use crate::{
    executor::{ExecutorOptions, RetryOptions},
    http::Timeouts,
    s3::S3Options,
};

/// Everything an ingest executor is made of.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IngestOptions {
    /// Directory of the disk sink.
    #[serde(default)]
    pub dir: Option<String>,
    /// Bucket of `r2Key` sources and of the S3 sink.
    #[serde(default)]
    pub s3: Option<S3Options>,
    /// In front of generated names in the bucket.
    #[serde(default)]
    pub s3_prefix: String,
    /// Where a job goes that names no sinks.
    pub sinks: Vec<SinkKind>,
    /// Jobs that run at once; 1 to 4,096.
    pub concurrency: usize,
    /// Jobs that wait; at least 1.
    pub capacity: usize,
    /// Most bytes of a medium, where its job says nothing.
    pub max_bytes: u64,
    /// What becomes of a medium that is not what was declared.
    #[serde(default)]
    pub on_mismatch: OnMismatch,
    /// Types that are stored; all when absent.
    #[serde(default)]
    pub accept: Option<Vec<String>>,
    /// Find out geometry and duration.
    pub probe: bool,
    /// Wait for the disk before a job succeeds.
    pub fsync: bool,
    /// Write large files past the page cache.
    pub direct_io: bool,
    /// Quick retries.
    #[serde(default)]
    pub retry: RetryOptions,
    /// Deadlines.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// Transport, and where URLs may lead.
    #[serde(default)]
    pub http: IngestHttp,
    /// WhatsApp's servers.
    pub whatsapp: WhatsAppOptions,
}

impl IngestOptions {
    /// What the executor needs of them. Nothing is sent to chats, so nothing is paced.
    #[must_use]
    pub const fn executor(&self) -> ExecutorOptions {
        ExecutorOptions { concurrency: self.concurrency, capacity: self.capacity, retry: self.retry, limits: None }
    }
}

/// A place where media are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SinkKind {
    /// A directory.
    Disk,
    /// A bucket.
    S3,
}

/// What becomes of a medium whose bytes contradict the declared type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnMismatch {
    /// It is stored as what it is.
    #[default]
    Refine,
    /// It is stored as what was declared.
    Keep,
    /// The job fails.
    Fail,
}

/// How connections are made, and where the URLs of strangers may lead.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct IngestHttp {
    /// PEM certificates trusted beside the system's.
    pub ca: Option<String>,
    /// URL of an HTTP proxy that every connection tunnels through.
    pub proxy: Option<String>,
    /// Hosts, addresses and networks that are allowed although they are special.
    pub allow: Vec<String>,
    /// Addresses and networks that are refused although they are public.
    pub deny: Vec<String>,
    /// Ports beside the usual ones.
    pub ports: Vec<u16>,
    /// Whether `http://` will do.
    pub plain: bool,
    /// Redirects that are followed.
    pub redirects: u8,
}

/// WhatsApp's servers.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WhatsAppOptions {
    /// Where the `directPath` of a message points to.
    pub origin: String,
}
