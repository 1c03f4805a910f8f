//! The canonical path and query, one function per stage of the specification
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).

use super::{
    Options,
    encode::{Place, escape, recode},
};

/// Appends the canonical path by the service's rules.
///
/// S3: what was received, decoded and encoded strictly once; no dot segment is removed and no `//` collapsed. Others: the
/// bytes as given, normalised and escaped again (so `%20` becomes `%2520`).
pub fn path(out: &mut Vec<u8>, given: &str, options: &Options) {
    let normal;
    let given = if options.normalize_path {
        normal = normalize(given);
        normal.as_str()
    } else if given.is_empty() {
        "/"
    } else {
        given
    };
    if options.uri_escape_path {
        escape(out, given.as_bytes(), Place::Path);
    } else {
        recode(out, given.as_bytes(), Place::Path);
    }
}

/// Removes empty, `.` and `..` segments (RFC 3986 §5.2.4); `..` above the root is dropped, a trailing slash stays.
fn normalize(path: &str) -> String {
    let mut normal = String::with_capacity(path.len() + 1);
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => normal.truncate(normal.rfind('/').unwrap_or(0)),
            other => {
                normal.push('/');
                normal.push_str(other);
            }
        }
    }
    if normal.is_empty() || path.ends_with('/') {
        normal.push('/');
    }
    normal
}

/// One parameter in a [`Query`]'s text, encoded: its name from `start`, its value up to `end`.
#[derive(Clone, Copy)]
struct Pair {
    start: usize,
    middle: usize,
    end: usize,
}

/// The parameters of a query, in buffers that are used again for the next.
#[derive(Default)]
pub struct Query {
    text: Vec<u8>,
    pairs: Vec<Pair>,
}

impl Query {
    /// Drops what is in it.
    pub fn clear(&mut self) {
        self.text.clear();
        self.pairs.clear();
    }

    /// Takes in a query: split at `&` and the first `=`, decoded (`+` is a space, as in a form), encoded strictly. Empty
    /// pieces are dropped, repeated names all stay. `keep` decides by the encoded name.
    pub fn give(&mut self, query: &str, mut keep: impl FnMut(&[u8]) -> bool) {
        for piece in query.as_bytes().split(|byte| *byte == b'&').filter(|piece| !piece.is_empty()) {
            let equals = piece.iter().position(|byte| *byte == b'=');
            let (name, value) = equals.map_or((piece, &b""[..]), |at| {
                let (name, value) = piece.split_at(at);
                (name, value.get(1..).unwrap_or_default())
            });
            let start = self.text.len();
            recode(&mut self.text, name, Place::Query);
            if keep(self.text.get(start..).unwrap_or_default()) {
                let middle = self.text.len();
                recode(&mut self.text, value, Place::Query);
                self.pairs.push(Pair { start, middle, end: self.text.len() });
            } else {
                self.text.truncate(start);
            }
        }
    }

    /// Takes in one parameter of our own: an encoded name, a value to be encoded.
    pub fn add(&mut self, name: &[u8], value: &[u8]) {
        let start = self.text.len();
        self.text.extend_from_slice(name);
        let middle = self.text.len();
        escape(&mut self.text, value, Place::Query);
        self.pairs.push(Pair { start, middle, end: self.text.len() });
    }

    /// Whether there are no parameters.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Sorts by encoded name, then encoded value (as pairs: in joined text `a-b=` would come before `a=`), and appends.
    pub fn write(&mut self, out: &mut Vec<u8>) {
        let text = &self.text;
        let get = |start, end| text.get(start..end).unwrap_or_default();
        let key = |pair: &Pair| (get(pair.start, pair.middle), get(pair.middle, pair.end));
        self.pairs.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
        for (index, pair) in self.pairs.iter().enumerate() {
            if index > 0 {
                out.push(b'&');
            }
            let (name, value) = key(pair);
            out.extend_from_slice(name);
            out.push(b'=');
            out.extend_from_slice(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(given: &str, service: &str) -> String {
        let mut out = Vec::new();
        path(&mut out, given, &Options::for_service("auto", service));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn s3_paths_are_encoded_once_and_never_folded() {
        for (given, expected) in [
            ("", "/"),
            ("/a b+c/é", "/a%20b%20c/%C3%A9"),
            ("/a%20b%2Bc", "/a%20b%2Bc"),
            ("/%41%7e%c3%a9", "/A~%C3%A9"),
            ("//a/../b/./", "//a/../b/./"),
            ("/a(1)$!'*.txt", "/a%281%29%24%21%27%2A.txt"),
            ("/100%", "/100%25"),
            ("/%4", "/%254"),
            ("/a%2Fb", "/a/b"),
        ] {
            assert_eq!(canonical(given, "s3"), expected, "{given}");
        }
    }

    #[test]
    fn other_paths_are_normalised_and_escaped_twice() {
        for (given, expected) in [
            ("/", "/"),
            ("//", "/"),
            ("/a/..", "/"),
            ("/a/./b//c/", "/a/b/c/"),
            ("/../x", "/x"),
            ("", "/"),
            ("/a%20b c", "/a%2520b%20c"),
            ("/a/b/../../../c", "/c"),
            ("/%2e%2e/a", "/%252e%252e/a"),
        ] {
            assert_eq!(canonical(given, "execute-api"), expected, "{given}");
        }
    }

    #[test]
    fn escaping_and_normalising_are_separate() {
        let options = Options { normalize_path: false, ..Options::for_service("auto", "x") };
        let mut out = Vec::new();
        path(&mut out, "/a/../%20//", &options);
        assert_eq!(out, b"/a/../%2520//");
    }

    #[test]
    fn queries_are_sorted_as_encoded_pairs() {
        let mut query = Query::default();
        for (given, canonical) in [
            ("", ""),
            ("acl", "acl="),
            ("b=2&a=1&&", "a=1&b=2"),
            ("a-b=1&a=2", "a=2&a-b=1"),
            ("a=2&a=1&a=", "a=&a=1&a=2"),
            ("x=a b/c%2F+d", "x=a%20b%2Fc%2F%20d"),
            ("k=v=w", "k=v%3Dw"),
            ("%c3%a9=1&{=2", "%7B=2&%C3%A9=1"),
            ("=v", "=v"),
            ("~=~&é", "%C3%A9=&~=~"),
        ] {
            query.clear();
            query.give(given, |_| true);
            let mut out = Vec::new();
            query.write(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), canonical, "{given}");
        }
    }
}
