//! The pipelines: each file reads as the list of its steps.

mod job;
mod prewarm;
mod source;
mod transfer;

pub use job::{PrewarmJob, PrewarmValue};
pub use prewarm::{Prewarm, PrewarmOptions};
