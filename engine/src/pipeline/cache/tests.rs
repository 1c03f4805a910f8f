//! What cannot be reached from outside: a disk that fills up in the middle. The faults of the network are in
//! `tests/prewarm/cache.rs`.

use std::{fs::OpenOptions, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;
use crate::{
    clock::SystemClock,
    error::Code,
    http::{Client, HttpOptions, Timeouts},
    s3::S3Options,
};

const LEN: usize = 3 << 20;

/// A store with one object, of which it serves any range.
async fn store(etag: &'static str) -> (S3, Arc<parking_lot::Mutex<Vec<usize>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let starts = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let log = Arc::clone(&starts);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                let head = String::from_utf8(head).unwrap();
                let start = head
                    .split_once("range: bytes=")
                    .map_or(0, |(_, rest)| rest.split_once('-').unwrap().0.parse().unwrap());
                log.lock().push(start);
                let range = format!("content-range: bytes {start}-{}/{LEN}\r\n", LEN - 1);
                let status = if start == 0 { "200 OK\r\n".to_owned() } else { format!("206 X\r\n{range}") };
                let answer = format!("HTTP/1.1 {status}content-length: {}\r\n{etag}\r\n", LEN - start);
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.write_all(&contents()[start..]).await;
            });
        }
    });
    let timeouts = Timeouts::default();
    let client = Client::new(&HttpOptions::default(), &timeouts).unwrap();
    let options: S3Options = serde_json::from_value(serde_json::json!({
        "endpoint": endpoint, "bucket": "b", "accessKeyId": "a", "secretAccessKey": "s" }))
    .unwrap();
    (S3::new(options, &client, timeouts, Arc::new(SystemClock)).unwrap(), starts)
}

fn contents() -> Vec<u8> {
    (0..u32::try_from(LEN).unwrap()).map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8).collect()
}

fn hash(bytes: &[u8]) -> Sha256Digest {
    use sha2::{Digest, Sha256};
    Sha256Digest::of(Sha256::digest(bytes))
}

async fn read(reader: &mut SharedReader) -> Result<Vec<u8>> {
    let mut whole = Vec::new();
    while let Some(piece) = reader.chunk().await? {
        whole.extend_from_slice(&piece);
    }
    Ok(whole)
}

/// Two readers of an entry whose disk is full from the first byte on.
async fn on_a_full_disk(
    etag: &'static str,
) -> (Cache, SharedReader, SharedReader, Arc<parking_lot::Mutex<Vec<usize>>>) {
    let (s3, starts) = store(etag).await;
    let cache = Cache::new(CacheOptions { max_bytes: 1 << 30, ttl_ms: 1000, dir: None }, true);
    let sha256 = hash(&contents());
    let slot = cache.table.slot(&cache.id(sha256, "k"));
    let object = s3.open("k").await.unwrap();
    let full = OpenOptions::new().read(true).write(true).open("/dev/full").unwrap();
    let entry = Entry::new(object, sha256, Some(Spool::of(full)), cache.table.reserve(LEN as u64).unwrap());
    assert!(slot.entry.set(entry).is_ok());
    let (one, two) = (SharedReader::new(Arc::clone(&slot), "k"), SharedReader::new(slot, "k"));
    (cache, one, two, starts)
}

#[tokio::test]
async fn a_disk_that_fills_up_in_the_middle_stops_no_reader() {
    let (cache, mut one, mut two, starts) = on_a_full_disk("etag: \"v\"\r\n").await;
    assert_eq!(hash(&read(&mut one).await.unwrap()), hash(&contents()));
    one.verify().unwrap();
    // The first kept the connection; the second reads what is in memory, and the rest from where that ends.
    assert_eq!(hash(&read(&mut two).await.unwrap()), hash(&contents()));
    two.verify().unwrap();
    let starts = starts.lock().clone();
    assert_eq!((starts.len(), starts[0]), (2, 0));
    assert!(starts[1] > 0);
    let counted = cache.snapshot();
    assert_eq!((counted.failures, counted.entries), (1, 0), "nobody joins what is not kept");
    drop((one, two));
    assert_eq!(cache.snapshot().bytes, 0);
}

