//! What a medium is stored as: its type, its extension, and whether it is welcome.

use super::{OnMismatch, options::IngestOptions};
use crate::{
    error::{Code, Error, Phase, Result},
    media::{
        Format, Report, Verdict,
        report::Details,
        sniff::sniff,
        verdict::{effective, verdict},
    },
};

/// What is said of a file of which nothing is known.
const NOTHING: &str = "application/octet-stream";

/// Types whose bytes say nothing, by which people send notes, tables and business cards.
const PLAIN: [(&str, &str); 7] = [
    ("application/json", "json"),
    ("application/rtf", "rtf"),
    ("text/calendar", "ics"),
    ("text/csv", "csv"),
    ("text/markdown", "md"),
    ("text/plain", "txt"),
    ("text/vcard", "vcf"),
];

/// Which types are stored, and as what.
#[derive(Clone, Debug)]
pub struct Types {
    on_mismatch: OnMismatch,
    accept: Option<Vec<String>>,
}

/// The type a medium is stored as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Content type.
    pub mime: String,
    /// Its extension, without a dot.
    pub extension: String,
    /// The declared type, where the bytes contradict it.
    pub declared: Option<String>,
}

impl Types {
    /// The policy of an executor.
    pub fn new(options: &IngestOptions) -> Self {
        Self { on_mismatch: options.on_mismatch, accept: options.accept.clone() }
    }

    /// The policy for what was welcome already, and has been made into something else since.
    pub fn anything(&self) -> Self {
        Self { accept: None, ..*self }
    }

    /// Judges a medium by its first bytes, before the rest is read, and names it for now. What its boxes have to say about a file
    /// made of them is waited for.
    ///
    /// # Errors
    /// `TYPE_REFUSED`.
    pub fn first(&self, report: &Report, declared: Option<&str>) -> Result<Named> {
        if report.format.is_some_and(Format::is_iso_media) {
            return Ok(name(&promised(report, declared).unwrap_or_else(|| NOTHING.to_owned()), report));
        }
        self.last(report, declared)
    }

    /// Judges a medium by everything that was found out, and names it.
    ///
    /// # Errors
    /// `TYPE_REFUSED`.
    pub fn last(&self, report: &Report, declared: Option<&str>) -> Result<Named> {
        let promised = promised(report, declared);
        let is_other = promised.is_none() && report.verdict == Verdict::Contradict;
        let contradicted = is_other.then(|| effective(declared, None));
        if let (OnMismatch::Fail, Some(declared)) = (self.on_mismatch, &contradicted) {
            return Err(refused(format!("declared as {declared}, the bytes are {}", report.mime)));
        }
        let real = promised.as_deref().unwrap_or_else(|| real(report, declared));
        if let Some(accept) = &self.accept
            && !accept.iter().any(|pattern| fits(pattern, real))
        {
            return Err(refused(format!("{real} is not among the accepted types")));
        }
        let named = match (self.on_mismatch, &contradicted) {
            (OnMismatch::Keep, Some(declared)) => name(declared, report),
            _ => name(promised.as_deref().unwrap_or(&report.mime), report),
        };
        Ok(Named { declared: contradicted, ..named })
    }
}

/// What the first bytes say, as a report.
pub fn by_head(head: &[u8], declared: Option<&str>, len: u64) -> Report {
    let format = sniff(head);
    Report {
        format,
        verdict: verdict(declared, format),
        mime: effective(declared, format),
        details: Details::None,
        len,
        read: head.len() as u64,
    }
}

fn name(mime: &str, report: &Report) -> Named {
    let mime = if mime == NOTHING { report.mime.as_str() } else { mime };
    let plain = PLAIN.iter().find(|(known, _)| *known == mime).map(|(_, extension)| *extension);
    let known = plain.or_else(|| crate::media::extension(mime)).or_else(|| report.format.map(Format::extension));
    Named { mime: mime.to_owned(), extension: known.unwrap_or("bin").to_owned(), declared: None }
}

/// The type that counts where types are refused. Bytes that say nothing are taken at their word, unless the word is one that
/// the bytes would have said: what is called a PNG and does not look like one is none.
fn real<'r>(report: &'r Report, declared: Option<&str>) -> &'r str {
    let would_be_known =
        |declared: &str| Format::ALL.iter().any(|format| verdict(Some(declared), Some(*format)) == Verdict::Agree);
    if report.format.is_none() && declared.is_some_and(would_be_known) { NOTHING } else { &report.mime }
}

