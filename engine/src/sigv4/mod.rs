//! AWS Signature Version 4, by headers and by query, as S3 and R2 (and any other service) verify it.
//!
//! Signing is pure: the time is an argument, nothing is sent, nothing is read from the environment.

pub mod canonical;
mod date;
pub mod encode;
mod key;
mod request;

pub use date::amz_date;
use key::KeyCache;
pub use request::{EMPTY_SHA256, Payload, Request, Target, UNSIGNED_PAYLOAD, refuse_control};

use self::encode::{component, join_query, query_pairs};
use crate::{
    error::{Code, Error, Result},
    secret::Secret,
};

/// Longest life of a presigned URL, in seconds: seven days.
pub const MAX_EXPIRES: u32 = 604_800;

/// Who signs.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Public half of the key.
    pub access_key_id: String,
    /// Secret half of the key; of any length (R2's are 64 characters).
    pub secret_access_key: Secret,
    /// Token of temporary credentials.
    pub session_token: Option<Secret>,
}

/// For what is signed, and by which of the protocol's dialects.
#[derive(Clone, Debug)]
pub struct Options {
    /// Region of the scope; `auto` for R2.
    pub region: String,
    /// Service of the scope.
    pub service: String,
    /// Escape the path a second time: every service but S3.
    pub uri_escape_path: bool,
    /// Remove dot segments and empty segments first: every service but S3.
    pub normalize_path: bool,
    /// Send `x-amz-content-sha256`: S3 demands it.
    pub apply_checksum: bool,
}

impl Options {
    /// The dialect that `service` speaks.
    #[must_use]
    pub fn for_service(region: impl Into<String>, service: impl Into<String>) -> Self {
        let service = service.into();
        let s3 = service == "s3";
        Self { region: region.into(), service, uri_escape_path: !s3, normalize_path: !s3, apply_checksum: s3 }
    }
}

/// A signed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// All headers to send: lower-case names, `host` and `authorization` included.
    pub headers: Vec<(String, String)>,
    /// The value of `authorization`.
    pub authorization: String,
    /// The value of `x-amz-date`.
    pub amz_date: String,
    /// The payload hash that was signed.
    pub payload_hash: String,
}

/// The stages of a signature, to be compared line by line with what a server says it computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The canonical request.
    pub canonical_request: String,
    /// The string to sign.
    pub string_to_sign: String,
    /// The signature, lower-case hex.
    pub signature: String,
}

/// Signs requests with one credential.
pub struct Signer {
    credentials: Credentials,
    options: Options,
    keys: KeyCache,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Everything that signing by headers needs, once.
struct Prepared {
    headers: canonical::Headers,
    explanation: Explanation,
    amz_date: String,
    scope: String,
    payload_hash: String,
}

impl Signer {
    /// A signer for one credential.
    ///
    /// # Errors
    /// `INVALID_OPTION` when a text is empty where it must not be, or holds control characters or a `/`.
    pub fn new(credentials: Credentials, options: Options) -> Result<Self> {
        let invalid = |name: &str, why: &str| Error::new(Code::InvalidOption, format!("{name}: {why}"));
        for (name, text) in [
            ("accessKeyId", credentials.access_key_id.as_str()),
            ("region", &options.region),
            ("service", &options.service),
        ] {
            if text.is_empty() || text.contains('/') || !text.bytes().all(|b| b.is_ascii_graphic()) {
                return Err(invalid(name, "must be printable ASCII without spaces and '/', and not empty"));
            }
        }
        if credentials.secret_access_key.is_empty() {
            return Err(invalid("secretAccessKey", "must not be empty"));
        }
        if let Some(token) = &credentials.session_token
            && !token.reveal().bytes().all(|b| b.is_ascii_graphic())
        {
            return Err(invalid("sessionToken", "must be printable ASCII without spaces"));
        }
        Ok(Self { credentials, options, keys: KeyCache::default() })
    }

