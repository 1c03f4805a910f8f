//! Listeners that count, resolvers that lie.

use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use http::HeaderMap;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use warmpath_engine::{
    error::{Error, Result},
    http::{
        HttpOptions, Timeouts,
        guard::{Answers, Fetched, Fetcher, Guard, GuardOptions, Resolve},
    },
};

pub use crate::support::{Act, Seen, Server, head, http as answer};

/// A port of every address of this machine, and how often somebody connected to it.
pub struct Tripwire {
    pub port: u16,
    own: &'static str,
    accepted: Arc<AtomicUsize>,
}

impl Tripwire {
    pub async fn start() -> Self {
        let v4 = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = v4.local_addr().unwrap().port();
        // A machine without IPv6 has no such address to protect.
        let v6 = TcpListener::bind(format!("[::1]:{port}")).await.ok();
        Self::of(port, "127.0.0.1", [Some(v4), v6])
    }

    /// The same port of another loopback address than that of a server.
    pub async fn beside(port: u16) -> Self {
        Self::of(port, "127.0.0.2", [Some(TcpListener::bind(("127.0.0.2", port)).await.unwrap()), None])
    }

    fn of(port: u16, own: &'static str, listeners: [Option<TcpListener>; 2]) -> Self {
        let accepted = Arc::new(AtomicUsize::new(0));
        for listener in listeners.into_iter().flatten() {
            let count = Arc::clone(&accepted);
            tokio::spawn(async move {
                while listener.accept().await.is_ok() {
                    count.fetch_add(1, SeqCst);
                }
            });
        }
        Self { port, own, accepted }
    }

    /// Connections so far, but for one of our own, which comes after all of them.
    pub async fn accepted(&self) -> usize {
        let before = self.accepted.load(SeqCst);
        tokio::net::TcpStream::connect((self.own, self.port)).await.unwrap();
        while self.accepted.load(SeqCst) == before {
            tokio::task::yield_now().await;
        }
        self.accepted.fetch_sub(1, SeqCst) - 1
    }
}

/// Answers by a list for each name, one list after the other, the last one for ever; counts what it is asked.
#[derive(Default)]
pub struct Liar {
    lists: HashMap<String, Vec<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl Liar {
    pub fn new(lists: &[(&str, &[&[&str]])]) -> Arc<Self> {
        let addresses = |list: &&[&str]| list.iter().map(|a| a.parse().unwrap()).collect();
        let lists = lists.iter().map(|(name, lists)| ((*name).to_owned(), lists.iter().map(addresses).collect()));
        Arc::new(Self { lists: lists.collect(), asked: Mutex::default() })
    }

    /// The look-ups so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().clone()
    }
}

impl Resolve for Liar {
    fn resolve(&self, name: String) -> Answers {
        let before = self.asked.lock().iter().filter(|asked| **asked == name).count();
        let list = self.lists.get(name.trim_end_matches('.')).or_else(|| self.lists.get("*"));
        let answer = list.and_then(|lists| lists.get(before).or_else(|| lists.last())).cloned();
        self.asked.lock().push(name);
        Box::pin(async move { answer.ok_or_else(|| io::Error::other("no such name")) })
    }
}

/// A policy that takes http and this port, so that neither is the reason of a refusal.
pub fn open(port: u16, allow: &[&str]) -> GuardOptions {
    let allow = allow.iter().map(|&entry| entry.to_owned()).collect();
    GuardOptions { http: true, ports: vec![port], allow, ..GuardOptions::default() }
}

pub fn quick() -> Timeouts {
    Timeouts { connect_ms: 2_000, first_byte_ms: 2_000, idle_ms: 500, ..Timeouts::default() }
}

pub fn fetcher(options: &GuardOptions, resolver: Arc<Liar>) -> Fetcher {
    let guard = Guard::with_resolver(options, resolver).unwrap();
    Fetcher::new(&HttpOptions::default(), quick(), guard).unwrap()
}

pub fn code(error: &Error) -> &'static str {
    error.code.as_str().trim_start_matches("ERR_WARMPATH_")
}

/// Reads to the end.
pub async fn read(mut file: Fetched) -> Result<Vec<u8>> {
    let mut whole = Vec::new();
    while let Some(chunk) = file.chunk().await? {
        whole.extend_from_slice(&chunk);
    }
    Ok(whole)
}

pub async fn get(fetcher: &Fetcher, url: &str) -> Result<Vec<u8>> {
    read(fetcher.get(url, &HeaderMap::new()).await?).await
}

/// The port of a server's URL.
pub fn port_of(url: &str) -> u16 {
    url.rsplit_once(':').unwrap().1.parse().unwrap()
}
