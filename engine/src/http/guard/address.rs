//! Which addresses are public: everything that the special-purpose registries of IANA do not set apart.
//!
//! <https://www.iana.org/assignments/iana-ipv4-special-registry/>,
//! <https://www.iana.org/assignments/iana-ipv6-special-registry/>. Blocks that the registries call globally reachable are
//! refused too: no media lives there. The blocks that carry an IPv4 address inside an IPv6 one (mapped, NAT64, 6to4,
//! Teredo, ISATAP) are refused whatever they carry: a public server has no need of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

struct Block<A> {
    first: A,
    /// Bits that all addresses of the block share.
    bits: u8,
    purpose: &'static str,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8, purpose: &'static str) -> Block<Ipv4Addr> {
    Block { first: Ipv4Addr::new(a, b, c, d), bits, purpose }
}

const fn v6(start: [u16; 4], bits: u8, purpose: &'static str) -> Block<Ipv6Addr> {
    let [a, b, c, d] = start;
    Block { first: Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), bits, purpose }
}

const V4: [Block<Ipv4Addr>; 18] = [
    v4(0, 0, 0, 0, 8, "this network"),
    v4(10, 0, 0, 0, 8, "private"),
    v4(100, 64, 0, 0, 10, "carrier-grade NAT"),
    v4(127, 0, 0, 0, 8, "loopback"),
    v4(169, 254, 0, 0, 16, "link-local"),
    v4(172, 16, 0, 0, 12, "private"),
    v4(192, 0, 0, 0, 24, "protocol assignments"),
    v4(192, 0, 2, 0, 24, "documentation"),
    v4(192, 31, 196, 0, 24, "AS112"),
    v4(192, 52, 193, 0, 24, "AMT"),
    v4(192, 88, 99, 0, 24, "6to4 relay"),
    v4(192, 168, 0, 0, 16, "private"),
    v4(192, 175, 48, 0, 24, "AS112"),
    v4(198, 18, 0, 0, 15, "benchmarking"),
    v4(198, 51, 100, 0, 24, "documentation"),
    v4(203, 0, 113, 0, 24, "documentation"),
    v4(224, 0, 0, 0, 4, "multicast"),
    // The limited broadcast address is the last of these.
    v4(240, 0, 0, 0, 4, "reserved"),
];

/// Inside 2000::/3, the only space that is given out for use on the Internet; the rest is refused as a whole.
const V6: [Block<Ipv6Addr>; 5] = [
    // Teredo, ORCHID, benchmarking and all the others.
    v6([0x2001, 0, 0, 0], 23, "protocol assignments"),
    v6([0x2001, 0xdb8, 0, 0], 32, "documentation"),
    v6([0x2002, 0, 0, 0], 16, "6to4"),
    v6([0x2620, 0x4f, 0x8000, 0], 48, "AS112"),
    v6([0x3fff, 0, 0, 0], 20, "documentation"),
];

/// The names of what lies outside of 2000::/3, for a message that helps.
const V6_NAMED: [Block<Ipv6Addr>; 7] = [
    v6([0x64, 0xff9b, 0, 0], 32, "NAT64"),
    v6([0x100, 0, 0, 0], 32, "discard-only"),
    v6([0x5f00, 0, 0, 0], 16, "segment routing"),
    v6([0xfc00, 0, 0, 0], 7, "private"),
    v6([0xfe80, 0, 0, 0], 10, "link-local"),
    v6([0xfec0, 0, 0, 0], 10, "site-local"),
    v6([0xff00, 0, 0, 0], 8, "multicast"),
];

/// Public by the registries, and still the inside of a cloud: the platform address of Azure, which serves the secrets of a
/// virtual machine to it.
const AZURE_PLATFORM: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

impl Block<Ipv4Addr> {
    fn has(&self, address: Ipv4Addr) -> bool {
        (address.to_bits() ^ self.first.to_bits()).leading_zeros() >= u32::from(self.bits)
    }
}

impl Block<Ipv6Addr> {
    fn has(&self, address: Ipv6Addr) -> bool {
        (address.to_bits() ^ self.first.to_bits()).leading_zeros() >= u32::from(self.bits)
    }
}

