//! A transfer of any size costs one part of memory and a little. Counted by the allocator. One test alone in its process: others
//! would be counted with it.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]
#![expect(unsafe_code, reason = "an allocator that counts")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use warmpath_engine::{
    clock::SystemClock,
    http::{Client, HttpOptions, Timeouts},
    s3::{S3, UploadOptions},
};

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does it all; counting touches nothing of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(live, Relaxed);
        // SAFETY: what the caller promises is what the system asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    /// The system moves pages instead of copying them, so both sizes are never there at once.
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LIVE.fetch_sub(layout.size(), Relaxed);
        let live = LIVE.fetch_add(size, Relaxed) + size;
        PEAK.fetch_max(live, Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MIB: usize = 1 << 20;

/// A store that forgets what it is sent, in 16 KiB of memory.
async fn store() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&count)));
        }
    });
    (url, taken)
}

async fn serve(mut stream: TcpStream, taken: Arc<AtomicUsize>) {
    let mut room = vec![0; 16 * 1024];
    let mut filled = 0;
    loop {
        let end = loop {
            if let Some(at) = room.get(..filled).unwrap().windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            match stream.read(room.get_mut(filled..).unwrap()).await {
                Ok(0) | Err(_) => return,
                Ok(got) => filled += got,
            }
        };
        let head = String::from_utf8(room.get(..end).unwrap().to_vec()).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        let mut left = length.unwrap_or(0).checked_sub(filled - end).unwrap();
        filled = 0;
        while left > 0 {
            left -= stream.read(&mut room).await.unwrap();
        }
        let body = match head.split(' ').nth(1).unwrap().split_once('?') {
            Some((_, "uploads=")) => "<UploadId>u</UploadId>",
            Some((_, query)) if query.starts_with("uploadId") => "<CompleteMultipartUploadResult><ETag>e</ETag>",
            _ => {
                taken.fetch_add(length.unwrap(), Relaxed);
                ""
            }
        };
        let answer = format!("HTTP/1.1 200 OK\r\netag: \"e\"\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

#[test]
fn a_transfer_costs_one_part_whatever_its_size() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (url, taken) = store().await;
        let options = format!(r#"{{"endpoint":"{url}","bucket":"b","accessKeyId":"a","secretAccessKey":"s"}}"#);
        let timeouts = Timeouts::default();
        let client = Client::new(&HttpOptions::default(), &timeouts).unwrap();
        let s3 = S3::new(serde_json::from_str(&options).unwrap(), &client, timeouts, Arc::new(SystemClock)).unwrap();
        let chunk = vec![7; 64 * 1024];
        let before = LIVE.load(Relaxed);
        // A megabyte first, so that connections and tables are there.
        for (megabytes, most) in [(1, 2), (5, 6), (64, 6), (300, 6)] {
            PEAK.store(LIVE.load(Relaxed), Relaxed);
            taken.store(0, Relaxed);
            let mut upload = s3.upload("k", UploadOptions::default()).unwrap();
            for _ in 0..megabytes * 16 {
                upload.write(&chunk).await.unwrap();
            }
            let written = upload.finish().await.unwrap();
            assert_eq!((written.bytes, taken.load(Relaxed)), ((megabytes * MIB) as u64, megabytes * MIB));
            assert_eq!(written.parts as usize, megabytes.div_ceil(5));
            let peak = PEAK.load(Relaxed) - before;
            eprintln!("{megabytes} MiB: {peak} bytes at the most");
            assert!(peak <= most * MIB, "{peak} bytes for {megabytes} MiB");
        }
    });
}
