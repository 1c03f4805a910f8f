//! Every parser of bytes that strangers choose, as a function of those bytes that panics where a promise is broken.
//!
//! A target stands beside what it tries, in the `fuzz.rs` of that room. Two drive them: libFuzzer, guided by the branches that an input
//! takes (`fuzz/`), and the short form in every run of the unit tests. No build of the product has any of this.

#[cfg(test)]
mod short;

#[cfg(feature = "shrink")]
pub use crate::media::fuzz::shrink;
pub use crate::{
    http::fuzz::{header, wire},
    http::guard::fuzz::url,
    llm::fuzz::{completion, split},
    media::fuzz::{audio, faststart, image, inspect, mp4, sniff},
    pipeline::fuzz::{base64, decrypt, door, look, naming, webhook},
    s3::fuzz::document,
    sigv4::fuzz::sign,
    telegram::fuzz::{album, answer, file_name},
};

/// Names every target once: for whoever runs them all, and as a unit test each.
macro_rules! targets {
    ($($(#[$when:meta])* $name:ident)*) => {
        /// Every target by its name.
        pub const ALL: &[(&str, fn(&[u8]))] = &[$($(#[$when])* (stringify!($name), $name),)*];

        #[cfg(test)]
        mod each {
            $($(#[$when])* #[test]
            fn $name() {
                super::short::run(stringify!($name), super::$name);
            })*
        }
    };
}

targets! {
    album answer audio base64 completion decrypt document door faststart file_name header image inspect look mp4 naming
    #[cfg(feature = "shrink")] shrink
    sign sniff split url webhook wire
}
