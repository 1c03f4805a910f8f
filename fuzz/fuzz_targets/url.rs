//! URLs of strangers, and where they redirect to.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| warmpath_engine::fuzz::url(data));
