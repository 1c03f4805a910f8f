//! The engine of warmpath: everything that moves bytes, signs, hashes, retries or waits on the network for a
//! messaging-media backend. It does not know that Node exists.
//!
//! Arrows point one way, and no room imports a room to its left:
//! `pipeline → executor, s3, telegram, llm, media → http, sigv4, queue → error, clock, secret`.
//!
//! | room | what it is for |
//! |---|---|
//! | [`pipeline`] | the steps of each kind of job, one file each |
//! | [`executor`] | slots, retries, leases, cancellation, outcomes, statistics |
//! | [`s3`] | objects: a read that resumes, a write |
//! | [`telegram`] | the Bot API: one streamed upload, typed answers |
//! | [`llm`] | chat completions, what they cost, and texts cut into parts |
//! | [`media`] | what a file is |
//! | [`http`] | connections, deadlines, faults |
//! | [`sigv4`] | AWS Signature Version 4 |
//! | [`queue`] | the bounded, deduplicating priority queue |
//! | [`error`], [`clock`], [`secret`], [`runtime`] | what every room stands on |

#![cfg_attr(
    any(test, fuzzing),
    allow(
        clippy::missing_panics_doc,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        reason = "a test that panics has failed, which is what it is for"
    )
)]

pub mod clock;
pub mod error;
pub mod executor;
pub mod failpoint;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod http;
pub mod llm;
pub mod media;
pub mod pipeline;
pub mod queue;
pub mod runtime;
pub mod s3;
pub mod secret;
pub mod sigv4;
pub mod telegram;
