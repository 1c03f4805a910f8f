//! What an ingest produces.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::{IngestJob, disk::Leaving, job::SourceSpec, meter::Sums, types::Named};
use crate::{
    media::{Format, Report, format::Family},
    telegram::Kind,
};

/// What is known of a stored medium.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IngestValue {
    /// Of the stored bytes.
    pub sha256: String,
    /// Their number.
    pub bytes: u64,
    /// What they are.
    pub mime: String,
    /// The extension they were stored with, where that type has one.
    pub extension: String,
    /// What to prewarm them as.
    pub kind: Kind,
    /// The declared type, where the bytes contradict it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared: Option<String>,
    /// The sender's name of the file, harmless.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    /// Pixels as shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Pixels as shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<u32>,
    /// Where they are.
    pub location: Location,
    /// That the file at `location` is a temporary one: nothing is stored yet. It is removed with the last value that names it,
    /// unless [`IngestValue::handed_over`].
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "is_aside")]
    pub aside: Option<Arc<Leaving>>,
}

impl IngestValue {
    /// Whoever asked for a temporary file has it now, and removes it.
    pub fn handed_over(&self) {
        if let Some(file) = &self.aside {
            file.taken();
        }
    }
}

fn is_aside<T, S: Serializer>(_: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(true)
}

/// Where a medium was stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    /// Absolute path of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Key of the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r2_key: Option<String>,
}

/// Puts together what was found out.
pub fn value(job: &IngestJob, sums: Sums, report: &Report, named: Named, location: Location) -> IngestValue {
    let (width, height) = report.size().unzip();
    IngestValue {
        kind: kind(job, report, &named),
        sha256: sums.sha256,
        bytes: sums.bytes,
        mime: named.mime,
        extension: named.extension,
        declared: named.declared,
        file_name: job.file_name.as_deref().and_then(harmless),
        width,
        height,
        duration: report.seconds(),
        location,
        aside: None,
    }
}

/// What Telegram takes it as: what the job says, what the sender meant it to be, or what the bytes look like.
fn kind(job: &IngestJob, report: &Report, named: &Named) -> Kind {
    let meant = if let SourceSpec::Whatsapp(media) = &job.source { Some(media.media_type.kind()) } else { None };
    job.kind.or(meant).unwrap_or_else(|| match report.format {
        Some(Format::Gif) => Kind::Animation,
        Some(Format::Tgs) => Kind::Sticker,
        Some(Format::OggOpus) => Kind::Voice,
        Some(Format::Svg | Format::Lottie) | None => Kind::Document,
        Some(format) => match format.family() {
            Family::Image => Kind::Photo,
            // Sound alone in an envelope of films.
            Family::Video if named.declared.is_none() && named.mime.starts_with("audio/") => Kind::Audio,
            Family::Video => Kind::Video,
            Family::Audio => Kind::Audio,
            Family::Document | Family::Container | Family::Other => Kind::Document,
        },
    })
}

/// Longest name that is handed back, in bytes: what file systems take.
const LONGEST_NAME: usize = 255;

/// A name that can be shown and put into a header: without directories, without characters that are not seen or that turn
/// the reading direction, and not too long. `None` where nothing is left.
pub(super) fn harmless(name: &str) -> Option<String> {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
    };
    let mut clean = String::new();
    for c in name.chars().filter(|c| !hidden(*c)) {
        if clean.len() + c.len_utf8() > LONGEST_NAME {
            break;
        }
        clean.push(c);
    }
    let clean = clean.trim();
    (!clean.is_empty() && clean != "." && clean != "..").then(|| clean.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_could_do_harm() {
        for (name, expected) in [
            ("contrato final.pdf", Some("contrato final.pdf")),
            ("../../etc/passwd", Some("passwd")),
            ("C:\\a\\b.exe", Some("b.exe")),
            ("invoice\u{202e}fdp.exe", Some("invoicefdp.exe")),
            ("a\r\nSet-Cookie: b", Some("aSet-Cookie: b")),
            ("é.png", Some("é.png")),
            ("..", None),
            ("a/..", None),
            ("\u{200b}\u{feff}", None),
            ("", None),
        ] {
            assert_eq!(harmless(name).as_deref(), expected, "{name:?}");
        }
        assert_eq!(harmless(&"é".repeat(400)).unwrap().len(), 254);
    }
}
