//! Connections between two requests.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use http::Uri;
use parking_lot::Mutex;

use super::{Fault, connect::Connector, wire::Wire};

/// A server closes an idle connection after some time of its own, mostly a minute; ours ends before.
const LONGEST_IDLE: Duration = Duration::from_secs(30);

#[derive(Default)]
struct Idle {
    /// The most recently used connection last. Boxed: a connection is a kilobyte that changes hands four times a request.
    #[expect(clippy::vec_box, reason = "moved in and out for every request")]
    wires: Vec<Box<Wire>>,
    /// Whether somebody will come to close what stays here too long.
    swept: bool,
}

/// Idle connections to one server, and the means to make new ones.
pub struct Pool {
    connector: Connector,
    server: Uri,
    idle: Arc<Mutex<Idle>>,
}

impl Pool {
    /// An empty pool.
    pub fn new(connector: Connector, server: Uri) -> Self {
        Self { connector, server, idle: Arc::default() }
    }

    /// An idle connection that is still open, else `None`.
    pub async fn take(&self) -> Option<Box<Wire>> {
        loop {
            let mut wire = self.idle.lock().wires.pop()?;
            // The server may have closed it in the meantime; asking costs one look at the socket.
            if wire.idle_since.elapsed() < LONGEST_IDLE && wire.is_reusable().await {
                wire.reused = true;
                return Some(wire);
            }
        }
    }

    /// A new connection.
    pub async fn connect(&self) -> Result<Box<Wire>, Fault> {
        Wire::open(self.connector.connect(&self.server).await?).await.map(Box::new)
    }

    /// Takes back a connection whose answer was read to its end.
    pub fn give(&self, mut wire: Box<Wire>) {
        wire.idle_since = Instant::now();
        let mut idle = self.idle.lock();
        if !std::mem::replace(&mut idle.swept, true) {
            tokio::spawn(sweep(Arc::downgrade(&self.idle)));
        }
        idle.wires.push(wire);
    }
}

/// Closes what has been idle for too long. Ends when nothing is idle, or nobody could use it any more.
async fn sweep(idle: Weak<Mutex<Idle>>) {
    loop {
        tokio::time::sleep(LONGEST_IDLE).await;
        let Some(idle) = idle.upgrade() else { return };
        let mut idle = idle.lock();
        idle.wires.retain(|wire| wire.idle_since.elapsed() < LONGEST_IDLE);
        if idle.wires.is_empty() {
            idle.swept = false;
            return;
        }
    }
}
