//! The prewarm pipeline against servers that misbehave. Every test says what the fault must lead to, and shows that the
//! fault happened.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::too_many_lines,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "tests"
)]

#[path = "../media_support/mod.rs"]
mod media_support;
#[path = "../support/mod.rs"]
mod support;

mod bytes;
mod cache;
mod cancel;
mod download;
mod media;
mod photos;
mod rig;
mod routes;
mod security;
mod store;
mod telegram;
mod upload;
