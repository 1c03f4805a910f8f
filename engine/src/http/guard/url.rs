//! A URL taken apart by a parser that repairs nothing.
//!
//! The parser of browsers (WHATWG), which `new URL` is, drops tabs and line breaks, takes backslashes for slashes and guesses
//! at missing ones; two programs that do this a little differently see two hosts in one text. Here such a text is no URL.

use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::{Host, Refusal};

/// Longest URL that is taken, in bytes; servers refuse half of it.
pub(super) const LONGEST: usize = 16 * 1024;

/// An absolute `http` or `https` URL. Has no user name, and its fragment, which is never sent, is gone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Url {
    secure: bool,
    host: Host,
    port: u16,
    /// Path and query, as sent.
    target: String,
}

impl Url {
    /// Takes a URL apart. Says nothing of whether it may be fetched.
    ///
    /// # Errors
    /// The [`Refusal`] of its form.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        check_characters(text)?;
        let (scheme, rest) = text.split_once("://").ok_or(Refusal::Scheme)?;
        let secure = match () {
            () if scheme.eq_ignore_ascii_case("https") => true,
            () if scheme.eq_ignore_ascii_case("http") => false,
            () => return Err(Refusal::Scheme),
        };
        Self::after_scheme(secure, rest)
    }

    /// What follows `https://`.
    pub(super) fn after_scheme(secure: bool, rest: &str) -> Result<Self, Refusal> {
        let (authority, target) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (host, port) = authority_parts(authority)?;
        let usual = if secure { 443 } else { 80 };
        Ok(Self { secure, host: Host::parse(host)?, port: port.unwrap_or(usual), target: sendable(target) })
    }

    /// The same server, another target. The text must have passed [`check_characters`].
    pub(super) fn with_target(&self, target: &str) -> Self {
        Self { target: sendable(target), ..self.clone() }
    }

    /// Whether it is `https`.
    #[must_use]
    pub const fn secure(&self) -> bool {
        self.secure
    }

    /// Whom it names.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The port, also where it is the scheme's own.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Path and query, as they are sent.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Scheme, host and port as the beginning of a URL: what decides whether two URLs are of one server.
    #[must_use]
    pub fn origin(&self) -> String {
        match (self.secure, self.port) {
            (true, 443) => format!("https://{}", self.host),
            (false, 80) => format!("http://{}", self.host),
            (true, port) => format!("https://{}:{port}", self.host),
            (false, port) => format!("http://{}:{port}", self.host),
        }
    }
}

/// What no part of a URL may hold.
pub(super) fn check_characters(text: &str) -> Result<(), Refusal> {
    if text.len() > LONGEST {
        return Err(Refusal::Length);
    }
    // White space of every script, and what only looks like nothing at all: marks of direction, joiners.
    let hidden = |c: char| {
        matches!(c, '\\' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
    };
    if text.chars().any(|c| c.is_whitespace() || c.is_control() || hidden(c)) {
        return Err(Refusal::Character);
    }
    Ok(())
}

/// Host and port of `host[:port]`.
pub(super) fn authority_parts(authority: &str) -> Result<(&str, Option<u16>), Refusal> {
    if authority.contains('@') {
        return Err(Refusal::Userinfo);
    }
    let colon = match authority.rfind(']') {
        Some(bracket) => authority.get(bracket + 1..).unwrap_or_default().find(':').map(|at| bracket + 1 + at),
        None => authority.find(':'),
    };
    let Some(colon) = colon else { return Ok((authority, None)) };
    let (host, port) = authority.split_at(colon);
    Ok((host, Some(parse_port(port.get(1..).unwrap_or_default())?)))
}

/// Decimal digits without a leading zero or a sign: `+443` and `0443` are numbers to some and none to others.
pub(super) fn parse_port(text: &str) -> Result<u16, Refusal> {
    if text.is_empty() || text.starts_with('0') || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Refusal::Port);
    }
    text.parse().map_err(|_| Refusal::Port)
}

/// What RFC 3986 lets stand nowhere in a path or a query, and browsers escape.
const ESCAPED: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'^').add(b'`').add(b'{').add(b'|').add(b'}');

/// Path and query as they go over the wire: what cannot is escaped, all else stays as it is, for a signature may cover it.
fn sendable(text: &str) -> String {
    let text = text.split('#').next().unwrap_or_default();
    let start = if text.starts_with('/') { "" } else { "/" };
    format!("{start}{}", utf8_percent_encode(text, ESCAPED))
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.target)
    }
}

/// The path and the query of a URL often are its secret.
impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/…", self.origin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_and_put_together() {
        for (text, whole) in [
            ("https://cdn.example.com", "https://cdn.example.com/"),
            ("HTTPS://CDN.Example.com:443/A?b#c", "https://cdn.example.com/A?b"),
            ("http://a.de:80?x=1", "http://a.de/?x=1"),
            ("https://a.de:8443/%2e%2E/../b", "https://a.de:8443/%2e%2E/../b"),
            ("https://a.de/é \u{301}".split(' ').next().unwrap_or_default(), "https://a.de/%C3%A9"),
            ("https://a.de/a|b?c={d}&e=\"f\"", "https://a.de/a%7Cb?c=%7Bd%7D&e=%22f%22"),
            ("https://[2606:4700::1]:8443/", "https://[2606:4700::1]:8443/"),
            ("https://a.de#/@evil.com", "https://a.de/"),
            ("https://a.de/@b", "https://a.de/@b"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!(url.to_string(), whole);
            assert_eq!(Url::parse(whole).unwrap(), url);
        }
        assert_eq!(format!("{:?}", Url::parse("https://a.de/secret?token=1").unwrap()), "https://a.de/…");
    }

    #[test]
    fn a_text_that_must_be_guessed_at_is_refused() {
        for (text, refusal) in [
            ("", Refusal::Scheme),
            ("a.de/b", Refusal::Scheme),
            ("//a.de/b", Refusal::Scheme),
            ("https:/a.de", Refusal::Scheme),
            ("https:a.de", Refusal::Scheme),
            ("ftp://a.de", Refusal::Scheme),
            ("https:///a.de", Refusal::Host),
            ("https://", Refusal::Host),
            ("https://a@b.de", Refusal::Userinfo),
            ("https://@b.de", Refusal::Userinfo),
            ("https://a:b@c.de:443", Refusal::Userinfo),
            ("https://a.de:", Refusal::Port),
            ("https://a.de:+443", Refusal::Port),
            ("https://a.de:0443", Refusal::Port),
            ("https://a.de:0", Refusal::Port),
            ("https://a.de:65536", Refusal::Port),
            ("https://a.de:443:80", Refusal::Port),
            ("https://[2606:4700::1]x:443", Refusal::Host),
            (" https://a.de", Refusal::Character),
            ("https://a.de\n", Refusal::Character),
            ("https://a.de\\@b.de", Refusal::Character),
            ("https://a.de/\u{202e}gpj", Refusal::Character),
        ] {
            assert_eq!(Url::parse(text), Err(refusal), "{text:?}");
        }
        let long = format!("https://a.de/{}", "a".repeat(LONGEST));
        assert_eq!(Url::parse(&long), Err(Refusal::Length));
    }
}
