//! URLs of strangers: nothing that is not public is connected to, whatever the URL, the resolver or a redirect says. The
//! listeners count.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::too_many_lines,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "shared with the tests of other pipelines")]
mod support;

mod download;
mod forms;
mod proxy;
mod rebinding;
mod redirects;
mod rig;
mod whatwg;
