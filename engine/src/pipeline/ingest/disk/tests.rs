//! The disk sink against a real directory.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{
    ALIGN, Disk,
    direct::{LEAST, ask},
    fault::unwritten,
    sweep::sweep,
    temp::Temp,
};
use crate::{
    error::Code,
    pipeline::ingest::{
        blocks::{BLOCK, Blocks},
        meter::Sums,
    },
};

/// A directory that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("warmpath-disk-{:016x}", fastrand::u64(..)));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn open(&self) -> Disk {
        Disk::open(self.0.to_str().unwrap(), true, true, Blocks::default()).unwrap()
    }

    fn names(&self) -> Vec<OsString> {
        let mut names: Vec<_> = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    /// Waits until only these are left: what a dropped writer leaves is removed by another thread.
    async fn settles_at(&self, names: &[&str]) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        while self.names() != names {
            assert!(tokio::time::Instant::now() < deadline, "{:?}", self.names());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn sums(bytes: &[u8]) -> Sums {
    Sums { sha256: hex::encode(Sha256::digest(bytes)), bytes: bytes.len() as u64 }
}

async fn store(disk: &Disk, name: &str, bytes: &[u8]) -> PathBuf {
    let mut writer = disk.writer();
    for piece in bytes.chunks(40_000) {
        writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    let (prepared, report) = writer.prepare(bytes.len() as u64, None).await.unwrap();
    assert!(report.is_none());
    prepared.commit(name.to_owned(), "bin".to_owned(), sums(bytes)).await.unwrap()
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap()
}

#[tokio::test]
async fn a_file_has_its_name_and_nothing_else_is_left() {
    let scratch = Scratch::new();
    let disk = scratch.open();
    let lengths = [0, 1, LEAST - 1, LEAST, LEAST + 1, 102_400, BLOCK, BLOCK + 1, BLOCK + ALIGN, 3_000_000];
    for len in lengths {
        let bytes: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(len).collect();
        let path = store(&disk, &format!("n{len}"), &bytes).await;
        assert_eq!(file_name(&path), format!("n{len}.bin"));
        assert!(fs::read(path).unwrap() == bytes);
    }
    drop(disk);
    let mut names: Vec<_> = lengths.iter().map(|len| format!("n{len}.bin")).collect();
    names.sort();
    scratch.settles_at(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

/// Past the page cache as far as whole pages go, through it from there on, and wherever it cannot be had.
#[test]
fn a_file_is_the_same_past_the_page_cache_and_through_it() {
    let scratch = Scratch::new();
    let blocks = Blocks::default();
    let block = |len: usize| {
        let mut block = blocks.take();
        block.resize(len, 0);
        fastrand::fill(&mut block);
        block.freeze()
    };
    let path = scratch.0.join("direct");
    let mut temp = Temp::make(path.clone(), Some(ask)).unwrap();
    let offered = temp.is_direct();
    assert_eq!(offered, cfg!(target_os = "linux"), "the file system of the folder for temporary files does it");
    let (whole, rest, small, more) = (block(BLOCK), block(LEAST + 100), block(10), block(BLOCK));
    let expected = [&whole[..], &whole, &rest, &small, &more].concat();
    temp.write(&whole).unwrap();
    temp.write(&whole).unwrap();
    assert_eq!(temp.is_direct(), offered, "whole pages");
    temp.write(&rest).unwrap();
    assert!(!temp.is_direct(), "the end of them");
    temp.write(&small).unwrap();
    temp.write(&more).unwrap();
    temp.sync().unwrap();
    assert!(temp.read(&(0..1_000_000_000)).unwrap() == expected);
    assert!(fs::read(&path).unwrap() == expected);
    drop(temp);
    assert!(!path.exists());

    // Read while there may be more to come.
    let mut temp = Temp::make(path.clone(), Some(ask)).unwrap();
    temp.write(&whole).unwrap();
    assert!(temp.read(&(5..70)).unwrap() == whole[5..70]);
    drop(temp);

    // Bytes that do not lie where they should.
    let mut temp = Temp::make(path.clone(), Some(ask)).unwrap();
    temp.write(&whole[1..]).unwrap();
    assert!(!temp.is_direct());
    assert!(fs::read(&path).unwrap() == whole[1..]);
    drop(temp);

    // What a file system answers that does not do it: the file is made all the same.
    let refused = Temp::make(path.clone(), Some(|options| options.write(false))).unwrap();
    assert!(!refused.is_direct() && path.exists());
}

#[tokio::test]
async fn only_files_that_are_waited_for_go_past_the_page_cache_and_only_where_it_is_wanted() {
    let scratch = Scratch::new();
    for (fsync, direct_io) in [(true, true), (true, false), (false, true)] {
        let disk = Disk::open(scratch.0.to_str().unwrap(), fsync, direct_io, Blocks::default()).unwrap();
        assert_eq!(disk.is_direct(), fsync && direct_io && cfg!(target_os = "linux"));
        let name = format!("n{fsync}{direct_io}");
        let bytes = vec![3; 900_000];
        assert!(fs::read(store(&disk, &name, &bytes).await).unwrap() == bytes);
    }
}

/// Small pieces are put together and large ones are not: whatever follows whatever, the file is what came.
#[tokio::test]
async fn pieces_of_any_size_are_written_in_their_order() {
    let scratch = Scratch::new();
    let disk = scratch.open();
    let mut random = fastrand::Rng::with_seed(7);
    for n in 0..60 {
        let mut writer = disk.writer();
        let mut whole = Vec::new();
        for _ in 0..random.usize(..40) {
            let most = *random.choice(&[0, 1, 40, 20_000, 32 * 1024, 70_000, 130_000, BLOCK, 600_000]).unwrap();
            let mut piece = vec![0; random.usize(..=most)];
            random.fill(&mut piece);
            whole.extend_from_slice(&piece);
            // As a connection has it, as decoded text comes, and as a part of something larger.
            let piece = match random.u8(..3) {
                0 if piece.len() <= BLOCK => {
                    let mut block = disk.blocks().take();
                    block.extend_from_slice(&piece);
                    block.freeze()
                }
                1 => Bytes::from([&[0; 10], &*piece, &[0; 9]].concat()).slice(10..10 + piece.len()),
                _ => piece.into(),
            };
            writer.write(piece).await.unwrap();
        }
        let (prepared, _) = writer.prepare(whole.len() as u64, None).await.unwrap();
        let path = prepared.commit(n.to_string(), "bin".to_owned(), sums(&whole)).await.unwrap();
        assert!(fs::read(path).unwrap() == whole, "{n}");
    }
}

#[tokio::test]
async fn a_name_that_is_taken_is_never_overwritten() {
    let scratch = Scratch::new();
    let disk = scratch.open();
    fs::write(scratch.0.join("a.bin"), b"somebody else's").unwrap();
    assert_eq!(file_name(&store(&disk, "a", b"one").await), "a_2.bin");
    assert_eq!(file_name(&store(&disk, "a", b"two").await), "a_3.bin");
    // The same bytes again are the same medium.
    assert_eq!(file_name(&store(&disk, "a", b"one").await), "a_2.bin");
    assert_eq!(fs::read(scratch.0.join("a.bin")).unwrap(), b"somebody else's");
    #[cfg(unix)]
    {
        // Same length, same bytes, and still not a file of ours.
        std::os::unix::fs::symlink("a_2.bin", scratch.0.join("b.bin")).unwrap();
        assert_eq!(file_name(&store(&disk, "b", b"one").await), "b_2.bin");
    }
}

#[tokio::test]
async fn what_is_dropped_leaves_nothing() {
    let scratch = Scratch::new();
    let disk = scratch.open();
    let lock = scratch.names().pop().unwrap();
    for blocks in [0, 1, 2, 5] {
        let mut writer = disk.writer();
        for _ in 0..blocks {
            writer.write(Bytes::from(vec![1; 256 * 1024])).await.unwrap();
        }
        drop(writer);
        scratch.settles_at(&[lock.to_str().unwrap()]).await;
        let mut writer = disk.writer();
        writer.write(Bytes::from_static(b"x")).await.unwrap();
        drop(writer.prepare(1, None).await.unwrap());
        scratch.settles_at(&[lock.to_str().unwrap()]).await;
    }
}

#[tokio::test]
async fn a_file_that_was_put_aside_goes_with_who_knows_of_it() {
    let scratch = Scratch::new();
    let disk = scratch.open();
    let lock = scratch.names().pop().unwrap();
    let aside = async || {
        let mut writer = disk.writer();
        writer.write(Bytes::from_static(b"x")).await.unwrap();
        writer.keep(1, None, |_| Ok(())).await.unwrap().0
    };
    let file = aside().await;
    assert!(file.path().exists());
    drop(file);
    scratch.settles_at(&[lock.to_str().unwrap()]).await;
    // Given up before, and after, the thread that writes has told of it.
    for turns in 0..100 {
        let patience = async {
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            () = patience => {}
            file = aside() => drop(file),
        }
    }
    scratch.settles_at(&[lock.to_str().unwrap()]).await;
    let file = aside().await;
    file.taken();
    let path = file.path().to_owned();
    drop(file);
    assert!(path.exists());
}

#[tokio::test]
async fn a_sweep_takes_what_the_dead_have_left_and_nothing_else() {
    let scratch = Scratch::new();
    let alive = scratch.open();
    let mut writer = alive.writer();
    writer.write(Bytes::from(vec![1; 256 * 1024])).await.unwrap();
    let dead = "00000000deadbeef";
    let keep = ["1_a.jpg", ".warmpath-notes.tmp", ".warmpath-00000000deadbeef.txt", "x.tmp"];
    for name in keep {
        fs::write(scratch.0.join(name), b"x").unwrap();
    }
    // One with its lock, one without; both of owners that are gone.
    let leavings = [
        format!(".warmpath-{dead}.lock"),
        format!(".warmpath-{dead}-0.tmp"),
        format!(".warmpath-{dead}-17.tmp"),
        ".warmpath-1111111111111111-3.tmp".to_owned(),
    ];
    for name in &leavings {
        fs::write(scratch.0.join(name), b"half").unwrap();
    }
    sweep(&scratch.0);
    // What the sweep that opening began has in hand, this one leaves to it.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while let Some(name) = leavings.iter().find(|name| scratch.0.join(name).exists()) {
        assert!(tokio::time::Instant::now() < deadline, "{name}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    for name in keep {
        assert!(scratch.0.join(name).exists(), "{name}");
    }
    let (prepared, _) = writer.prepare(256 * 1024, None).await.unwrap();
    let path = prepared.commit("1_b".to_owned(), "bin".to_owned(), sums(&vec![1; 256 * 1024])).await.unwrap();
    assert_eq!(fs::metadata(path).unwrap().len(), 256 * 1024);
}

#[tokio::test]
async fn a_directory_that_cannot_be_used_is_an_option_error() {
    let scratch = Scratch::new();
    fs::write(scratch.0.join("file"), b"").unwrap();
    for dir in ["nowhere", "file"] {
        let path = scratch.0.join(dir);
        let error = Disk::open(path.to_str().unwrap(), true, true, Blocks::default()).err().unwrap();
        assert_eq!(error.code, Code::InvalidOption);
        assert!(error.message.starts_with("dir: "), "{}", error.message);
    }
}

#[test]
fn a_full_disk_has_its_own_code() {
    let code = |kind: io::ErrorKind| unwritten(&kind.into()).code;
    assert_eq!(code(io::ErrorKind::StorageFull), Code::DiskFull);
    assert_eq!(code(io::ErrorKind::QuotaExceeded), Code::DiskFull);
    assert_eq!(code(io::ErrorKind::ReadOnlyFilesystem), Code::DiskFailed);
    assert_eq!(code(io::ErrorKind::PermissionDenied), Code::DiskFailed);
}
