//! The lists of the user: servers of his own, and addresses that nobody may reach.

use std::net::IpAddr;

use super::{Host, url::authority_parts};
use crate::error::{Code, Error, Result};

/// A network, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Net {
    first: IpAddr,
    bits: u8,
}

impl Net {
    /// `10.0.0.0/8`, `fd00::/8`, `10.1.2.3`, `::1`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let first: IpAddr = address.parse().ok()?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            // parse() takes a plus sign.
            Some(bits) => bits.bytes().all(|b| b.is_ascii_digit()).then(|| bits.parse::<u8>().ok())??,
            None => most,
        };
        let net = Self { first, bits };
        // `10.0.0.1/8` says two things; which one was meant?
        (bits <= most && net.host_part() == 0).then_some(net)
    }

    fn host_part(&self) -> u128 {
        let (value, width) = numeric(self.first);
        let free = width.saturating_sub(u32::from(self.bits));
        value & 1_u128.checked_shl(free).map_or(u128::MAX, |next| next - 1)
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        let ((first, width), (value, other)) = (numeric(self.first), numeric(address));
        let free = width.saturating_sub(u32::from(self.bits));
        width == other && (first ^ value).checked_shr(free).unwrap_or(0) == 0
    }
}

const fn numeric(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (address.to_bits() as u128, 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

/// An entry of the `allow` list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Allowed {
    /// A host as URLs name it; with a port, that port alone.
    Host(Host, Option<u16>),
    /// Addresses, whatever name leads to them.
    Net(Net),
}

impl Allowed {
    /// `name`, `name:port`, `address`, `address:port` (an IPv6 one in brackets), or a network.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(net) = Net::parse(text) {
            return Some(Self::Net(net));
        }
        let (host, port) = authority_parts(text).ok()?;
        Some(Self::Host(Host::parse(host).ok()?, port))
    }

    /// Whether it makes this host one of the user's own, for this port.
    pub(super) fn names(&self, host: &Host, port: u16) -> bool {
        matches!(self, Self::Host(name, only) if name == host && only.is_none_or(|only| only == port))
    }

    /// Whether it opens a port of this host that is closed otherwise. A host without one keeps the usual ports: whoever
    /// allows a file server does not mean the database beside it.
    pub(super) fn opens(&self, host: &Host, port: u16) -> bool {
        matches!(self, Self::Host(name, Some(only)) if name == host && *only == port)
    }

    /// Whether this address is among its own.
    pub(super) fn covers(&self, address: IpAddr) -> bool {
        matches!(self, Self::Net(net) if net.contains(address))
    }
}

pub(super) fn parse_all<T>(list: &str, entries: &[String], parse: fn(&str) -> Option<T>) -> Result<Vec<T>> {
    let bad = |index| {
        let why = "must be a host name, an IP address (with a port behind a colon) or a network such as 10.0.0.0/8";
        Error::new(Code::InvalidOption, format!("{list}[{index}]: {why}"))
    };
    entries.iter().enumerate().map(|(index, entry)| parse(entry).ok_or_else(|| bad(index))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        let has = |net: &str, address: &str| Net::parse(net).unwrap().contains(address.parse().unwrap());
        assert!(has("10.0.0.0/8", "10.255.0.1") && !has("10.0.0.0/8", "11.0.0.0"));
        assert!(has("0.0.0.0/0", "255.255.255.255") && has("::/0", "ff::1") && !has("::/0", "1.2.3.4"));
        assert!(has("fd00::/8", "fdff::1") && !has("fd00::/8", "fe00::1"));
        assert!(has("10.1.2.3", "10.1.2.3") && !has("10.1.2.3", "10.1.2.2") && !has("10.1.2.3", "::ffff:10.1.2.3"));
        for bad in ["", "10.0.0.1/8", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "10/8", "fd00::1/8", "a/8"] {
            assert_eq!(Net::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn entries() {
        let names = |entry: &str, host: &str, port: u16| {
            let (entry, host) = (Allowed::parse(entry).unwrap(), Host::parse(host).unwrap());
            (entry.names(&host, port), entry.opens(&host, port))
        };
        assert_eq!(names("Files.internal", "files.internal", 443), (true, false));
        assert_eq!(names("minio:9000", "MINIO", 9000), (true, true));
        assert_eq!(names("127.0.0.1:81", "127.0.0.1", 81), (true, true));
        assert_eq!(names("[::1]:8", "[::1]", 8), (true, true));
        for (entry, host, port) in
            [("minio:9000", "minio", 443), ("internal", "files.internal", 443), ("::1", "[::1]", 1)]
        {
            assert_eq!(names(entry, host, port), (false, false), "{entry}");
        }
        for (entry, address) in [("10.0.0.0/8", "10.0.0.1"), ("10.0.0.1", "10.0.0.1"), ("::1", "::1"), ("[::1]", "::1")]
        {
            let entry = Allowed::parse(entry).unwrap();
            let address: IpAddr = address.parse().unwrap();
            assert!(entry.covers(address) || entry.names(&Host::Address(address), 443), "{entry:?}");
        }
        for bad in ["", "https://a.de", "a.de/", "a@b", "a:0", "a:b", "*.a.de", "a b", "[::1", "127.1"] {
            assert_eq!(Allowed::parse(bad), None, "{bad}");
        }
    }
}
