//! All parsers of media, behind their front.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| warmpath_engine::fuzz::inspect(data));
