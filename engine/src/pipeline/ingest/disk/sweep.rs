//! Removes what killed processes left behind: temporary files whose owner is dead, and that owner's lock.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use super::{
    LOCK, PREFIX, TEMP,
    lock::{Owner, lock_path, owner},
};

/// Sweeps a directory once. What cannot be removed stays for the next time: there is nobody to tell.
pub fn sweep(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let mut left: HashMap<String, Vec<PathBuf>> = HashMap::new();
    for entry in entries.flatten() {
        if let Some((nonce, is_temp)) = ours(&entry.file_name()) {
            let files = left.entry(nonce).or_default();
            if is_temp {
                files.push(entry.path());
            }
        }
    }
    for (nonce, files) in left {
        // Held until its files are gone: two sweepers do not get into each other's way.
        let Owner::Dead(_held) = owner(dir, &nonce) else { continue };
        for file in files {
            drop(fs::remove_file(file));
        }
        drop(fs::remove_file(lock_path(dir, &nonce)));
    }
}

/// Whose file this is, and whether it is a temporary one; `None` = not one of ours.
fn ours(name: &OsStr) -> Option<(String, bool)> {
    let rest = name.to_str()?.strip_prefix(PREFIX)?;
    let (nonce, is_temp) = match rest.strip_suffix(LOCK) {
        Some(nonce) => (nonce, false),
        None => (rest.strip_suffix(TEMP)?.split_once('-')?.0, true),
    };
    let is_nonce = nonce.len() == 16 && nonce.bytes().all(|b| b.is_ascii_hexdigit());
    is_nonce.then(|| (nonce.to_owned(), is_temp))
}
