//! Gives a finished file its name, in one step and never over another file.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
};

use aws_lc_rs::digest;

use super::{Disk, temp::Temp};
use crate::pipeline::ingest::meter::Sums;

/// How many names are tried. Whoever gives a hundred media one id and one second has another problem.
const MOST_NAMES: u32 = 100;

const BLOCK: usize = 256 * 1024;

/// Names a file `<name>.<extension>`, or `<name>_2.<extension>` and so on where that is taken. A file that is there already
/// with the same bytes is the work of an earlier try whose end nobody heard of: it is taken for this one.
pub fn place(disk: &Disk, temp: Temp, name: &str, extension: &str, sums: &Sums) -> io::Result<PathBuf> {
    for number in 1..=MOST_NAMES {
        let path = disk.dir().join(if number == 1 {
            format!("{name}.{extension}")
        } else {
            format!("{name}_{number}.{extension}")
        });
        match link(temp.path(), &path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists && is_same(&path, sums) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        }
        // Before anybody makes the new name last: both changes do together.
        drop(temp);
        return Ok(path);
    }
    Err(ErrorKind::AlreadyExists.into())
}

/// The name as a second one of the same file: unlike a rename this fails where the name is taken, in the same step.
fn link(temp: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(temp, path) {
        // A file system that knows one name per file (FAT, some network ones). Looking first and renaming then is two steps; the
        // names are ours, so that two who take the same one in between are two who store the same medium.
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::Unsupported) => {
            match fs::symlink_metadata(path) {
                Ok(_) => Err(ErrorKind::AlreadyExists.into()),
                Err(missing) if missing.kind() == ErrorKind::NotFound => fs::rename(temp, path),
                Err(error) => Err(error),
            }
        }
        linked => linked,
    }
}

/// Whether a file holds these bytes. One that cannot be read holds others.
fn is_same(path: &Path, sums: &Sums) -> bool {
    let same_length = fs::symlink_metadata(path).is_ok_and(|found| found.is_file() && found.len() == sums.bytes);
    same_length && sha256(path).is_ok_and(|sha256| sha256 == sums.sha256)
}

fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = digest::Context::new(&digest::SHA256);
    let mut block = vec![0; BLOCK];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hex::encode(hash.finish())),
            read => hash.update(block.get(..read).unwrap_or_default()),
        }
    }
}
