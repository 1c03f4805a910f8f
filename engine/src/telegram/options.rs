//! Which Bot API server, as it comes through the door.

use serde::Deserialize;

/// A Bot API server.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TelegramOptions {
    /// Root of the server; `https://api.telegram.org`, or a local Bot API server.
    pub api_root: String,
    /// Largest upload the server takes, in bytes, for every kind; the cloud's limits, or the local server's 2,000 MB, when
    /// absent.
    pub max_upload_bytes: Option<u64>,
    /// Whether it is a Bot API server of one's own that runs with `--local` and sees the same files as this process: a
    /// file of the disk is handed to it by its path (<https://core.telegram.org/bots/api#using-a-local-bot-api-server>).
    pub local: bool,
}

impl Default for TelegramOptions {
    fn default() -> Self {
        Self { api_root: "https://api.telegram.org".to_owned(), max_upload_bytes: None, local: false }
    }
}
