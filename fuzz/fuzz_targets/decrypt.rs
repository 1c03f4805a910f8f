//! Encrypted files of WhatsApp.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| warmpath_engine::fuzz::decrypt(data));
