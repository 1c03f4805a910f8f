//! Where a `Location` leads (RFC 3986 §5.2).

use super::{Refusal, Url, url::check_characters};

impl Url {
    /// The URL that a `Location` seen from here names.
    ///
    /// # Errors
    /// The [`Refusal`] of its form. The policy has not been asked yet.
    pub fn join(&self, location: &str) -> Result<Self, Refusal> {
        check_characters(location)?;
        let location = location.split('#').next().unwrap_or_default();
        if has_scheme(location) {
            return Self::parse(location);
        }
        if let Some(rest) = location.strip_prefix("//") {
            return Self::after_scheme(self.secure(), rest);
        }
        let (path, query) = split_query(location);
        let (base_path, base_query) = split_query(self.target());
        let (path, query) = match path {
            "" => (base_path.to_owned(), query.or(base_query)),
            absolute if absolute.starts_with('/') => (without_dots(absolute), query),
            relative => {
                let folder = base_path.rfind('/').and_then(|end| base_path.get(..=end)).unwrap_or("/");
                (without_dots(&format!("{folder}{relative}")), query)
            }
        };
        Ok(self.with_target(&query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"))))
    }
}

/// Whether a reference begins with `scheme:`; a colon further on belongs to a path.
fn has_scheme(reference: &str) -> bool {
    let Some((scheme, _)) = reference.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

fn split_query(text: &str) -> (&str, Option<&str>) {
    text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)))
}

/// An absolute path with its `.` and `..` segments carried out.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                // `/a/.` is the folder `/a/`.
                if last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 3986 §5.4, as far as they are http.
    #[test]
    fn references_are_resolved_as_the_standard_says() {
        let base = Url::parse("http://a/b/c/d;p?q").unwrap();
        for (reference, expected) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q"),
            ("g#s", "http://a/b/c/g"),
            (";x", "http://a/b/c/;x"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("./", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../g", "http://a/g"),
            ("../../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            ("..g", "http://a/b/c/..g"),
            ("./../g", "http://a/b/g"),
            ("g;x=1/../y", "http://a/b/c/y"),
            ("g?y/../x", "http://a/b/c/g?y/../x"),
            ("./a:b", "http://a/b/c/a:b"),
            ("https://b.de:8443/x", "https://b.de:8443/x"),
        ] {
            assert_eq!(base.join(reference).unwrap().to_string(), expected, "{reference}");
        }
        for (reference, refusal) in [
            ("ftp://a/b", Refusal::Scheme),
            ("http:g", Refusal::Scheme),
            ("javascript:alert(1)", Refusal::Scheme),
            ("//a@b/", Refusal::Userinfo),
            ("/\\b", Refusal::Character),
            ("a\r\nb", Refusal::Character),
        ] {
            assert_eq!(base.join(reference), Err(refusal), "{reference}");
        }
    }
}
