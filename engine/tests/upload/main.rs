//! The writer of objects, where the files of uploadMany do not come: lengths that nobody knows, and ends that come in the middle.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "shared with the tests of other pipelines")]
mod support;

mod rig;
mod writer;
