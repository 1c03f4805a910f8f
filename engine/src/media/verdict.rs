//! What a file is, held against what was said about it.

use super::{
    format::{Family, Format},
    types::{essence, is_specific},
};

/// How the declared content type and the first bytes go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// They say the same, in one of its names.
    Agree,
    /// The bytes say more: nothing, something generic or a wider type was declared.
    Refine,
    /// The bytes are something else.
    Contradict,
    /// The bytes say nothing; the declared type, if any, stands.
    Unknown,
}

/// Compares. An envelope (ZIP, compound file, XML, gzip) agrees with every type that is built on it: its first bytes may
/// not say more although the declared type is right.
#[must_use]
pub fn verdict(declared: Option<&str>, found: Option<Format>) -> Verdict {
    let Some(found) = found else { return Verdict::Unknown };
    let Some(declared) = usable(declared) else { return Verdict::Refine };
    if declared == found.mime() || found.aliases().contains(&declared.as_str()) || is_inside(&declared, found) {
        // An alias that is also the name of an envelope says less than was found.
        return if is_wider(&declared, found) { Verdict::Refine } else { Verdict::Agree };
    }
    if is_wider(&declared, found) { Verdict::Refine } else { Verdict::Contradict }
}

/// The content type to send: the declared one where it agrees and says at least as much, else the one found, else
/// `application/octet-stream`.
#[must_use]
pub fn effective(declared: Option<&str>, found: Option<Format>) -> String {
    match (verdict(declared, found), found, usable(declared)) {
        (Verdict::Agree, Some(format), Some(declared))
            if format.family() == Family::Container || is_sound(&declared, format) =>
        {
            declared
        }
        (_, Some(format), _) => format.mime().to_owned(),
        (_, None, Some(declared)) => declared,
        (_, None, None) => "application/octet-stream".to_owned(),
    }
}

/// Whether `declared` says of an envelope of films that there is sound alone in it, which its first bytes do not.
fn is_sound(declared: &str, found: Format) -> bool {
    found.family() == Family::Video && declared.starts_with("audio/")
}

/// The declared type without its parameters, where it says something and is fit to be sent on in a header.
fn usable(declared: Option<&str>) -> Option<String> {
    let declared = essence(declared?);
    let (kind, subtype) = declared.split_once('/')?;
    let is_token = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+*".contains(&b));
    (is_specific(&declared) && !kind.is_empty() && is_token(kind) && is_token(subtype)).then_some(declared)
}

/// Whether `declared` is a type whose files are envelopes of the format found.
fn is_inside(declared: &str, found: Format) -> bool {
    match found {
        Format::Zip => {
            declared.starts_with("application/vnd.openxmlformats-officedocument.")
                || declared.starts_with("application/vnd.oasis.opendocument.")
                || declared.starts_with("application/vnd.ms-")
                || declared.ends_with("+zip")
                || matches!(declared, "application/java-archive" | "application/vnd.android.package-archive")
        }
        Format::Ole => declared.starts_with("application/vnd.ms-") || declared == "application/msword",
        Format::Gzip => declared == "application/x-tgsticker" || declared.ends_with("+gzip"),
        Format::Xml => declared.ends_with("+xml"),
        _ => false,
    }
}

/// Whether `declared` is true of the format found but says less.
fn is_wider(declared: &str, found: Format) -> bool {
    match declared {
        "application/zip" | "application/x-zip-compressed" => {
            matches!(
                found,
                Format::Docx | Format::Xlsx | Format::Pptx | Format::Odt | Format::Ods | Format::Odp | Format::Epub
            )
        }
        "application/gzip" | "application/x-gzip" => found == Format::Tgs,
        "application/x-ole-storage" => matches!(found, Format::Doc | Format::Xls | Format::Ppt),
        "application/xml" | "text/xml" => matches!(found, Format::Svg | Format::Html),
        "application/ogg" => matches!(found, Format::Ogg | Format::OggOpus | Format::OggVorbis | Format::OggVideo),
        "application/mp4" => found.is_iso_media(),
        // The demultiplexer of every player is the same, and servers name QuickTime files video/mp4 all the time.
        "video/mp4" => matches!(found, Format::Mov | Format::M4a | Format::ThreeGp),
        "video/quicktime" => matches!(found, Format::Mp4 | Format::M4a),
        "text/plain" => matches!(found, Format::Html | Format::Xml | Format::Svg | Format::Lottie),
        "image/*" => found.family() == Family::Image,
        "video/*" => found.family() == Family::Video,
        "audio/*" => found.family() == Family::Audio,
        "*/*" => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_against_what_is() {
        for (declared, found, expected, sent) in [
            (None, Some(Format::Png), Verdict::Refine, "image/png"),
            (Some("binary/octet-stream"), Some(Format::Png), Verdict::Refine, "image/png"),
            (Some("Image/JPG; q=1"), Some(Format::Jpeg), Verdict::Agree, "image/jpeg"),
            (Some("image/jpeg"), Some(Format::Png), Verdict::Contradict, "image/png"),
            (Some("audio/webm; codecs=opus"), Some(Format::WebM), Verdict::Agree, "audio/webm"),
            (Some("video/webm"), Some(Format::WebM), Verdict::Agree, "video/webm"),
            (Some("audio/x-matroska"), Some(Format::Matroska), Verdict::Agree, "audio/x-matroska"),
            (Some("audio/mpeg"), Some(Format::WebM), Verdict::Contradict, "video/webm"),
            (Some("image/png"), Some(Format::Html), Verdict::Contradict, "text/html"),
            (Some("image/png"), None, Verdict::Unknown, "image/png"),
            (None, None, Verdict::Unknown, "application/octet-stream"),
            (Some("a/\r\nb"), None, Verdict::Unknown, "application/octet-stream"),
            (Some(";;;"), None, Verdict::Unknown, "application/octet-stream"),
            (Some("APPLICATION/Octet-Stream"), None, Verdict::Unknown, "application/octet-stream"),
            (Some("image/png\" x"), None, Verdict::Unknown, "application/octet-stream"),
            (Some("audio/opus"), Some(Format::OggOpus), Verdict::Agree, "audio/ogg"),
            (Some("application/ogg"), Some(Format::OggOpus), Verdict::Refine, "audio/ogg"),
            (Some("video/mp4"), Some(Format::Mov), Verdict::Refine, "video/quicktime"),
            (Some("video/mp4"), Some(Format::M4a), Verdict::Refine, "audio/mp4"),
            (Some("audio/ogg; codecs=opus"), Some(Format::OggOpus), Verdict::Agree, "audio/ogg"),
            (Some("application/msword"), Some(Format::Ole), Verdict::Agree, "application/msword"),
            (Some("application/msword"), Some(Format::Xls), Verdict::Contradict, "application/vnd.ms-excel"),
            (Some("application/zip"), Some(Format::Docx), Verdict::Refine, Format::Docx.mime()),
            (Some(Format::Docx.mime()), Some(Format::Zip), Verdict::Agree, Format::Docx.mime()),
            (Some("application/x-tgsticker"), Some(Format::Tgs), Verdict::Agree, "application/x-tgsticker"),
            (Some("application/gzip"), Some(Format::Tgs), Verdict::Refine, "application/x-tgsticker"),
            (Some("video/*"), Some(Format::WebM), Verdict::Refine, "video/webm"),
        ] {
            assert_eq!(verdict(declared, found), expected, "{declared:?} {found:?}");
            assert_eq!(effective(declared, found), sent, "{declared:?} {found:?}");
        }
    }
}