#[tokio::test]
async fn without_a_version_the_rest_cannot_be_read_and_is_not_guessed() {
    let (_cache, mut one, mut two, _) = on_a_full_disk("").await;
    assert_eq!(read(&mut one).await.unwrap().len(), LEN);
    assert_eq!(read(&mut two).await.unwrap_err().code, Code::DownloadFailed);
}

#[tokio::test]
async fn nothing_is_kept_for_one_who_knows_that_nobody_else_wants_it() {
    let (s3, _) = store("etag: \"v\"\r\n").await;
    let cache = Cache::new(CacheOptions { max_bytes: 1 << 30, ttl_ms: 1000, dir: None }, true);
    let sha256 = hash(&contents());
    assert!(matches!(cache.open(&s3, sha256, "k", Some(0)).await.unwrap(), Opened::Alone(_)));
    assert!(matches!(cache.open(&s3, sha256, "k", Some(1)).await.unwrap(), Opened::Shared { joined: false, .. }));
    assert_eq!(cache.snapshot().bytes, 0, "the reader is gone, and nobody was right yet");
}

#[tokio::test]
async fn the_oldest_idle_entry_makes_room_and_one_in_use_does_not() {
    let (s3, _) = store("etag: \"v\"\r\n").await;
    let options = CacheOptions { max_bytes: 2 * LEN as u64, ttl_ms: 60_000, dir: None };
    // Without verification the key is part of the name: one hash, many files.
    let cache = Cache::new(options, false);
    let sha256 = hash(&contents());
    let mut held = Vec::new();
    for key in ["a", "b", "c"] {
        let Opened::Shared { mut reader, .. } = cache.open(&s3, sha256, key, None).await.unwrap() else {
            panic!("{key} was not shared")
        };
        read(&mut reader).await.unwrap();
        if key == "a" {
            held.push(reader);
        }
    }
    assert!(cache.join(sha256, "a").is_some(), "in use");
    assert!(cache.join(sha256, "b").is_none(), "the oldest idle one");
    assert!(cache.join(sha256, "c").is_some());
    assert_eq!(cache.snapshot().bytes, 2 * LEN as u64);
    let both = (cache.join(sha256, "a"), cache.join(sha256, "c"));
    assert!(matches!(cache.open(&s3, sha256, "d", None).await.unwrap(), Opened::Alone(_)));
    assert_eq!(cache.snapshot().bypassed, 1);
    drop(both);
}

/// Its slot is closed a moment later only: until then it is found, and must not be joined.
#[tokio::test]
async fn wrong_bytes_are_not_joined_from_the_moment_they_are_known() {
    let (s3, _) = store("etag: \"v\"\r\n").await;
    let cache = Cache::new(CacheOptions { max_bytes: 1 << 30, ttl_ms: 1000, dir: None }, true);
    let wrong = hash(b"not theirs");
    let id = cache.id(wrong, "k");
    let slot = cache.table.slot(&id);
    let object = s3.open("k").await.unwrap();
    let room = cache.table.reserve(LEN as u64).unwrap();
    let entry = Entry::new(object, wrong, Some(Spool::new(std::env::temp_dir())), room);
    assert!(slot.entry.set(entry).is_ok());
    assert!(cache.join(wrong, "k").is_some());
    let entry = slot.entry.get().unwrap();
    while entry.is_right().is_none() {
        entry.download.lock().await.fetch(entry).await.unwrap();
    }
    assert_eq!(entry.is_right(), Some(false));
    assert!(cache.join(wrong, "k").is_none());
    assert!(!Arc::ptr_eq(&cache.table.slot(&id), &slot), "the next one begins anew");
}
