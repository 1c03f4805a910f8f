//! How a job ended. Outcomes are values: they cross to JavaScript in batches and reject nothing.

use serde::{Serialize, Serializer};

use crate::error::{Certainty, Error, Phase};

/// How a job ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome<V> {
    /// The job's key.
    pub key: String,
    /// `succeeded` or `failed`.
    pub status: Status,
    /// What it produced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<V>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// Tries that were started and count.
    pub attempts: u32,
    /// Whether a store should count this against the job's retries.
    pub charged: bool,
    /// Tries that may have left a message behind although they failed.
    pub possible_duplicates: u32,
    /// Bytes of the source that were read in the last try.
    pub bytes: u64,
    /// Where the time went.
    pub timings: Timings,
}

/// Whether a job did what it was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It did.
    Succeeded,
    /// It did not.
    Failed,
}

/// An [`Error`] in the form outcomes carry.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Stable name.
    pub code: &'static str,
    /// What has to happen.
    pub class: &'static str,
    /// Where it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// For people.
    pub message: String,
    /// The wait that the other side asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Whether the remote side can have acted.
    pub certainty: Certainty,
    /// The chat that refused, as the job names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat_id: Option<String>,
    /// What the caller has to do before another try: `reupload`, `resolve`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<&'static str>,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Self {
            code: error.code.as_str(),
            class: error.class().as_str(),
            phase: error.phase,
            message: error.message.to_string(),
            retry_after_ms: error.retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            certainty: error.certainty,
            chat_id: None,
            needs: error.code.needs(),
        }
    }
}

/// Milliseconds per phase. Download and upload overlap: a transfer does both at once.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Timings {
    /// From submit to the start of the last try, waits between tries included.
    #[serde(serialize_with = "rounded")]
    pub queue: f64,
    /// From the start of the last try to the last byte of the source.
    #[serde(serialize_with = "rounded")]
    pub download: f64,
    /// From the opened source to the last byte handed to the connection.
    #[serde(serialize_with = "rounded")]
    pub upload: f64,
    /// From there to the answer.
    #[serde(serialize_with = "rounded")]
    pub answer: f64,
    /// From submit to the end.
    #[serde(serialize_with = "rounded")]
    pub total: f64,
}

impl Timings {
    /// The phases by name, in the order of a job.
    #[must_use]
    pub const fn phases(&self) -> [(&'static str, f64); 5] {
        [
            ("queue", self.queue),
            ("download", self.download),
            ("upload", self.upload),
            ("answer", self.answer),
            ("total", self.total),
        ]
    }
}

/// Microseconds are as fine as anybody reads.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn rounded<S: Serializer>(ms: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((ms * 1000.0).round() / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_to_the_microsecond() {
        let timings = Timings { queue: 0.123_456, download: 7.000_49, total: 1234.5, ..Timings::default() };
        let told = serde_json::to_string(&timings).unwrap();
        assert_eq!(told, r#"{"queue":0.123,"download":7.0,"upload":0.0,"answer":0.0,"total":1234.5}"#);
    }
}
