//! Title and performer: iTunes' list (`udta/meta/ilst`) and QuickTime's own texts (`udta/©nam`).

use super::{
    boxes::{Child, Children, child},
    movie::Movie,
};
use crate::media::{audio::clean, cursor::Cursor};

const TITLE: [u8; 4] = *b"\xA9nam";
const PERFORMER: [[u8; 4]; 3] = [*b"\xA9ART", *b"aART", *b"\xA9aut"];

/// Reads the body of a user data box.
pub(super) fn read(body: &[u8], movie: &mut Movie) {
    for part in Children::new(body) {
        if part.kind == *b"meta" {
            read_meta(part.body, movie);
        } else {
            keep(movie, &part, quicktime_text(part.body));
        }
    }
}

/// Reads the body of a metadata box. It is a full box in MPEG-4 and a plain one in QuickTime.
pub(super) fn read_meta(body: &[u8], movie: &mut Movie) {
    let list = child(body, *b"ilst").or_else(|| child(body.get(4..)?, *b"ilst"));
    for item in Children::new(list.unwrap_or_default()) {
        keep(movie, &item, child(item.body, *b"data").and_then(itunes_text));
    }
}

fn keep(movie: &mut Movie, part: &Child, text: Option<String>) {
    if part.kind == TITLE {
        movie.title = movie.title.take().or(text);
    } else if PERFORMER.contains(&part.kind) {
        movie.performer = movie.performer.take().or(text);
    }
}

/// A type (1 is UTF-8), a locale, the text.
fn itunes_text(body: &[u8]) -> Option<String> {
    let mut cursor = Cursor::new(body);
    (cursor.be32()? & 0x00FF_FFFF == 1).then_some(())?;
    cursor.skip(4)?;
    clean(&String::from_utf8_lossy(clipped(cursor.rest())))
}

/// A length, a language, the text.
fn quicktime_text(body: &[u8]) -> Option<String> {
    let mut cursor = Cursor::new(body);
    let len = cursor.be16()?;
    cursor.skip(2)?;
    clean(&String::from_utf8_lossy(clipped(cursor.take(usize::from(len))?)))
}

/// A text is read no further than it can be of use.
fn clipped(text: &[u8]) -> &[u8] {
    text.get(..4096).unwrap_or(text)
}
