//! A store that is as simple as one can be: it keeps the requests, and says yes where the test says nothing else.

use std::sync::Arc;

use warmpath_engine::{
    clock::SystemClock,
    http::{Client, HttpOptions, Timeouts},
    s3::S3,
};

pub use crate::support::{Act, Seen, Server, http as answer};

pub const PART: usize = 5 << 20;

pub struct Store {
    pub server: Server,
    pub s3: S3,
}

/// What a request is for: `create`, `part 2`, `complete`, `abort`, `put`, `head`.
pub fn step(request: &Seen) -> String {
    let query = request.target.split_once('?').map_or("", |(_, query)| query);
    let part = query.split('&').find_map(|pair| pair.strip_prefix("partNumber="));
    match (request.method.as_str(), part) {
        ("POST", _) if query == "uploads=" => "create".to_owned(),
        ("POST", _) => "complete".to_owned(),
        ("PUT", Some(number)) => format!("part {number}"),
        ("PUT", None) => "put".to_owned(),
        ("DELETE", _) => "abort".to_owned(),
        (method, _) => method.to_lowercase(),
    }
}

/// What a store says when all is well.
pub fn yes(request: &Seen) -> Vec<Act> {
    let tag: &[(&str, &str)] = &[("etag", "\"e\"")];
    match step(request).as_str() {
        "create" => vec![answer("200 OK", &[], "<UploadId>an/id+&amp;=</UploadId>")],
        "complete" => {
            let body =
                "<CompleteMultipartUploadResult><ETag>&quot;whole-2&quot;</ETag></CompleteMultipartUploadResult>";
            vec![Act::ReadBody, answer("200 OK", &[], body)]
        }
        "abort" => vec![Act::Send(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())],
        "head" => vec![Act::Send(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec())],
        _ => vec![Act::ReadBody, answer("200 OK", tag, "")],
    }
}

impl Store {
    /// A store that answers by `special` where that has an answer.
    pub async fn start(special: impl Fn(&Seen, usize) -> Option<Vec<Act>> + Send + Sync + 'static) -> Self {
        let server = Server::start(move |request, n| special(request, n).unwrap_or_else(|| yes(request))).await;
        let url = &server.url;
        let options = format!(r#"{{"endpoint":"{url}","bucket":"b","accessKeyId":"a","secretAccessKey":"canary"}}"#);
        let timeouts =
            Timeouts { connect_ms: 500, first_byte_ms: 1_000, idle_ms: 300, answer_ms: 1_000, ..Timeouts::default() };
        let client = Client::new(&HttpOptions::default(), &timeouts).unwrap();
        let s3 = S3::new(serde_json::from_str(&options).unwrap(), &client, timeouts, Arc::new(SystemClock)).unwrap();
        Self { server, s3 }
    }

    /// What was asked for, in order.
    pub fn steps(&self) -> Vec<String> {
        self.server.seen().iter().map(step).collect()
    }

    /// Waits for a request of this kind.
    pub async fn comes(&self, wanted: &str) {
        let came = async {
            while !self.steps().iter().any(|step| step == wanted) {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), came).await.unwrap_or_else(|_| panic!("no {wanted}"));
    }
}

pub fn bytes(len: usize) -> Vec<u8> {
    (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// Writes in pieces of an odd size, so that none ends where a part does.
pub async fn write_all(upload: &mut warmpath_engine::s3::Upload, bytes: &[u8]) -> warmpath_engine::error::Result<()> {
    for piece in bytes.chunks(99_991) {
        upload.write(piece).await?;
    }
    Ok(())
}
