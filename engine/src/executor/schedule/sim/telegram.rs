//! A Telegram that remembers every send and judges it by the definition of its limits, not by our arithmetic: so many in
//! any stretch of time, counted.

use std::collections::HashMap;

const SECOND: u64 = 1_000_000_000;

/// Sends that are kept for each key: more than any limit looks back at.
const KEPT: usize = 64;

/// The limits: those of the default table, written down a second time.
#[derive(Default)]
pub struct Telegram {
    sends: HashMap<Key, Vec<u64>>,
    sizes: HashMap<(u8, u64), u64>,
    /// What it refuses, and until when.
    blocks: HashMap<Key, u64>,
}

/// At most `burst + length / interval` in any stretch of that length.
fn spaced(sends: &[u64], at: u64, interval: u64, burst: usize) -> bool {
    sends.iter().rev().enumerate().all(|(between, before)| {
        let needed = (between + 2).saturating_sub(burst) as u64 * interval;
        at.saturating_sub(*before) >= needed
    })
}

/// At most `limit` in any stretch shorter than `period`.
fn in_window(sends: &[u64], at: u64, limit: usize, period: u64) -> bool {
    sends.len() < limit || at.saturating_sub(sends[sends.len() - limit]) >= period
}

/// A token, or a chat of one.
pub type Key = u16;

pub fn token_key(bot: u8) -> Key {
    Key::from(bot) << 8
}

/// Chats have the names 1 to 99 and -1001 to -10099.
pub fn chat_key(bot: u8, chat: &str) -> Key {
    let number: Key = chat.trim_start_matches("-100").parse().unwrap();
    token_key(bot) + number + if chat.starts_with('-') { 128 } else { 0 }
}

impl Telegram {
    fn of(&self, key: Key) -> &[u64] {
        self.sends.get(&key).map_or(&[], Vec::as_slice)
    }

    /// Which limit a send would break.
    pub fn breaks(&self, bot: u8, chat: &str, size: u64, at: u64) -> Option<&'static str> {
        let to_chat = self.of(chat_key(bot, chat));
        let by_token = self.of(token_key(bot));
        if !spaced(to_chat, at, SECOND, 1) {
            return Some("1 a second to a chat");
        }
        if chat.starts_with('-') && !spaced(to_chat, at, 3 * SECOND, 3) {
            return Some("a burst of 3 to a group");
        }
        if chat.starts_with('-') && !in_window(to_chat, at, 20, 60 * SECOND) {
            return Some("20 a minute to a group");
        }
        if !spaced(by_token, at, SECOND / 25, 5) || !in_window(by_token, at, 25, SECOND) {
            return Some("25 a second by a token");
        }
        (self.schedule(bot, size, at) > at).then_some("the spacing of one size")
    }

    /// As in the server's source: `max(last, now - bucket) + clamp(size * 1e-7, 0.2, 0.9)`.
    fn schedule(&self, bot: u8, size: u64, at: u64) -> u64 {
        if size <= 100_000 {
            return at;
        }
        let delay = (size * 100).clamp(SECOND / 5, SECOND * 9 / 10);
        let last = self.sizes.get(&(bot, size)).copied().unwrap_or(0);
        last.max(at.saturating_sub(SECOND)) + delay
    }

    pub fn count(&mut self, bot: u8, chat: &str, size: u64, at: u64) {
        if size > 100_000 {
            let schedule = self.schedule(bot, size, at);
            self.sizes.insert((bot, size), schedule);
        }
        for key in [token_key(bot), chat_key(bot, chat)] {
            let sends = self.sends.entry(key).or_default();
            sends.push(at);
            if sends.len() > 2 * KEPT {
                sends.drain(..KEPT);
            }
        }
    }

    /// Refuses everything of a token, or to a chat, from now on for so many seconds.
    pub fn block(&mut self, key: Key, until: u64) {
        let end = self.blocks.entry(key).or_default();
        *end = until.max(*end);
    }

    /// The whole seconds that a send is told to wait.
    pub fn refuses(&self, bot: u8, chat: &str, at: u64) -> Option<u64> {
        let end = [token_key(bot), chat_key(bot, chat)].iter().filter_map(|key| self.blocks.get(key)).max().copied()?;
        (end > at).then(|| (end - at).div_ceil(SECOND))
    }
}
