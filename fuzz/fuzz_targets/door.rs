//! Options and jobs, as they cross from JavaScript.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| warmpath_engine::fuzz::door(data));
