//! What a failed file operation means for the job.

use std::io::{self, ErrorKind};

use crate::error::{Code, Error, Phase};

/// The error of a job whose file could not be written.
pub fn unwritten(error: &io::Error) -> Error {
    let code = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Code::DiskFull,
        _ => Code::DiskFailed,
    };
    Error::quoting(code, "the file could not be written", error.kind()).at(Phase::Upload)
}
