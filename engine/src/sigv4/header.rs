//! Headers made canonical: lower-case names in order, values trimmed and folded, repeated names joined.

use crate::error::{Code, Error, Result};

/// For every byte the lower-case form it has in a header name, 0 where it may not stand in one (RFC 9110 §5.6.2).
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const TOKEN: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "below 256")]
        let b = byte as u8;
        let symbol = matches!(
            b,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        );
        if b.is_ascii_alphanumeric() || symbol {
            table[byte] = b.to_ascii_lowercase();
        }
        byte += 1;
    }
    table
};

/// Headers that proxies and clients rewrite: signing them breaks requests that were right.
const NEVER_SIGNED: &[&[u8]] = &[
    b"accept-encoding",
    b"authorization",
    b"baggage",
    b"cdn-loop",
    b"connection",
    b"expect",
    b"keep-alive",
    b"te",
    b"traceparent",
    b"tracestate",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
    b"user-agent",
    b"via",
    b"x-amzn-trace-id",
];

/// Prefixes of the same kind.
const NEVER_SIGNED_PREFIXES: &[&[u8]] = &[b"cf-", b"proxy-", b"sec-", b"x-forwarded-"];

/// Whether the header (its name in lower case) takes part in the signature.
#[must_use]
pub fn is_signed(name: &[u8]) -> bool {
    // Nearly every signed header is decided by its first letters.
    if name == b"host" || name.starts_with(b"x-amz-") || name.starts_with(b"content-") {
        return true;
    }
    !NEVER_SIGNED.contains(&name) && !NEVER_SIGNED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// A place in the table's text.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    start: usize,
    end: usize,
}

#[derive(Clone, Copy)]
struct Entry {
    name: Span,
    value: Value,
    signed: bool,
}

/// A value, twice: as it is sent, and as it is signed. The specification folds runs of spaces for the signature alone; who
/// receives `a  b` stores `a  b`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Value {
    sent: Span,
    /// The canonical one.
    pub signed: Span,
}

/// The headers of one request, in buffers that are used again for the next.
#[derive(Default)]
pub struct Table {
    text: Vec<u8>,
    entries: Vec<Entry>,
    changed: bool,
}

impl Table {
    pub fn clear(&mut self) {
        self.text.clear();
        self.entries.clear();
        self.changed = false;
    }

    /// Appends a header as somebody gave it, and returns what it became.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a name that is not a token, or a value with control characters or outside ASCII (which
    /// clients send in different encodings).
    pub fn give(&mut self, name: &str, value: &str) -> Result<(Span, Value)> {
        let start = self.text.len();
        let mut token = !name.is_empty();
        self.text.extend(name.bytes().map(|byte| {
            #[expect(clippy::indexing_slicing, reason = "a byte cannot miss a table of 256")]
            let lower = TOKEN[byte as usize];
            token &= lower != 0;
            lower
        }));
        if !token {
            return Err(Error::new(Code::InvalidArgument, "headers: a name is not an HTTP token"));
        }
        let name = Span { start, end: self.text.len() };
        let value = self.fold(name, value.as_bytes())?;
        Ok((name, value))
    }

