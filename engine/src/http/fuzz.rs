//! What a server says before it says anything of ours: heads, lengths, waits.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    runtime::{Builder, Runtime},
};

use super::{Body, Client, Host, HttpOptions, Request, Timeouts, content_range, retry_after};

/// Some day in 2025, in ms.
pub const NOW: u64 = 1_764_000_000_000;

/// An answer as text, for the targets of the rooms that understand one: the status, lines of headers, an empty line, the body. Without
/// an empty line all of it is the body of a 200. Lines end as editors end them.
pub fn taken_apart(data: &[u8]) -> (StatusCode, HeaderMap, &[u8]) {
    let end = memchr::memmem::find(data, b"\n\n");
    let (head, body) = end.map_or((&b"200"[..], data), |end| (&data[..end], &data[end + 2..]));
    let mut lines = head.split(|byte| *byte == b'\n');
    let status = lines.next().and_then(|line| StatusCode::from_bytes(line).ok()).unwrap_or(StatusCode::OK);
    let mut headers = HeaderMap::new();
    for line in lines.take(32) {
        let mut parts = line.splitn(2, |byte| *byte == b':').map(<[u8]>::trim_ascii);
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { continue };
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    (status, headers, body)
}

/// Header values that say how long to wait, and which bytes are sent.
pub fn header(data: &[u8]) {
    let Ok(value) = str::from_utf8(data) else { return };
    for now in [0, NOW, u64::MAX] {
        if let Some(wait) = retry_after(value, now) {
            assert!(wait <= Duration::from_hours(24), "{wait:?}");
        }
    }
    if let Some((start, total)) = content_range(value) {
        // Said again in the one plain form it means the same.
        let again = format!("bytes {start}-/{}", total.map_or_else(|| "*".to_owned(), |total| total.to_string()));
        assert_eq!(content_range(&again), Some((start, total)));
        assert!(value.trim_start().starts_with("bytes"));
    }
}

thread_local! {
    /// Sockets and tasks of this thread: the server and the client take turns on it.
    static HERE: (Runtime, Client) = (
        Builder::new_current_thread().enable_all().build().unwrap(),
        Client::new(&HttpOptions::default(), &Timeouts::default()).unwrap(),
    );
}

/// The bytes of a server's answers to two requests that follow each other, in pieces of any size: the first byte says how long one is.
/// Whatever they are, both requests end, and a body whose length was declared has that length.
pub fn wire(data: &[u8]) {
    let Some((piece, said)) = data.split_first() else { return };
    let said = said.get(..8192).unwrap_or(said).to_vec();
    let piece = usize::from(*piece) * 16 + 1;
    HERE.with(|(runtime, client)| runtime.block_on(exchange(client, said, piece)));
}

async fn exchange(client: &Client, said: Vec<u8>, piece: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = client.host(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let server = tokio::spawn(async move {
        let mut pieces = said.chunks(piece);
        // The second request may come over a connection of its own; it is answered by what is left.
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            let read = stream.read(&mut request).await;
            for piece in pieces.by_ref().take(16) {
                if read.is_err() || stream.write_all(piece).await.is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
    });
    for method in [Method::GET, Method::HEAD] {
        ask(&host, method).await;
    }
    server.abort();
}

async fn ask(host: &Host, method: Method) {
    let is_head = method == Method::HEAD;
    let body = Body::Full(bytes::Bytes::new());
    let request = Request { method, target: "/bucket/key".to_owned(), headers: HeaderMap::new(), body };
    let Ok(response) = host.send(request).await else { return };
    let bodiless = is_head || matches!(response.status.as_u16(), 204 | 304);
    let chunked = response.headers.contains_key("transfer-encoding");
    let declared = response.content_length().filter(|_| !chunked);
    if let Ok(body) = response.bytes(4096, Duration::from_mins(1)).await {
        assert!(body.len() <= 4096);
        if let Some(declared) = declared {
            assert_eq!(body.len() as u64, if bodiless { 0 } else { declared });
        }
    }
}
