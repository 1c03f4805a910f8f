//! The door between Node and the engine: options and jobs in, outcomes out. The only crate that names napi.
//!
//! Rules of the door:
//!
//! 1. What crosses is plain: numbers, texts, bytes. Options, jobs and outcomes are JSON text, a whole batch in one text:
//!    one string is cheaper than the properties of an object one by one, and it leaves one strict parser
//!    (`deny_unknown_fields`) on this side, whatever JavaScript let through.
//! 2. No JavaScript value is stored here except one weak, bounded wake-up function per executor. It carries nothing:
//!    outcomes wait in the engine until JavaScript takes them, so none can be lost on the way.
//! 3. Every synchronous export is `catch_unwind`: a panic becomes an exception, not the end of the process. The functions of
//!    the signer and the queue are raw Node-API callbacks, because there the crossing costs more than the work; they share
//!    one trampoline that catches (`door/`, the only folder with unsafe code of our own).
//! 4. Bytes are copied at the edge; no buffer of JavaScript is read off its thread.
//! 5. Texts that hold secrets are zeroed once they are parsed.

// The macros of napi expand to unsafe calls; the deny of the workspace is kept for what we write ourselves.
#![allow(unsafe_code, reason = "napi's macros expand to unsafe code; this crate writes its own in door/ alone")]
// The exported API is documented in index.d.ts, for the people who call it.
#![allow(missing_docs, reason = "exports are documented where they are used: index.d.ts")]
// napi hands texts and lists over by value.
#![allow(clippy::needless_pass_by_value, reason = "the signatures of exports are napi's")]

mod campaign;
mod door;
mod errors;
mod face;
mod ingest;
mod prewarm;
mod queue;
mod rows;
mod s3;
mod settle;
mod signer;
mod upload;
mod waker;
