//! What a content type says about a file.

use super::format::Format;

/// The usual extension of a content type, for a file that has no name of its own. Parameters are ignored.
#[must_use]
pub fn extension(content_type: &str) -> Option<&'static str> {
    let essence = essence(content_type);
    let named = Format::ALL.iter().find(|format| format.mime() == essence);
    let known = named.or_else(|| Format::ALL.iter().find(|format| format.aliases().contains(&essence.as_str())));
    known.map(|format| format.extension())
}

/// Whether a content type says anything: stores fill in the generic ones by themselves.
#[must_use]
pub fn is_specific(content_type: &str) -> bool {
    !matches!(
        content_type,
        "" | "application/octet-stream" | "binary/octet-stream" | "application/x-www-form-urlencoded"
    ) && content_type.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
}

/// The type without its parameters, in lower case: `Image/JPEG; q=1` is `image/jpeg`.
pub(super) fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_extensions() {
        assert_eq!(extension("Image/JPEG; charset=x"), Some("jpg"));
        assert_eq!(extension("application/octet-stream"), None);
        for (content_type, expected) in [
            ("video/mp4", "mp4"),
            ("audio/mp4", "m4a"),
            ("audio/x-m4a", "m4a"),
            ("audio/opus", "ogg"),
            ("audio/x-wav", "wav"),
            ("video/webm", "webm"),
            ("application/gzip", "gz"),
        ] {
            assert_eq!(extension(content_type), Some(expected), "{content_type}");
        }
        assert!(is_specific("image/png"));
        assert!(!is_specific("binary/octet-stream"));
        assert!(!is_specific("a\r\nb"));
    }
}
