//! Names of files in a header.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| warmpath_engine::fuzz::file_name(data));
