//! A server that does exactly what a test tells it, byte by byte, and remembers what it was asked.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Instant,
};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// One step of an answer.
pub enum Act {
    /// Read the rest of the request's body.
    ReadBody,
    /// Read this many bytes of it.
    ReadSome(usize),
    /// Send bytes.
    Send(Vec<u8>),
    /// Send what the request, as far as it was read, is answered with.
    Answer(fn(&Seen) -> Vec<u8>),
    /// Say nothing for a while.
    Pause(std::time::Duration),
    /// Say nothing more, and keep the connection.
    Stall,
    /// Say nothing more, and note when the other side closes.
    AwaitClose,
    /// Close in an orderly way.
    Close,
    /// Reset the connection.
    Reset,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub target: String,
    pub headers: HashMap<String, String>,
    /// What was read of the body, also when it was not all.
    pub body: Vec<u8>,
    /// Whether the whole body arrived.
    pub complete: bool,
    pub at: Instant,
    /// Whether the other side closed the connection while the answer was out ([`Act::AwaitClose`]).
    pub closed: bool,
}

impl Seen {
    /// The value of a text field of a multipart body.
    pub fn field(&self, name: &str) -> Option<String> {
        let text = String::from_utf8_lossy(&self.body).into_owned();
        let (_, rest) = text.split_once(&format!("name=\"{name}\"\r\n\r\n"))?;
        Some(rest.split_once("\r\n")?.0.to_owned())
    }

    /// The bytes of the file part.
    pub fn file(&self) -> Option<Vec<u8>> {
        let find = |haystack: &[u8], needle: &[u8]| haystack.windows(needle.len()).position(|w| w == needle);
        let boundary = self.headers.get("content-type")?.split_once("boundary=")?.1;
        let at = find(&self.body, b"filename=")?;
        let start = at + find(&self.body[at..], b"\r\n\r\n")? + 4;
        let end = start + find(&self.body[start..], format!("\r\n--{boundary}").as_bytes())?;
        Some(self.body[start..end].to_vec())
    }
}

pub struct Server {
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// Starts a server; `answer` gets each request's head and its number, and says what to do.
    pub async fn start(answer: impl Fn(&Seen, usize) -> Vec<Act> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let (answer, log, count) = (Arc::new(answer), Arc::clone(&seen), Arc::clone(&connections));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, SeqCst);
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                tokio::spawn(async move { serve(stream, &*answer, &log).await });
            }
        });
        Self { url, seen, connections }
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: &(dyn Fn(&Seen, usize) -> Vec<Act> + Send + Sync),
    log: &Mutex<Vec<Seen>>,
) {
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            match stream.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        };
        let rest = buffer.split_off(end);
        let head = String::from_utf8(std::mem::replace(&mut buffer, rest)).unwrap();
        let mut lines = head.lines();
        let mut start = lines.next().unwrap().split(' ');
        let headers: HashMap<_, _> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let length: usize = headers.get("content-length").map_or(0, |v| v.parse().unwrap());
        let seen = Seen {
            method: start.next().unwrap().to_owned(),
            target: start.next().unwrap().to_owned(),
            headers,
            body: Vec::new(),
            complete: length == 0,
            at: Instant::now(),
            closed: false,
        };
        let number = {
            let mut log = log.lock();
            log.push(seen.clone());
            log.len() - 1
        };
        for act in answer(&seen, number) {
            let act = match act {
                Act::Answer(with) => Act::Send(with(&log.lock()[number])),
                act => act,
            };
            let wanted = match act {
                Act::Answer(_) => unreachable!("made a Send above"),
                Act::ReadBody => length,
                Act::ReadSome(bytes) => bytes.min(length),
                Act::Send(bytes) => {
                    if stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                    continue;
                }
                Act::Pause(time) => {
                    tokio::time::sleep(time).await;
                    continue;
                }
                Act::Stall => return std::future::pending().await,
                Act::AwaitClose => {
                    while stream.read_buf(&mut buffer).await.is_ok_and(|read| read > 0) {
                        buffer.clear();
                    }
                    log.lock()[number].closed = true;
                    return;
                }
                Act::Close => {
                    stream.shutdown().await.ok();
                    return;
                }
                Act::Reset => {
                    stream.set_zero_linger().unwrap();
                    return;
                }
            };
            loop {
                {
                    let mut log = log.lock();
                    let seen = &mut log[number];
                    let take = buffer.len().min(length - seen.body.len());
                    seen.body.extend(buffer.drain(..take));
                    seen.complete = seen.body.len() == length;
                    if seen.body.len() >= wanted {
                        break;
                    }
                }
                match stream.read_buf(&mut buffer).await {
                    Ok(0) | Err(_) => return,
                    Ok(_) => {}
                }
            }
        }
    }
}

/// A whole HTTP answer.
pub fn http(status: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Act {
    let mut bytes = head(status, headers, body.as_ref().len());
    bytes.extend_from_slice(body.as_ref());
    Act::Send(bytes)
}

/// The head of an answer that declares `length` bytes.
pub fn head(status: &str, headers: &[(&str, &str)], length: usize) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n");
    for (name, value) in headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    text.push_str("\r\n");
    text.into_bytes()
}
