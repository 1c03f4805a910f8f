//! Connections between two requests.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use http::Uri;
use parking_lot::Mutex;

use super::{Fault, connect::Connector, wire::Wire};

/// A server closes an idle connection after some time of its own, mostly a minute; ours ends before.
const LONGEST_IDLE: Duration = Duration::from_secs(30);

/// By scheme and authority; the most recently used connection last.
type Idle = HashMap<String, Vec<Wire>>;

/// Idle connections, and the means to make new ones.
pub struct Pool {
    connector: Connector,
    idle: Arc<Mutex<Idle>>,
}

/// `scheme://authority`: what a connection may be reused for.
pub fn origin(uri: &Uri) -> String {
    format!("{}://{}", uri.scheme_str().unwrap_or_default(), uri.authority().map_or("", |authority| authority.as_str()))
}

impl Pool {
    /// An empty pool.
    pub fn new(connector: Connector) -> Self {
        Self { connector, idle: Arc::default() }
    }

    /// An idle connection that is still open, else `None`.
    pub async fn take(&self, origin: &str) -> Option<Wire> {
        loop {
            let mut wire = self.idle.lock().get_mut(origin)?.pop()?;
            // The server may have closed it in the meantime; asking costs one look at the socket.
            if wire.idle_since.elapsed() < LONGEST_IDLE && wire.is_reusable().await {
                wire.reused = true;
                return Some(wire);
            }
        }
    }

    /// A new connection.
    pub async fn connect(&self, uri: &Uri) -> Result<Wire, Fault> {
        Wire::open(self.connector.connect(uri).await?).await
    }

    /// Takes back a connection whose answer was read to its end.
    pub fn give(&self, origin: String, mut wire: Wire) {
        wire.idle_since = Instant::now();
        let mut idle = self.idle.lock();
        if idle.is_empty() {
            tokio::spawn(sweep(Arc::downgrade(&self.idle)));
        }
        idle.entry(origin).or_default().push(wire);
    }
}

/// Closes what has been idle for too long. Ends when nothing is idle, or nobody could use it any more.
async fn sweep(idle: Weak<Mutex<Idle>>) {
    loop {
        tokio::time::sleep(LONGEST_IDLE).await;
        let Some(idle) = idle.upgrade() else { return };
        let mut idle = idle.lock();
        idle.retain(|_, wires| {
            wires.retain(|wire| wire.idle_since.elapsed() < LONGEST_IDLE);
            !wires.is_empty()
        });
        if idle.is_empty() {
            return;
        }
    }
}