    /// Appends a value: spaces and tabs around it cut, and for the signature runs of them inside one space.
    fn fold(&mut self, name: Span, value: &[u8]) -> Result<Value> {
        let mut previous = b'x';
        let (mut fine, mut folds) = (true, false);
        for byte in value {
            // A tab is folded like a space; every other byte outside of printable ASCII is refused.
            fine &= matches!(*byte, b' '..=b'~' | b'\t');
            folds |= *byte == b'\t' || (*byte == b' ' && previous == b' ');
            previous = *byte;
        }
        if !fine {
            let name = String::from_utf8_lossy(self.get(name)).into_owned();
            return Err(Error::new(
                Code::InvalidArgument,
                format!("headers.{name}: must be printable ASCII; encode other text first"),
            ));
        }
        let trimmed = value.trim_ascii();
        self.changed |= trimmed.len() != value.len();
        let sent = self.append(trimmed);
        if !folds {
            return Ok(Value { sent, signed: sent });
        }
        let start = self.text.len();
        for word in trimmed.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty()) {
            if self.text.len() > start {
                self.text.push(b' ');
            }
            self.text.extend_from_slice(word);
        }
        Ok(Value { sent, signed: Span { start, end: self.text.len() } })
    }

    fn append(&mut self, text: &[u8]) -> Span {
        let start = self.text.len();
        self.text.extend_from_slice(text);
        Span { start, end: self.text.len() }
    }

    /// Takes a header into the table.
    pub fn insert(&mut self, name: Span, value: Value, signed: bool) {
        self.entries.push(Entry { name, value, signed });
    }

    /// Takes a header of our own into the table: a lower-case name, and a value that needs no folding.
    pub fn add(&mut self, name: &[u8], value: &[u8]) {
        let name = self.append(name);
        let span = self.append(value);
        self.insert(name, Value { sent: span, signed: span }, true);
    }

    /// Sorts by name and joins what is repeated, in the order given.
    pub fn finish(&mut self) {
        let text = &self.text;
        let get = |span: Span| text.get(span.start..span.end).unwrap_or_default();
        if self.entries.is_sorted_by(|a, b| get(a.name) < get(b.name)) {
            return;
        }
        self.entries.sort_by(|a, b| get(a.name).cmp(get(b.name)));
        if !self.entries.is_sorted_by(|a, b| get(a.name) < get(b.name)) {
            self.join_repeated();
        }
    }

    fn join_repeated(&mut self) {
        self.changed = true;
        let entries = std::mem::take(&mut self.entries);
        for entry in entries {
            let last = self.entries.last().copied();
            match last {
                Some(last) if self.get(last.name) == self.get(entry.name) => {
                    let sent = self.join(last.value.sent, entry.value.sent);
                    let signed = self.join(last.value.signed, entry.value.signed);
                    if let Some(last) = self.entries.last_mut() {
                        last.value = Value { sent, signed };
                    }
                }
                _ => self.entries.push(entry),
            }
        }
    }

    fn join(&mut self, first: Span, second: Span) -> Span {
        let start = self.text.len();
        self.text.extend_from_within(first.start..first.end);
        self.text.push(b',');
        self.text.extend_from_within(second.start..second.end);
        Span { start, end: self.text.len() }
    }

    /// The text of a place.
    #[must_use]
    pub fn get(&self, span: Span) -> &[u8] {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// Whether a value to send is not as it was given: trimmed, or joined with another one of its name.
    #[must_use]
    pub const fn changed(&self) -> bool {
        self.changed
    }

    /// All headers with the values to send, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.entries.iter().map(|entry| (self.get(entry.name), self.get(entry.value.sent)))
    }

    /// The headers that are signed, with their canonical values, in order.
    pub fn signed(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.entries
            .iter()
            .filter(|entry| entry.signed)
            .map(|entry| (self.get(entry.name), self.get(entry.value.signed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(given: &[(&str, &str)]) -> Result<Table> {
        let mut table = Table::default();
        for (name, value) in given {
            let (name, value) = table.give(name, value)?;
            let signed = is_signed(table.get(name));
            table.insert(name, value, signed);
        }
        table.finish();
        Ok(table)
    }

    fn lines<'a>(headers: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Vec<String> {
        headers.map(|(n, v)| format!("{}:{}", String::from_utf8_lossy(n), String::from_utf8_lossy(v))).collect()
    }

    #[test]
    fn headers_are_lowered_folded_joined_and_sorted() {
        let table = table(&[("Host", " a "), ("content-type", "x"), ("X-Amz-B", "one \t two"), ("x-amz-b", " three ")])
            .unwrap();
        assert_eq!(lines(table.signed()), ["content-type:x", "host:a", "x-amz-b:one two,three"]);
        assert_eq!(lines(table.iter()), ["content-type:x", "host:a", "x-amz-b:one \t two,three"]);
        assert!(table.changed());
    }

    #[test]
    fn a_value_as_it_should_be_is_not_changed() {
        for value in ["", "a", "a b", "\"a  b\"", "a\tb"] {
            assert!(!table(&[("b", value), ("a", value)]).unwrap().changed(), "{value}");
        }
        for value in [" ", "a ", " a", "\ta"] {
            assert!(table(&[("b", value)]).unwrap().changed(), "{value}");
        }
    }

    #[test]
    fn smuggling_is_refused() {
        for (name, value) in
            [("a b", "x"), ("", "x"), ("é", "x"), ("x", "a\r\nb"), ("x", "a\0"), ("x", "é"), ("x", "a\u{7f}")]
        {
            assert_eq!(table(&[(name, value)]).err().map(|error| error.code), Some(Code::InvalidArgument), "{name}");
        }
    }

    #[test]
    fn rewritten_headers_are_left_out() {
        for name in NEVER_SIGNED.iter().chain(&[b"cf-ray".as_slice(), b"x-forwarded-for", b"sec-fetch-mode"]) {
            assert!(!is_signed(name));
        }
        for name in ["host", "x-amz-date", "range", "content-type", "cache-control", "date", "viable"] {
            assert!(is_signed(name.as_bytes()), "{name}");
        }
    }
}
