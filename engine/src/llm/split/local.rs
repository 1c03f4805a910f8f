//! The local splitter: parts as full as they may be, cut at the best place near their end.

use unicode_segmentation::UnicodeSegmentation;

use super::{trim, units};

/// How many bytes behind a place have a say in whether a sentence ends there.
const LOOK_AHEAD: usize = 256;

/// How good a place is to cut at. The first that lies far enough into the part is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// Between two graphemes of a word.
    Grapheme,
    /// Between words.
    Word,
    /// After a comma or its like.
    Clause,
    /// Between sentences.
    Sentence,
    /// Between lines.
    Line,
    /// Between paragraphs.
    Paragraph,
}

impl Place {
    /// From the best to the worst.
    const ORDER: [Self; 6] = [Self::Paragraph, Self::Line, Self::Sentence, Self::Clause, Self::Word, Self::Grapheme];

    /// The least fill of a part that a cut at such a place is worth: better half a part that ends with its paragraph than a
    /// whole one that ends within a sentence, but no tenth of one.
    const fn least(self, max: usize) -> usize {
        match self {
            Self::Paragraph => max / 4,
            Self::Line | Self::Sentence => max / 3,
            Self::Clause => max / 2,
            Self::Word | Self::Grapheme => 1,
        }
    }
}

/// Cuts `text` into parts of at most `max` UTF-16 code units. Joined they are the text but for white space; a grapheme is
/// cut only where it alone is longer than a part.
#[must_use]
pub fn split(text: &str, max: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = trim(text);
    while !rest.is_empty() {
        let cut = cut(rest, max.max(2));
        let (part, more) = rest.split_at(cut);
        parts.push(trim(part));
        rest = trim(more);
    }
    parts
}

/// Where to cut: a byte position, never 0. `rest` begins with something else than white space.
fn cut(rest: &str, max: usize) -> usize {
    // The places at which a part would fit, and how full it would be. White space at its end does not count.
    let (mut at, mut filled, mut full) = (0, 0, 0);
    let mut places: Vec<(usize, usize)> = Vec::new();
    for grapheme in rest.graphemes(true) {
        full += units(grapheme);
        at += grapheme.len();
        if !grapheme.chars().all(char::is_whitespace) {
            filled = full;
        }
        if filled > max {
            break;
        }
        places.push((at, filled));
    }
    if filled <= max {
        return rest.len();
    }
    let Some((last, _)) = places.last().copied() else { return cut_grapheme(rest, max) };
    let sentences = sentence_ends(rest, last);
    let mut best: [Option<usize>; 6] = [None; 6];
    for (at, filled) in places {
        let place = place(rest, at, sentences.binary_search(&at).is_ok());
        // Every place is as good as each of the worse ones.
        for (slot, worth) in best.iter_mut().zip(Place::ORDER) {
            if worth <= place && filled >= worth.least(max) {
                *slot = Some(at);
            }
        }
    }
    best.into_iter().flatten().next().unwrap_or(last)
}

/// What kind of place this is.
fn place(rest: &str, at: usize, ends_sentence: bool) -> Place {
    let (before, behind) = rest.split_at(at);
    let spoken = before.trim_end();
    let spaces = before[spoken.len()..].chars().chain(behind.chars().take_while(|c| c.is_whitespace()));
    let (mut any, mut lines, mut carriage) = (false, 0, false);
    for space in spaces {
        any = true;
        // CR LF is one end of a line.
        lines +=
            usize::from(matches!(space, '\r' | '\u{85}' | '\u{2028}' | '\u{2029}') || (space == '\n' && !carriage));
        carriage = space == '\r';
    }
    let last = spoken.chars().next_back();
    match lines {
        2.. => Place::Paragraph,
        1 => Place::Line,
        _ if ends_sentence => Place::Sentence,
        _ if last.is_some_and(|c| "、，；：".contains(c)) => Place::Clause,
        _ if any && last.is_some_and(|c| ",;:)]}…–—،؛".contains(c)) => Place::Clause,
        _ if any => Place::Word,
        _ => Place::Grapheme,
    }
}

/// The ends of sentences (UAX #29) up to a byte position, without those that are abbreviations as it seems.
fn sentence_ends(rest: &str, last: usize) -> Vec<usize> {
    // Whether a sentence ends depends on what follows, but not on all of it: a text without a full stop is one sentence.
    let seen = &rest[..rest.ceil_char_boundary(last + LOOK_AHEAD)];
    let ends = seen.split_sentence_bound_indices().map(|(start, sentence)| start + sentence.len());
    ends.take_while(|end| *end <= last).filter(|end| !is_abbreviated(&rest[..*end])).collect()
}

/// Whether what ends here is as short as "Sr." or "A.": a title or an initial, with a name behind it.
fn is_abbreviated(text: &str) -> bool {
    let Some(word) = text.trim_end().strip_suffix('.') else { return false };
    let word = word.rsplit(|c: char| c.is_whitespace() || c == '.').next().unwrap_or_default();
    let mut letters = word.chars();
    letters.next().is_some_and(char::is_uppercase) && letters.clone().count() <= 2 && letters.all(char::is_alphabetic)
}

/// One grapheme that is longer than a part (a letter under a heap of accents): what fits of it.
fn cut_grapheme(rest: &str, max: usize) -> usize {
    let mut filled = 0;
    for (at, char) in rest.char_indices() {
        filled += char.len_utf16();
        if filled > max && at > 0 {
            return at;
        }
    }
    rest.len()
}
