//! What crosses the door as JSON; and the targets of the pipelines.

use serde::de::DeserializeOwned;

use super::{CampaignJob, CampaignOptions, IngestJob, IngestOptions, PrewarmJob, PrewarmOptions};
pub use super::{
    campaign::fuzz::webhook,
    ingest::fuzz::{base64, decrypt, look, naming},
};
use crate::{
    error::{Code, Result},
    executor::Job,
};

/// Options and jobs in the form in which they cross from JavaScript, behind a line that names them: refused, or checked.
pub fn door(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let (what, json) = text.split_once('\n').unwrap_or(("", text));
    match what {
        "prewarm" => drop(serde_json::from_str::<PrewarmOptions>(json).map(|given| (given.executor(), given.policy()))),
        "ingest" => drop(serde_json::from_str::<IngestOptions>(json).map(|given| given.executor())),
        "campaign" => drop(serde_json::from_str::<CampaignOptions>(json)),
        "ingest-jobs" => jobs(json, IngestJob::validate),
        "campaign-jobs" => jobs(json, CampaignJob::validate),
        _ => jobs(json, PrewarmJob::validate),
    }
}

/// What passes the check has what the executor goes by.
fn jobs<J: Job + DeserializeOwned>(json: &str, validate: impl Fn(&J) -> Result<()>) {
    let Ok(jobs) = serde_json::from_str::<Vec<J>>(json) else { return };
    for job in &jobs {
        match validate(job) {
            Ok(()) => {
                assert!(!job.key().is_empty());
                let _ = (job.priority(), job.scope(), job.chats(), job.size(), job.lease());
            }
            Err(error) => assert_eq!(error.code, Code::InvalidJob),
        }
    }
}
