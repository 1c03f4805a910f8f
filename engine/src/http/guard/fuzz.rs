//! The policy over URLs of strangers: what it takes is a public server, and means the same when it is read again.

use std::net::IpAddr;

use super::{Guard, GuardOptions, Host, Url, address::special_purpose, allow::Net};

/// A URL; behind a line break, if there is one, a `Location` that its server answers with.
pub fn url(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let (text, location) = text.split_once('\n').unwrap_or((text, ""));
    if let Ok(url) = Url::parse(text) {
        check(&url);
        if let Ok(next) = url.join(location) {
            check(&next);
            // Whatever leads to another server says so: it has a scheme, or begins with two slashes.
            let leads_away = location.starts_with("//") || location.contains("://");
            assert!(leads_away || next.origin() == url.origin(), "{location:?} led from {url} to {next}");
        }
    }
    let guard = Guard::new(&GuardOptions::default()).expect("the defaults are valid");
    if let Ok(url) = guard.check(text) {
        assert!(url.secure() && matches!(url.port(), 80 | 443));
        match url.host() {
            Host::Address(address) => assert_eq!(special_purpose(*address), None),
            Host::Name(name) => {
                assert!(name.contains('.') && !name.ends_with('.'));
                assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b)));
                assert!(name.parse::<IpAddr>().is_err());
            }
        }
    }
    lists(text);
}

/// What is sent cannot end its line, and is read again as itself.
fn check(url: &Url) {
    assert!(url.target().starts_with('/') && url.target().bytes().all(|b| b.is_ascii_graphic() && b != b'\\'));
    assert_eq!(Url::parse(&url.to_string()).as_ref(), Ok(url));
}

/// The lists of the user are texts too. A network has its own first address in it.
fn lists(text: &str) {
    let listed = vec![text.to_owned()];
    let _ = Guard::new(&GuardOptions { allow: listed.clone(), ..GuardOptions::default() });
    let denied = Guard::new(&GuardOptions { deny: listed, ..GuardOptions::default() });
    let net = Net::parse(text);
    assert_eq!(denied.is_ok(), net.is_some());
    let first = text.split('/').next().unwrap_or_default().parse::<IpAddr>();
    assert!(net.is_none_or(|net| first.is_ok_and(|first| net.contains(first))));
}
