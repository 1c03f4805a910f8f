//! What an S3 answer that is no success means. Codes: <https://developers.cloudflare.com/r2/api/error-codes/> and
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>.

use http::StatusCode;

use crate::error::{Code, Error};

/// The text between `<tag>` and `</tag>`, when both are there. Enough for S3's flat error documents, and it cannot be
/// led astray by entities, depth or size: the body was capped before.
pub(super) fn element<'a>(xml: &'a str, tag: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{tag}>"))?;
    let (text, _) = rest.split_once(&format!("</{tag}>"))?;
    Some(text.trim())
}

/// The S3 error code in a body; empty for anything that is no S3 error document.
#[must_use]
pub fn code_of(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    element(&text, "Code").unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).take(64).collect()
}

/// The status that goes with a code, for an error that comes as the body of a 200.
#[must_use]
pub fn status_of(s3_code: &str) -> StatusCode {
    match s3_code {
        "InternalError" => StatusCode::INTERNAL_SERVER_ERROR,
        "SlowDown" | "ServiceUnavailable" => StatusCode::SERVICE_UNAVAILABLE,
        "RequestTimeout" => StatusCode::REQUEST_TIMEOUT,
        "NoSuchUpload" | "NoSuchKey" | "NoSuchBucket" => StatusCode::NOT_FOUND,
        "PreconditionFailed" => StatusCode::PRECONDITION_FAILED,
        "AccessDenied" => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// Turns a refusal into an error. `unavailable` is the code of a transient failure, which differs by operation.
#[must_use]
pub fn refusal(status: StatusCode, s3_code: &str, unavailable: Code) -> Error {
    let code = match (status.as_u16(), s3_code) {
        (_, "SignatureDoesNotMatch" | "AuthorizationHeaderMalformed" | "RequestTimeTooSkewed" | "ExpiredRequest") => {
            Code::S3Signature
        }
        // A redirect that no S3 document explains is not the store's.
        (300..=399, "") => Code::S3Protocol,
        (_, "NoSuchBucket" | "InvalidAccessKeyId" | "PermanentRedirect") | (301 | 307 | 401 | 403, _) => Code::S3Access,
        (429, _) | (_, "SlowDown" | "TooManyRequests") => Code::S3Throttled,
        (404, _) => Code::SourceNotFound,
        (412, _) => Code::SourceChanged,
        (408 | 425 | 500..=599, _) | (_, "IncompleteBody" | "BadDigest" | "ClientDisconnect") => unavailable,
        (416 | 300..=399, _) => Code::S3Protocol,
        _ => Code::S3Rejected,
    };
    let hint = match code {
        Code::S3Signature => {
            "; check s3.secretAccessKey (R2_SECRET_ACCESS_KEY), s3.region and the clock of this machine"
        }
        Code::S3Access => {
            "; check s3.accessKeyId (R2_ACCESS_KEY_ID), s3.bucket (R2_BUCKET), s3.endpoint and the key's permissions"
        }
        _ => "",
    };
    let named = if s3_code.is_empty() { "no S3 error code" } else { s3_code };
    let error = Error::new(code, format!("the object store answered {} ({named}){hint}", status.as_u16()));
    if code == Code::S3Protocol && s3_code.is_empty() { error.worth(super::LOOKS) } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_in_error_documents_only() {
        assert_eq!(code_of(b"<?xml?><Error><Code>NoSuchKey</Code><Message>x</Message></Error>"), "NoSuchKey");
        assert_eq!(code_of(b"<html><body>502 Bad Gateway</body></html>"), "");
        assert_eq!(code_of(b"<Code>a<b>\r\nc</Code>"), "abc");
        assert_eq!(code_of(&[0xff, 0xfe]), "");
    }

    #[test]
    fn every_documented_refusal_has_its_class() {
        for (status, s3_code, expected) in [
            (403, "SignatureDoesNotMatch", Code::S3Signature),
            (400, "AuthorizationHeaderMalformed", Code::S3Signature),
            (403, "RequestTimeTooSkewed", Code::S3Signature),
            (403, "InvalidAccessKeyId", Code::S3Access),
            (403, "AccessDenied", Code::S3Access),
            (401, "Unauthorized", Code::S3Access),
            (301, "PermanentRedirect", Code::S3Access),
            (404, "NoSuchBucket", Code::S3Access),
            (404, "NoSuchKey", Code::SourceNotFound),
            (404, "", Code::SourceNotFound),
            (412, "PreconditionFailed", Code::SourceChanged),
            (416, "InvalidRange", Code::S3Protocol),
            (301, "", Code::S3Protocol),
            (302, "", Code::S3Protocol),
            (307, "TemporaryRedirect", Code::S3Access),
            (429, "TooManyRequests", Code::S3Throttled),
            (503, "SlowDown", Code::S3Throttled),
            (503, "ServiceUnavailable", Code::DownloadFailed),
            (500, "InternalError", Code::DownloadFailed),
            (502, "", Code::DownloadFailed),
            (400, "IncompleteBody", Code::DownloadFailed),
            (400, "InvalidArgument", Code::S3Rejected),
        ] {
            let error = refusal(StatusCode::from_u16(status).unwrap(), s3_code, Code::DownloadFailed);
            assert_eq!(error.code, expected, "{status} {s3_code}");
        }
        let looks = |status, s3_code| refusal(status, s3_code, Code::DownloadFailed).looks;
        assert!(looks(StatusCode::FOUND, "") > 0, "a page from somewhere in between");
        assert_eq!(
            (looks(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange"), looks(StatusCode::NOT_FOUND, "")),
            (0, 0)
        );
        let message = refusal(StatusCode::FORBIDDEN, "SignatureDoesNotMatch", Code::DownloadFailed).message;
        assert!(message.contains("R2_SECRET_ACCESS_KEY"), "{message}");
    }
}
