//! Signature Version 4, synchronously.

use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;
use serde::Deserialize;
use serde_json::json;
use warmpath_engine::{
    clock::{Clock, SystemClock},
    error::Code,
    secret::Secret,
    sigv4::{Credentials, Options, Payload, Request, Signer, Target},
};

use crate::errors::{Result, exception, parse};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SignerOptions {
    access_key_id: String,
    secret_access_key: Secret,
    #[serde(default)]
    session_token: Option<Secret>,
    region: String,
    service: String,
    uri_escape_path: bool,
    normalize_path: bool,
    apply_checksum: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SignRequest {
    method: String,
    url: Url,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    payload_hash: Option<String>,
    #[serde(default)]
    epoch_ms: Option<u64>,
    #[serde(default)]
    expires_in: Option<u32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Url {
    Text(String),
    Parts {
        scheme: String,
        host: String,
        path: String,
        #[serde(default)]
        query: String,
    },
}

impl SignRequest {
    fn target(&mut self) -> Result<Target> {
        match std::mem::replace(&mut self.url, Url::Text(String::new())) {
            Url::Text(text) => Target::parse(&text).map_err(exception),
            Url::Parts { scheme, host, path, query } => Ok(Target { scheme, host, path, query }),
        }
    }
}

#[napi]
pub struct NativeSigner(Signer);

#[napi]
impl NativeSigner {
    #[napi(constructor, catch_unwind)]
    pub fn new(options: String) -> Result<Self> {
        let options: SignerOptions = parse(options, Code::InvalidOption)?;
        let credentials = Credentials {
            access_key_id: options.access_key_id,
            secret_access_key: options.secret_access_key,
            session_token: options.session_token,
        };
        let options = Options {
            region: options.region,
            service: options.service,
            uri_escape_path: options.uri_escape_path,
            normalize_path: options.normalize_path,
            apply_checksum: options.apply_checksum,
        };
        Signer::new(credentials, options).map(Self).map_err(exception)
    }

    #[napi(catch_unwind)]
    pub fn sign(&self, request: String, body: Option<Uint8Array>) -> Result<String> {
        with_request(request, body.as_deref(), |request, _| {
            let signed = self.0.sign(request).map_err(exception)?;
            let headers: serde_json::Map<_, _> =
                signed.headers.into_iter().map(|(name, value)| (name, value.into())).collect();
            Ok(json!({
                "headers": headers,
                "authorization": signed.authorization,
                "amzDate": signed.amz_date,
                "payloadHash": signed.payload_hash,
            })
            .to_string())
        })
    }

    #[napi(catch_unwind)]
    pub fn presign(&self, request: String, body: Option<Uint8Array>) -> Result<String> {
        with_request(request, body.as_deref(), |request, expires_in| {
            self.0.presign(request, expires_in).map_err(exception)
        })
    }

    #[napi(catch_unwind)]
    pub fn explain(&self, request: String, body: Option<Uint8Array>) -> Result<String> {
        with_request(request, body.as_deref(), |request, _| {
            let stages = self.0.explain(request).map_err(exception)?;
            Ok(json!({
                "canonicalRequest": stages.canonical_request,
                "stringToSign": stages.string_to_sign,
                "signature": stages.signature,
            })
            .to_string())
        })
    }
}

/// Default life of a presigned URL, in seconds.
const DEFAULT_EXPIRES: u32 = 900;

fn with_request(
    text: String,
    body: Option<&[u8]>,
    work: impl FnOnce(&Request<'_>, u32) -> Result<String>,
) -> Result<String> {
    let mut given: SignRequest = parse(text, Code::InvalidArgument)?;
    let target = given.target()?;
    let request = Request {
        method: &given.method,
        target: &target,
        headers: &given.headers,
        payload: match (&given.payload_hash, body) {
            (Some(hash), _) => Payload::Hash(hash),
            (None, Some(bytes)) => Payload::Bytes(bytes),
            (None, None) => Payload::Default,
        },
        epoch_ms: given.epoch_ms.unwrap_or_else(|| SystemClock.wall_ms()),
    };
    work(&request, given.expires_in.unwrap_or(DEFAULT_EXPIRES))
}
