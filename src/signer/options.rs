//! Options and credentials, as they come through the door: JSON that holds secrets.

use serde::Deserialize;
use warmpath_engine::{
    error::{Code, Error, Result},
    secret::Secret,
    sigv4::Credentials,
};
use zeroize::Zeroizing;

use crate::door::{Arguments, Text};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GivenCredentials {
    access_key_id: String,
    secret_access_key: Secret,
    #[serde(default)]
    session_token: Option<Secret>,
}

impl From<GivenCredentials> for Credentials {
    fn from(given: GivenCredentials) -> Self {
        let GivenCredentials { access_key_id, secret_access_key, session_token } = given;
        Self { access_key_id, secret_access_key, session_token }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GivenOptions {
    pub credentials: GivenCredentials,
    pub region: String,
    pub service: String,
    pub uri_escape_path: bool,
    pub normalize_path: bool,
    pub apply_checksum: bool,
}

/// Parses JSON text that holds secrets, and zeroes it.
pub fn parse<T: serde::de::DeserializeOwned>(arguments: &Arguments<'_>, index: usize) -> Result<T> {
    let mut room = Text::new();
    let text = Zeroizing::new(arguments.text(index, "options", &mut room)?.to_owned());
    room.zeroize();
    // The face has checked every field; what serde would quote here may be a secret.
    serde_json::from_str(&text).map_err(|_| Error::new(Code::InvalidOption, "options: a field has a wrong type"))
}
