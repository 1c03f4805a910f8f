//! Where the bucket is and who may read it, as it comes through the door.

use serde::Deserialize;

use crate::secret::Secret;

/// One bucket of an S3-compatible store.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct S3Options {
    /// `https://ACCOUNT.r2.cloudflarestorage.com`, without the bucket.
    pub endpoint: String,
    /// Bucket name.
    pub bucket: String,
    /// Public half of the key.
    pub access_key_id: String,
    /// Secret half of the key.
    pub secret_access_key: Secret,
    /// Token of temporary credentials.
    #[serde(default)]
    pub session_token: Option<Secret>,
    /// Region of the signature; `auto` for R2.
    #[serde(default = "auto")]
    pub region: String,
    /// `https://BUCKET.host/key` instead of `https://host/BUCKET/key`.
    #[serde(default)]
    pub virtual_host: bool,
}

fn auto() -> String {
    "auto".to_owned()
}
