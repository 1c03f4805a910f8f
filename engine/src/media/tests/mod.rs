//! Hand-built files: every format in its smallest form, and what every parser must survive.

mod files;
mod iso;

mod audio;
mod faststart;
mod image;
mod inspect;
mod mp4;
mod robust;
#[cfg(feature = "shrink")]
mod shrink;
mod sniff;
