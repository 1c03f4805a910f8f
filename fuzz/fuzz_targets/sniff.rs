//! The sniffer, and what is concluded from it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warmpath_engine::media::{sniff::sniff, verdict};

fuzz_target!(|data: &[u8]| {
    let found = sniff(data);
    let declared = data.get(..20).map(String::from_utf8_lossy);
    let sent = verdict::effective(declared.as_deref(), found);
    assert!(!sent.is_empty() && sent.bytes().all(|b| b.is_ascii_graphic() || b == b' '), "{sent:?}");
});
