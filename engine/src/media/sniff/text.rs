//! Formats that are text. A browser runs what is in some of them, so a picture that is really one must be known as such.

use crate::media::format::Format;

/// Tags that make a browser take a text for HTML.
const HTML: [&[u8]; 9] = [b"html", b"head", b"body", b"script", b"iframe", b"title", b"table", b"meta", b"a "];

pub(super) fn text(head: &[u8]) -> Option<Format> {
    let start = skip_blank(head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head));
    match *start.first()? {
        b'<' => markup(start),
        b'{' if is_lottie(start) => Some(Format::Lottie),
        _ => None,
    }
}

/// The first tag that is neither declaration nor comment decides.
fn markup(head: &[u8]) -> Option<Format> {
    let mut rest = head;
    let mut is_xml = false;
    while let Some(tag) = rest.strip_prefix(b"<") {
        let end: &[u8] = if starts(tag, b"!--") {
            b"-->"
        } else if starts(tag, b"?xml") {
            is_xml = true;
            b"?>"
        } else if starts(tag, b"!doctype html") {
            return Some(Format::Html);
        } else if starts(tag, b"!") || starts(tag, b"?") {
            b">"
        } else {
            break;
        };
        let Some(at) = memchr::memmem::find(tag, end) else { break };
        rest = skip_blank(tag.get(at + end.len()..)?);
    }
    let tag = rest.strip_prefix(b"<").unwrap_or(rest);
    if starts(tag, b"svg") {
        return Some(Format::Svg);
    }
    if HTML.iter().any(|name| starts(tag, name)) {
        return Some(Format::Html);
    }
    is_xml.then_some(Format::Xml)
}

/// Whether a JSON text is a Lottie animation: version, frame rate and first frame stand at its top, in front of the layers.
pub(super) fn is_lottie(json: &[u8]) -> bool {
    let has = |key: &[u8]| memchr::memmem::find(json, key).is_some();
    skip_blank(json).starts_with(b"{")
        && (has(b"\"tgs\"") || (has(b"\"v\"") && has(b"\"fr\"") && has(b"\"ip\"") && has(b"\"op\"")))
}

fn starts(text: &[u8], lower: &[u8]) -> bool {
    text.get(..lower.len()).is_some_and(|start| start.eq_ignore_ascii_case(lower))
}

fn skip_blank(text: &[u8]) -> &[u8] {
    text.trim_ascii_start()
}
