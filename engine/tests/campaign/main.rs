//! The campaign pipeline against an LLM service and a webhook that misbehave. Every test says what the fault must lead to,
//! and shows that the fault happened.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::too_many_lines,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "shared with tests that need other parts of it")]
mod support;

mod confirm;
mod deliver;
mod generate;
mod limits;
mod rig;
mod split;