/// The declared type of a file made of boxes whose tracks nobody has read, where it is a type of such files: its brand alone says
/// less than whoever sent it. How much of a stream was seen, and in which pieces, is no reason to refuse it.
fn promised(report: &Report, declared: Option<&str>) -> Option<String> {
    let unread = report.format.is_some_and(Format::is_iso_media) && !matches!(report.details, Details::Mp4(_));
    declared.filter(|declared| unread && is_iso_media(declared)).map(|declared| effective(Some(declared), None))
}

fn is_iso_media(declared: &str) -> bool {
    let formats = Format::ALL.iter().filter(|format| format.is_iso_media());
    formats.into_iter().any(|format| verdict(Some(declared), Some(*format)) == Verdict::Agree)
}

/// `image/*`, or one type.
fn fits(pattern: &str, mime: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(family) => mime.starts_with(family),
        None => mime == pattern,
    }
}

fn refused(message: String) -> Error {
    Error::new(Code::TypeRefused, message).at(Phase::Download)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    const HTML: &[u8] = b"<!DOCTYPE html><html><script>alert(1)</script></html>";
    const TEXT: &[u8] = b"hello";
    const MP4: &[u8] = b"\0\0\0\x18ftypisom\0\0\0\0isommp42";

    fn judge(on_mismatch: OnMismatch, accept: Option<&[&str]>, head: &[u8], declared: Option<&str>) -> Result<Named> {
        let accept = accept.map(|types| types.iter().map(ToString::to_string).collect());
        Types { on_mismatch, accept }.last(&by_head(head, declared, head.len() as u64), declared)
    }

    fn named(on_mismatch: OnMismatch, head: &[u8], declared: Option<&str>) -> (String, String) {
        let named = judge(on_mismatch, None, head, declared).unwrap();
        (named.mime, named.extension)
    }

    #[test]
    fn the_bytes_decide_unless_the_operator_wants_otherwise() {
        let of = |mime: &str, extension: &str| (mime.to_owned(), extension.to_owned());
        assert_eq!(named(OnMismatch::Refine, PNG, Some("image/jpeg")), of("image/png", "png"));
        assert_eq!(named(OnMismatch::Keep, PNG, Some("image/jpeg")), of("image/jpeg", "jpg"));
        assert_eq!(named(OnMismatch::Refine, HTML, Some("image/jpeg")), of("text/html", "html"));
        assert_eq!(named(OnMismatch::Fail, PNG, Some("image/png; q=1")), of("image/png", "png"));
        assert_eq!(named(OnMismatch::Fail, PNG, None), of("image/png", "png"));
        assert_eq!(named(OnMismatch::Refine, b"\x01\x02", None), of(NOTHING, "bin"));
        assert_eq!(named(OnMismatch::Refine, b"\x01\x02", Some("a/b\r\nx: y")), of(NOTHING, "bin"));
        let refused = judge(OnMismatch::Fail, None, PNG, Some("image/jpeg")).unwrap_err();
        assert_eq!(refused.code, Code::TypeRefused);
        let told = judge(OnMismatch::Refine, None, PNG, Some("image/jpeg")).unwrap();
        assert_eq!(told.declared.as_deref(), Some("image/jpeg"));
    }

    #[test]
    fn only_accepted_types_pass_whatever_they_are_called() {
        let passes = |head, declared| judge(OnMismatch::Keep, Some(&["image/*", "text/csv"]), head, declared).is_ok();
        assert!(passes(PNG, None) && passes(PNG, Some("text/html")));
        assert!(!passes(HTML, Some("image/png")) && !passes(HTML, None));
        assert!(!passes(TEXT, Some("image/png")) && !passes(TEXT, None));
        assert!(passes(TEXT, Some("text/csv")));
    }

    #[test]
    fn boxes_are_named_as_declared_until_they_are_read() {
        let types = Types { on_mismatch: OnMismatch::Fail, accept: None };
        let first = |declared| types.first(&by_head(MP4, declared, 1 << 20), declared).unwrap().mime;
        assert_eq!(first(Some("audio/mp4")), "audio/mp4");
        assert_eq!(first(Some("image/png")), "video/mp4");
        assert_eq!(first(None), "video/mp4");
    }

    #[test]
    fn boxes_that_nobody_could_read_are_what_they_were_declared() {
        for on_mismatch in [OnMismatch::Fail, OnMismatch::Keep, OnMismatch::Refine] {
            let told = judge(on_mismatch, Some(&["audio/*"]), MP4, Some("audio/mp4; codecs=x")).unwrap();
            assert_eq!((&*told.mime, &*told.extension, told.declared), ("audio/mp4", "m4a", None));
        }
        assert!(judge(OnMismatch::Refine, Some(&["audio/*"]), MP4, None).is_err());
        assert!(judge(OnMismatch::Fail, None, MP4, Some("image/png")).is_err());
    }
}
