//! Settings of the transport, as they come through the door.

use std::time::Duration;

use serde::Deserialize;

/// How connections are made.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct HttpOptions {
    /// PEM certificates trusted beside the system's.
    pub ca: Option<String>,
    /// URL of an HTTP proxy that every connection tunnels through (`CONNECT`); may hold `user:password@`.
    pub proxy: Option<String>,
}

/// Deadlines, one per phase. All in milliseconds.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Timeouts {
    /// TCP and TLS together, for one connection.
    pub connect_ms: u64,
    /// From the request for the source to its first byte of answer.
    pub first_byte_ms: u64,
    /// Without a single byte moving, in either direction.
    pub idle_ms: u64,
    /// From the last byte of the upload to the whole answer.
    pub answer_ms: u64,
    /// The slowest transfer that is still worth its slot: bounds a job at 30 s + bytes / this.
    pub min_bytes_per_second: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect_ms: 5_000,
            first_byte_ms: 15_000,
            idle_ms: 20_000,
            answer_ms: 120_000,
            min_bytes_per_second: 64 * 1024,
        }
    }
}

impl Timeouts {
    /// The end of a whole transfer of `bytes`: beats a sender that trickles just fast enough for [`Timeouts::idle_ms`].
    #[must_use]
    pub fn transfer(&self, bytes: u64) -> Duration {
        let moving = bytes.saturating_mul(1000) / self.min_bytes_per_second.max(1);
        Duration::from_millis(moving.saturating_add(30_000))
    }

    /// [`Timeouts::connect_ms`] as a duration.
    #[must_use]
    pub const fn connect(&self) -> Duration {
        Duration::from_millis(self.connect_ms)
    }

    /// [`Timeouts::first_byte_ms`] as a duration.
    #[must_use]
    pub const fn first_byte(&self) -> Duration {
        Duration::from_millis(self.first_byte_ms)
    }

    /// [`Timeouts::idle_ms`] as a duration.
    #[must_use]
    pub const fn idle(&self) -> Duration {
        Duration::from_millis(self.idle_ms)
    }

    /// [`Timeouts::answer_ms`] as a duration.
    #[must_use]
    pub const fn answer(&self) -> Duration {
        Duration::from_millis(self.answer_ms)
    }
}