/// What an address is set apart for; `None` for a public one.
#[must_use]
pub fn special_purpose(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(AZURE_PLATFORM) => Some("cloud platform"),
        IpAddr::V4(address) => V4.iter().find(|block| block.has(address)).map(|block| block.purpose),
        IpAddr::V6(address) => special_v6(address),
    }
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    let [first, _, _, _, _, isatap, ..] = address.segments();
    if first >> 13 == 1 {
        // An ISATAP interface (RFC 5214 §6.1) carries an IPv4 address of the site in its last half, under any prefix.
        if isatap == 0x5efe && matches!(address.segments()[4], 0 | 0x200) {
            return Some("ISATAP");
        }
        return V6.iter().find(|block| block.has(address)).map(|block| block.purpose);
    }
    if address == Ipv6Addr::LOCALHOST {
        return Some("loopback");
    }
    if address == Ipv6Addr::UNSPECIFIED {
        return Some("unspecified");
    }
    if address.to_ipv4_mapped().is_some() {
        return Some("IPv4-mapped");
    }
    if address.to_bits() >> 32 == 0 {
        return Some("IPv4-compatible");
    }
    Some(V6_NAMED.iter().find(|block| block.has(address)).map_or("not assigned", |block| block.purpose))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First and last address of every block, and the neighbours that are public.
    #[test]
    fn every_block_ends_where_the_registry_says() {
        let public = |text: &str| special_purpose(text.parse().unwrap());
        for (first, last) in [
            ("0.0.0.0", "0.255.255.255"),
            ("10.0.0.0", "10.255.255.255"),
            ("100.64.0.0", "100.127.255.255"),
            ("127.0.0.0", "127.255.255.255"),
            ("169.254.0.0", "169.254.255.255"),
            ("172.16.0.0", "172.31.255.255"),
            ("192.0.0.0", "192.0.0.255"),
            ("192.0.2.0", "192.0.2.255"),
            ("192.31.196.0", "192.31.196.255"),
            ("192.52.193.0", "192.52.193.255"),
            ("192.88.99.0", "192.88.99.255"),
            ("192.168.0.0", "192.168.255.255"),
            ("192.175.48.0", "192.175.48.255"),
            ("198.18.0.0", "198.19.255.255"),
            ("198.51.100.0", "198.51.100.255"),
            ("203.0.113.0", "203.0.113.255"),
            ("224.0.0.0", "255.255.255.255"),
        ] {
            let (first, last): (Ipv4Addr, Ipv4Addr) = (first.parse().unwrap(), last.parse().unwrap());
            for inside in [first, last] {
                assert!(special_purpose(inside.into()).is_some(), "{inside}");
            }
            for neighbour in [first.to_bits().checked_sub(1), last.to_bits().checked_add(1)].into_iter().flatten() {
                let neighbour = Ipv4Addr::from_bits(neighbour);
                assert_eq!(special_purpose(neighbour.into()), None, "{neighbour}");
            }
        }
        for cloud in ["169.254.169.254", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254"] {
            assert!(public(cloud).is_some(), "{cloud}");
        }
        for open in ["1.1.1.1", "8.8.8.8", "168.63.129.17", "2606:4700:4700::1111", "2001:4860:4860::8888", "2a00::1"] {
            assert_eq!(public(open), None, "{open}");
        }
    }

    #[test]
    fn every_kind_of_ipv6_is_named() {
        for (address, purpose) in [
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::2", "IPv4-compatible"),
            ("::127.0.0.1", "IPv4-compatible"),
            ("::ffff:8.8.8.8", "IPv4-mapped"),
            ("::ffff:0:8.8.8.8", "not assigned"),
            ("64:ff9b::8.8.8.8", "NAT64"),
            ("64:ff9b:1::10.0.0.1", "NAT64"),
            ("100::1", "discard-only"),
            ("100:0:0:1::1", "discard-only"),
            ("2001::1", "protocol assignments"),
            ("2001:2::1", "protocol assignments"),
            ("2001:1ff:ffff::1", "protocol assignments"),
            ("2001:db8::1", "documentation"),
            ("2002:7f00:1::1", "6to4"),
            ("2620:4f:8000::1", "AS112"),
            ("3fff:fff::1", "documentation"),
            ("2a00:1450::5efe:127.0.0.1", "ISATAP"),
            ("2a00:1450::200:5efe:127.0.0.1", "ISATAP"),
            ("4000::1", "not assigned"),
            ("5f00::1", "segment routing"),
            ("fc00::1", "private"),
            ("fdff:ffff::1", "private"),
            ("fe80::1", "link-local"),
            ("febf::1", "link-local"),
            ("fec0::1", "site-local"),
            ("ff02::1", "multicast"),
        ] {
            assert_eq!(special_purpose(address.parse().unwrap()), Some(purpose), "{address}");
        }
        for open in ["2001:200::1", "2001:db7:ffff::1", "2003::1", "3ffe:ffff::1", "2620:4f:8001::1"] {
            assert_eq!(special_purpose(open.parse().unwrap()), None, "{open}");
        }
    }
}
