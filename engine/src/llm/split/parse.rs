//! The answer of an LLM that was asked to split a text, held against the text.

use serde::Serialize;
use serde_json::Value;
use unicode_segmentation::GraphemeCursor;

use super::{local, trim, units};

/// More parts than this are no split of a message.
pub const MOST_PARTS: usize = 100;

/// Why an answer cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unusable {
    /// It is no JSON.
    Json,
    /// It is other JSON than a list of texts.
    Structure,
    /// A part is empty.
    Empty,
    /// There are no parts, or far too many.
    Count,
    /// A part is too long.
    Size,
    /// Its parts, in their order, are not the text.
    Text,
    /// It cuts what a reader sees as one character.
    Grapheme,
}

/// Parts of a text.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Parsed<'a> {
    /// Slices of the text, trimmed.
    pub parts: Vec<&'a str>,
    /// Why they were cut locally; `None` = where the LLM said.
    pub fallback: Option<Unusable>,
}

/// Reads an answer, and falls back to the local splitter where it cannot be used.
#[must_use]
pub fn parse<'a>(response: &str, original: &'a str, max: usize) -> Parsed<'a> {
    match read(response, original, max) {
        Ok(parts) => Parsed { parts, fallback: None },
        Err(why) => Parsed { parts: local::split(original, max), fallback: Some(why) },
    }
}

fn read<'a>(response: &str, original: &'a str, max: usize) -> Result<Vec<&'a str>, Unusable> {
    let said = texts(response)?;
    if said.is_empty() || said.len() > MOST_PARTS {
        return Err(Unusable::Count);
    }
    let mut parts = Vec::with_capacity(said.len());
    let (mut from, mut cuts) = (0, Cuts::new(original));
    for text in &said {
        let at = cuts.behind(text)?;
        if !is_boundary(original, at) {
            return Err(Unusable::Grapheme);
        }
        let part = trim(original.get(from..at).unwrap_or_default());
        if units(part) > max {
            return Err(Unusable::Size);
        }
        parts.push(part);
        from = at;
    }
    if cuts.is_at_end() { Ok(parts) } else { Err(Unusable::Text) }
}

/// The texts of an answer.
fn texts(response: &str) -> Result<Vec<String>, Unusable> {
    let value = serde_json::from_str(unfenced(response)).map_err(|_| Unusable::Json)?;
    let list = match value {
        Value::Array(list) => list,
        Value::Object(mut object) => match object.remove("parts").or_else(|| object.remove("messages")) {
            Some(Value::Array(list)) => list,
            _ => return Err(Unusable::Structure),
        },
        _ => return Err(Unusable::Structure),
    };
    let text = |value| if let Value::String(text) = value { Ok(text) } else { Err(Unusable::Structure) };
    list.into_iter().map(text).collect()
}

/// What is in a Markdown code fence, if there is one around it all.
fn unfenced(response: &str) -> &str {
    let text = response.trim();
    let inner = text.strip_prefix("```").and_then(|text| text.strip_suffix("```"));
    // The first line names the language.
    inner.and_then(|inner| inner.split_once('\n')).map_or(text, |(_, inner)| inner)
}

fn is_boundary(text: &str, at: usize) -> bool {
    GraphemeCursor::new(at, text.len(), true).is_boundary(text, 0).unwrap_or(false)
}

/// Goes through a text along with the parts that somebody has made of it.
struct Cuts<'a> {
    /// What is left of it, with places.
    letters: std::str::CharIndices<'a>,
}

impl<'a> Cuts<'a> {
    fn new(text: &'a str) -> Self {
        Self { letters: text.char_indices() }
    }

    /// Where in the text this part ends, if it goes on as the part does.
    fn behind(&mut self, part: &str) -> Result<usize, Unusable> {
        let mut end = None;
        for letter in part.chars().filter(|letter| !letter.is_whitespace()) {
            match self.next() {
                Some((at, same)) if same == letter => end = Some(at + letter.len_utf8()),
                _ => return Err(Unusable::Text),
            }
        }
        end.ok_or(Unusable::Empty)
    }

    fn is_at_end(&mut self) -> bool {
        self.next().is_none()
    }

    /// What comes next that is not white space, and its place.
    fn next(&mut self) -> Option<(usize, char)> {
        self.letters.find(|(_, letter)| !letter.is_whitespace())
    }
}
