//! A text cut into parts that a messenger takes: by an LLM, whose answer is held against the text, or locally.
//!
//! Both hand out slices of the text itself, trimmed: whoever cuts decides where, never what is said. Sizes are in UTF-16
//! code units, JavaScript's `.length`: what is no longer in those is no longer in any other count of characters.

mod ask;
mod local;
mod parse;

pub use ask::{messages, schema};
pub use local::split;
pub use parse::{Parsed, Unusable, parse};
use unicode_segmentation::UnicodeSegmentation;

/// The size of a part unless the user says otherwise.
pub const MAX_CHARS: usize = 1_000;

/// Length in UTF-16 code units.
#[must_use]
pub fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// Length in graphemes: what a reader calls characters.
#[must_use]
pub fn graphemes(text: &str) -> usize {
    text.graphemes(true).count()
}

/// The text without white space around it. By graphemes: a space that carries an accent is no white space.
#[must_use]
pub fn trim(text: &str) -> &str {
    let blank = |grapheme: &&str| grapheme.chars().all(char::is_whitespace);
    let before: usize = text.graphemes(true).take_while(blank).map(str::len).sum();
    let text = text.get(before..).unwrap_or_default();
    let behind: usize = text.graphemes(true).rev().take_while(blank).map(str::len).sum();
    text.get(..text.len() - behind).unwrap_or_default()
}

#[cfg(test)]
mod tests;
