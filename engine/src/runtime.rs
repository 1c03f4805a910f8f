//! The threads everything runs on: one small pool for the process, shared by every executor of every thread of Node.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::{Code, Error, Result};

/// More threads than this never helped a workload that waits on the network, and each costs an allocator arena.
const MOST_WORKERS: usize = 4;

/// A handle to the process's runtime, started at the first call. It is never shut down: its threads hold no JavaScript
/// value, and a process that exits takes them along.
///
/// # Errors
/// `INTERNAL` when the operating system gives no threads.
pub fn handle() -> Result<Handle> {
    static RUNTIME: OnceLock<std::result::Result<Runtime, String>> = OnceLock::new();
    RUNTIME
        .get_or_init(|| {
            // Half of the cores (of a container's quota, where there is one): the other half belongs to Node. One thread
            // moves several times what a network does, and a transfer that stays on it wakes no other.
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            Builder::new_multi_thread()
                .worker_threads((cores / 2).clamp(1, MOST_WORKERS))
                .max_blocking_threads(16)
                .thread_name("warmpath")
                .enable_all()
                .build()
                .map_err(|error| error.kind().to_string())
        })
        .as_ref()
        .map(|runtime| runtime.handle().clone())
        .map_err(|reason| Error::new(Code::Internal, format!("the engine's threads could not be started: {reason}")))
}
