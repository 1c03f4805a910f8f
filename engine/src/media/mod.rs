//! What a file is: its format, its geometry, its duration, and what has to be changed before Telegram takes it as wanted.
//!
//! Nothing here reads or sends. Every parser looks at a [`window::Window`] of known bytes and says which range it needs
//! next, so that the caller reads a head, an index and nothing else of a file of any size. Parsers are bounded in time and
//! memory by the bytes they are given, never panic, and are fuzzed (`fuzz/`).
//!
//! ```
//! use warmpath_engine::media::{Inspector, Step, faststart::Segment, photo};
//! # let file = b"GIF89a\x20\0\x10\0\0\0\0\x3B".to_vec();
//! # let read = |range: std::ops::Range<u64>| file[range.start as usize..range.end as usize].to_vec();
//!
//! let mut inspector = Inspector::new(Some("image/gif"), file.len() as u64);
//! // A streaming caller feeds its chunks as they come, and reads by Range only what lies far ahead.
//! while let Step::Need(range) = inspector.step().clone() {
//!     inspector.feed(range.start, &read(range));
//! }
//! // After a failed read `finish` says what can be said without it.
//! let report = inspector.finish();
//! assert_eq!((report.mime.as_str(), report.size(), report.seconds()), ("image/gif", Some((32, 16)), None));
//!
//! if let Some(image) = report.image() {
//!     assert!(photo::check(report.len, image, &photo::Limits::default()).is_ok());
//! }
//! // A film whose movie box stands at the end: send these parts instead, `plan.len` bytes in all.
//! if let Some(Ok(plan)) = report.faststart() {
//!     for segment in &plan.segments {
//!         match segment {
//!             Segment::Literal(bytes) => drop(bytes),
//!             Segment::Range { from, len } => drop((from, len)),
//!         }
//!     }
//! }
//! ```

mod cursor;
mod types;

pub mod audio;
pub mod faststart;
pub mod format;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
pub mod image;
pub mod inspect;
pub mod mp4;
pub mod photo;
pub mod report;
#[cfg(feature = "shrink")]
pub mod shrink;
pub mod sniff;
pub mod verdict;
pub mod window;

pub use format::Format;
pub use inspect::{Inspector, Step};
pub use report::{Details, Report};
pub use types::{extension, is_specific};
pub use verdict::Verdict;

#[cfg(test)]
mod tests;
