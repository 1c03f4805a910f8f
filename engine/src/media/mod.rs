//! What a content type says about a file.

/// The usual extension of a content type, for a file that has no name of its own. Parameters are ignored.
#[must_use]
pub fn extension(content_type: &str) -> Option<&'static str> {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    Some(match essence.as_str() {
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/webp" => "webp",
        "image/gif" => "gif",
        "video/mp4" => "mp4",
        "video/quicktime" => "mov",
        "video/webm" => "webm",
        "audio/mpeg" => "mp3",
        "audio/ogg" | "audio/opus" => "ogg",
        "audio/mp4" | "audio/x-m4a" => "m4a",
        "audio/wav" | "audio/x-wav" => "wav",
        "application/pdf" => "pdf",
        "application/zip" => "zip",
        _ => return None,
    })
}

/// Whether a content type says anything: stores fill in the generic ones by themselves.
#[must_use]
pub fn is_specific(content_type: &str) -> bool {
    !matches!(
        content_type,
        "" | "application/octet-stream" | "binary/octet-stream" | "application/x-www-form-urlencoded"
    ) && content_type.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_extensions() {
        assert_eq!(extension("Image/JPEG; charset=x"), Some("jpg"));
        assert_eq!(extension("application/x-thing"), None);
        assert!(is_specific("image/png"));
        assert!(!is_specific("binary/octet-stream"));
        assert!(!is_specific("a\r\nb"));
    }
}
