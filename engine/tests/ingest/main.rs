//! The ingest room without Node: from servers that do what a test says, through decryption and hashing, to a directory and a bucket.
//! A file under its final name is whole, or is not there.

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

mod bucket;
mod disk;
mod payload;
mod refusals;
mod rig;
mod web;
mod whatsapp;