    /// Signs by headers.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when a part of the request cannot be signed.
    pub fn sign(&self, request: &Request<'_>) -> Result<Signed> {
        let prepared = self.prepare(request)?;
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}",
            self.credentials.access_key_id,
            prepared.scope,
            canonical::signed_headers(&prepared.headers),
            prepared.explanation.signature,
        );
        let mut headers: Vec<_> = prepared.headers.into_iter().collect();
        headers.push(("authorization".to_owned(), authorization.clone()));
        Ok(Signed { headers, authorization, amz_date: prepared.amz_date, payload_hash: prepared.payload_hash })
    }

    /// The stages of [`Signer::sign`].
    ///
    /// # Errors
    /// As [`Signer::sign`].
    pub fn explain(&self, request: &Request<'_>) -> Result<Explanation> {
        Ok(self.prepare(request)?.explanation)
    }

    /// A URL that carries its own signature. Every header given is signed and must be sent exactly so.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when `expires_in` is not 1…604800 seconds, or a part of the request cannot be signed.
    pub fn presign(&self, request: &Request<'_>, expires_in: u32) -> Result<String> {
        if !(1..=MAX_EXPIRES).contains(&expires_in) {
            return Err(Error::new(Code::InvalidArgument, "expiresIn: must be 1 to 604800 seconds"));
        }
        let target = request.target;
        let amz_date = amz_date(request.epoch_ms);
        let scope = canonical::scope(&amz_date, &self.options);
        let mut headers = Self::common_headers(request)?;
        headers.retain(|name, _| name != "authorization" && name != "x-amz-security-token");
        let payload_hash = self.payload_hash(request, &mut headers, true);

        let mut pairs = query_pairs(&target.query);
        pairs.retain(|(name, _)| !is_signature_parameter(name));
        let credential = format!("{}/{scope}", self.credentials.access_key_id);
        let signed = canonical::signed_headers(&headers);
        let expires = expires_in.to_string();
        let token = self.credentials.session_token.as_ref().map(Secret::reveal);
        for (name, value) in [
            ("X-Amz-Algorithm", Some("AWS4-HMAC-SHA256")),
            ("X-Amz-Credential", Some(credential.as_str())),
            ("X-Amz-Date", Some(amz_date.as_str())),
            ("X-Amz-Expires", Some(expires.as_str())),
            ("X-Amz-SignedHeaders", Some(signed.as_str())),
            ("X-Amz-Security-Token", token),
        ] {
            if let Some(value) = value {
                pairs.push((name.to_owned(), component(value).into_owned()));
            }
        }
        let query = join_query(pairs);
        let path = canonical::path(&target.path, &self.options);
        let canonical_request =
            canonical::request(&request.method.to_ascii_uppercase(), &path, &query, &headers, &payload_hash);
        let signature = self.signature(&amz_date, &canonical::string_to_sign(&amz_date, &scope, &canonical_request));
        Ok(format!("{}{}?{query}&X-Amz-Signature={signature}", target.origin(), target.path))
    }

    fn prepare(&self, request: &Request<'_>) -> Result<Prepared> {
        let amz_date = amz_date(request.epoch_ms);
        let scope = canonical::scope(&amz_date, &self.options);
        let mut headers = Self::common_headers(request)?;
        headers.remove("authorization");
        headers.insert("x-amz-date".to_owned(), amz_date.clone());
        if let Some(token) = &self.credentials.session_token {
            headers.insert("x-amz-security-token".to_owned(), token.reveal().to_owned());
        }
        let payload_hash = self.payload_hash(request, &mut headers, false);
        let canonical_request = canonical::request(
            &request.method.to_ascii_uppercase(),
            &canonical::path(&request.target.path, &self.options),
            &join_query(query_pairs(&request.target.query)),
            &headers,
            &payload_hash,
        );
        let string_to_sign = canonical::string_to_sign(&amz_date, &scope, &canonical_request);
        let signature = self.signature(&amz_date, &string_to_sign);
        let explanation = Explanation { canonical_request, string_to_sign, signature };
        Ok(Prepared { headers, explanation, amz_date, scope, payload_hash })
    }

    /// The caller's headers, checked, with `host`, and without a date of the caller's own: the `date` argument rules.
    fn common_headers(request: &Request<'_>) -> Result<canonical::Headers> {
        let Target { scheme, host, path, query } = request.target;
        for (field, text) in [("scheme", scheme), ("host", host), ("path", path), ("query", query)] {
            refuse_control(&format!("url.{field}"), text)?;
        }
        if request.method.is_empty() || !request.method.bytes().all(|b| b.is_ascii_alphabetic()) {
            return Err(Error::new(Code::InvalidArgument, "method: must be letters"));
        }
        if let Payload::Hash(text) = &request.payload
            && (text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()))
        {
            return Err(Error::new(Code::InvalidArgument, "payloadHash: must be printable ASCII"));
        }
        let mut headers = canonical::headers(request.headers)?;
        headers.remove("x-amz-date");
        headers.entry("host".to_owned()).or_insert_with(|| host.clone());
        Ok(headers)
    }

    /// The payload hash; puts (or keeps) `x-amz-content-sha256` where the service wants it as a header.
    fn payload_hash(&self, request: &Request<'_>, headers: &mut canonical::Headers, presign: bool) -> String {
        let given = headers.get("x-amz-content-sha256").cloned();
        let default = if presign && self.options.service == "s3" { UNSIGNED_PAYLOAD } else { EMPTY_SHA256 };
        let hash = match (&request.payload, given) {
            (Payload::Default, Some(given)) => given,
            (payload, _) => payload.hash(default),
        };
        if (self.options.apply_checksum && !presign) || headers.contains_key("x-amz-content-sha256") {
            headers.insert("x-amz-content-sha256".to_owned(), hash.clone());
        }
        hash
    }

    fn signature(&self, amz_date: &str, string_to_sign: &str) -> String {
        let Options { region, service, .. } = &self.options;
        let day = canonical::day(amz_date);
        self.keys.sign(&self.credentials.secret_access_key, day, region, service, string_to_sign)
    }
}

/// Parameters of an earlier signature: signing them again would make a URL with two.
fn is_signature_parameter(encoded_name: &str) -> bool {
    ["Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Security-Token", "Signature"]
        .iter()
        .any(|parameter| encoded_name.strip_prefix("X-Amz-").is_some_and(|rest| rest.eq_ignore_ascii_case(parameter)))
}

#[cfg(test)]
mod tests;
