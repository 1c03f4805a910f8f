//! What the benchmark servers and the floor share: cheap blocking transport, an HTTP/1.1 reader and the objects served.
//!
//! Nothing here knows the engine: a floor that used the code it is a floor for would prove nothing.

pub mod args;
pub mod http;
pub mod object;
pub mod process;
pub mod serve;
pub mod tls;
pub mod wire;
