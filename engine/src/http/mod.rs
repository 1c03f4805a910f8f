//! HTTP as media transfers need it: nothing is buffered whole, every wait has an end, and a failure says what kind it is.
//!
//! HTTP/1.1 over hyper's own client rather than a higher-level one, for three reasons that decide the outcome: the
//! target goes over the wire byte for byte (a URL parser folds the dot segments of an object key), the buffers of a
//! connection have a stated size, and TLS records are read in large pieces and opened where they lie.
//!
//! No redirect is followed, no proxy taken from the environment, no `Referer` sent, no body decoded. URLs that come from
//! strangers go through [`guard`], which follows redirects by its policy.

mod client;
mod connect;
mod crypto;
mod fault;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
pub mod guard;
mod options;
mod pool;
mod range;
mod records;
mod retry_after;
mod tls;
mod told;
mod wire;

pub use client::{Body, BodyError, Client, Host, Request, Response};
pub use fault::{Fault, FaultKind};
pub use options::{HttpOptions, Timeouts};
pub(crate) use range::content_range;
pub use retry_after::retry_after;
