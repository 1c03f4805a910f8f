//! What is proved here, and by which command: `docs/queue-proof.md`.

use super::*;

mod lanes;
mod waiting;
