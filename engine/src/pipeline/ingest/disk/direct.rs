//! Files that are written once and waited for need not go through the page cache (`O_DIRECT`, open(2)). Linux only; elsewhere this
//! does nothing.
//!
//! In the cache a file takes a page of memory for every 4 KiB, and what other programs had there makes room for it; every byte is
//! copied once more; and where the memory is new to the machine, as in virtual ones that give back what is free, its pages cost more than
//! all else that is done to write it.

use std::{fs::OpenOptions, io};

/// What address, place and length of a direct write have to be multiples of. Disks ask for less; none of them for more than a page.
pub const ALIGN: usize = 4096;

/// The least that is worth it. The end of a file that is no multiple of [`ALIGN`] goes through the cache all the same, which is one
/// more visit to the disk.
pub const LEAST: usize = 64 * 1024;

/// Whether bytes lie where a direct write can take them from.
pub fn is_aligned(bytes: &[u8]) -> bool {
    bytes.as_ptr().addr().is_multiple_of(ALIGN)
}

/// Whether files may be written past the cache at all.
pub const fn is_offered() -> bool {
    cfg!(target_os = "linux")
}

/// How a file is asked for.
pub type Ask = fn(&mut OpenOptions) -> &mut OpenOptions;

/// Asks for a file past the cache.
#[cfg(target_os = "linux")]
pub fn ask(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, libc::O_DIRECT)
}

#[cfg(not(target_os = "linux"))]
pub fn ask(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Whether a file system, or a disk, does not do it.
pub fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
}
