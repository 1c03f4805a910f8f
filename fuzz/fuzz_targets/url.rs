//! The policy over URLs of strangers: what it takes is a public server, and means the same when it is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warmpath_engine::http::guard::{Guard, GuardOptions, Host, Url, address::special_purpose};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(url) = Url::parse(text) {
        assert!(url.target().starts_with('/') && url.target().bytes().all(|b| b.is_ascii_graphic() && b != b'\\'));
        assert_eq!(Url::parse(&url.to_string()).as_ref(), Ok(&url));
        // Where redirects from there can lead is no other matter.
        let _ = url.join(text.rsplit('/').next().unwrap_or_default());
    }
    let guard = Guard::new(&GuardOptions::default()).expect("the defaults are valid");
    if let Ok(url) = guard.check(text) {
        assert!(url.secure() && matches!(url.port(), 80 | 443));
        match url.host() {
            Host::Address(address) => assert_eq!(special_purpose(*address), None),
            Host::Name(name) => {
                assert!(name.contains('.') && !name.ends_with('.'));
                assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b)));
                assert!(name.parse::<std::net::IpAddr>().is_err());
            }
        }
    }
    // The lists of the user are texts too.
    let lists = GuardOptions { allow: vec![text.to_owned()], deny: vec![text.to_owned()], ..GuardOptions::default() };
    let _ = Guard::new(&lists);
});
