//! The host of a URL: a plain DNS name, or an address in the one form that every parser reads alike.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::Refusal;

/// Longest name that DNS carries, in characters.
const LONGEST_NAME: usize = 253;

/// Whom a URL names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A DNS name in lower case.
    Name(String),
    /// An IP address.
    Address(IpAddr),
}

impl Host {
    /// Takes the host of an authority, brackets included.
    ///
    /// `127.1`, `0x7f000001`, `017700000001` and `2130706433` are all loopback to the C library and names to DNS; so whatever
    /// ends like a number must be four decimal numbers. Non-ASCII text is refused, not converted: its conversion (IDNA) maps
    /// digits and dots of other scripts to those of addresses, and every library does it a little differently. A name in
    /// its `xn--` form is taken.
    ///
    /// # Errors
    /// [`Refusal::Host`].
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(Refusal::Host)?;
            // Knows no zones: an interface of ours is nothing a stranger may choose.
            let address: Ipv6Addr = inner.parse().map_err(|_| Refusal::Host)?;
            return Ok(Self::Address(address.into()));
        }
        let last = text.rsplit('.').next().unwrap_or_default();
        if is_number(last) {
            // Refuses leading zeros, which are octal to some.
            let address: Ipv4Addr = text.parse().map_err(|_| Refusal::Host)?;
            return Ok(Self::Address(address.into()));
        }
        // An empty label is refused with the rest: a trailing dot makes another name of the same host, which no list of names
        // would know.
        if text.len() > LONGEST_NAME || !text.split('.').all(is_label) {
            return Err(Refusal::Host);
        }
        Ok(Self::Name(text.to_ascii_lowercase()))
    }
}

/// Whether the C library might take a last label for a number.
fn is_number(label: &str) -> bool {
    let digits = |text: &str, digit: fn(&u8) -> bool| text.bytes().all(|b| digit(&b));
    match label.split_at_checked(2) {
        Some((start, rest)) if start.eq_ignore_ascii_case("0x") => digits(rest, u8::is_ascii_hexdigit),
        _ => !label.is_empty() && digits(label, u8::is_ascii_digit),
    }
}

/// Letters, digits, hyphens inside; the underscore because real hosts have it.
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Domains that never lead to a public server: <https://www.iana.org/assignments/special-use-domain-names/>, `internal`
/// (reserved by ICANN in 2024), and what routers and companies made up before that.
const LOCAL_DOMAINS: [&str; 16] = [
    "alt",
    "arpa",
    "corp",
    "domain",
    "example",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "onion",
    "private",
    "test",
];

/// Whether a name means something inside a network only: a single label, or one of its own domains.
pub(super) fn is_local_name(name: &str) -> bool {
    name.rsplit_once('.').is_none_or(|(_, last)| LOCAL_DOMAINS.contains(&last))
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_one_form_each() {
        let name = |text: &str| Ok(Host::Name(text.to_owned()));
        assert_eq!(Host::parse("CDN.Example.com"), name("cdn.example.com"));
        assert_eq!(Host::parse("xn--mnchen-3ya.de"), name("xn--mnchen-3ya.de"));
        assert_eq!(Host::parse("a_b.c--d.0a"), name("a_b.c--d.0a"));
        assert_eq!(Host::parse("8.8.8.8"), Ok(Host::Address(Ipv4Addr::new(8, 8, 8, 8).into())));
        assert_eq!(Host::parse("[2606:4700::1]").unwrap().to_string(), "[2606:4700::1]");
        for bad in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "-a.b",
            "a-.b",
            "127.1",
            "1.2.3.4.5",
            "1.2.3.256",
            "01.2.3.4",
            "0x7f.0.0.1",
            "0x7f000001",
            "0x",
            "2130706433",
            "017700000001",
            "a.0x1f",
            "a.7",
            "1.2.3.4.",
            "[::1",
            "::1",
            "[::1%eth0]",
            "[::1%25eth0]",
            "[127.0.0.1]",
            "[v1.a]",
            "[]",
            "[ ::1]",
            "münchen.de",
            "１２７.0.0.1",
            "127。0。0。1",
            "a%2eb",
            "a b",
            "a\u{ad}b.com",
        ] {
            assert_eq!(Host::parse(bad), Err(Refusal::Host), "{bad}");
        }
        assert_eq!(Host::parse(&format!("{}.com", "a".repeat(64))), Err(Refusal::Host));
        assert_eq!(Host::parse(&"a.".repeat(127)[..253]).map(|_| ()), Ok(()));
        assert_eq!(Host::parse(&["a."; 127].concat()), Err(Refusal::Host));
    }

    #[test]
    fn local_names() {
        for local in
            ["localhost", "redis", "a.localhost", "metadata.google.internal", "db.svc.cluster.local", "1.in-addr.arpa"]
        {
            assert!(is_local_name(local), "{local}");
        }
        for public in ["example.com", "local.example.com", "lan.de"] {
            assert!(!is_local_name(public), "{public}");
        }
    }
}
