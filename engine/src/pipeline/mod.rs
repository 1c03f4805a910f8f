//! The pipelines: each file reads as the list of its steps.

mod cache;
mod campaign;
mod choose;
mod digest;
mod file;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod ingest;
mod job;
mod options;
mod prepare;
mod prewarm;
mod route;
mod send;
mod source;
mod transfer;
mod trust;
mod value;

pub use cache::{Cache, CacheOptions, CacheSnapshot};
pub use campaign::{
    Campaign, CampaignJob, CampaignOptions, CampaignTimeouts, CampaignValue, Deliver, Delivered, Generate, Generated,
    PartEvent, PartEvents, SplitBy, SplitOptions, SplitSource, WebhookOptions, part_key,
};
pub use digest::Sha256Digest;
pub use ingest::{
    Base64Decoder, Decrypter, Directory, Held, Ingest, IngestHttp, IngestJob, IngestOptions, IngestValue, Keys,
    Location, Look, MediaType, OnMismatch, Payload, SinkKind, SourceSpec, WhatsApp, WhatsAppOptions,
};
pub use job::{Given, PrewarmJob, PrewarmValue};
pub use options::{LargePhoto, OtherKind, Otherwise, Policy, PrewarmOptions};
pub use prepare::Rewritten;
pub use prewarm::Prewarm;
pub use route::{KindReason, Migrated, Reason, Route, RouteChoice};
