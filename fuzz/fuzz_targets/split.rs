//! Splits: the answer of an LLM against a text, and the local splitter. Whatever either is, the text is what comes out.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warmpath_engine::llm::split::{parse, split, units};

fuzz_target!(|data: (u8, &str, &str)| {
    let (max, response, original) = (usize::from(data.0) + 20, data.1, data.2);
    let letters = |text: &str| text.chars().filter(|letter| !letter.is_whitespace()).collect::<String>();
    for parts in [split(original, max), parse(response, original, max).parts] {
        assert_eq!(letters(&parts.concat()), letters(original));
        assert!(parts.iter().all(|part| !part.is_empty() && units(part) <= max));
    }
});
