//! How fast a bot may send. Data, not code: the table can be read, given and changed at run time.
//!
//! Telegram publishes "about one message a second to one chat, 20 a minute to one group, about 30 a second in all"
//! (<https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this>); that uploads of one size are
//! spaced stands in the source of its server (`tdlib/telegram-bot-api`, `Client.cpp`). The exact values are nobody's to
//! know, so the table is where to begin, and the pacer learns from each 429.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// At most `limit` in any `period`, and `burst` of them at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rate {
    /// Sends in one period; at least 1.
    pub limit: u32,
    /// Length of the period, ms; at least 1.
    pub period_ms: u64,
    /// Sends that may come at once after a pause; at least 1.
    pub burst: u32,
}

impl Rate {
    const fn new(limit: u32, period_ms: u64, burst: u32) -> Self {
        Self { limit, period_ms, burst }
    }

    /// The period, ns.
    #[must_use]
    pub const fn period(&self) -> u64 {
        self.period_ms.saturating_mul(1_000_000)
    }

    /// Time between two sends of a steady stream, ns.
    #[must_use]
    pub const fn interval(&self) -> u64 {
        self.period() / if self.limit == 0 { 1 } else { self.limit as u64 }
    }
}

/// The spacing of uploads of exactly the same size by one token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SameSize {
    /// Only uploads larger than this, bytes.
    pub above_bytes: u64,
    /// Spacing by size, ms for each 1,000,000 bytes …
    pub ms_per_megabyte: u64,
    /// … but no less than this …
    pub min_ms: u64,
    /// … and no more than this.
    pub max_ms: u64,
    /// How much of the spacing may be used in advance, ms.
    pub bucket_ms: u64,
}

impl SameSize {
    /// The spacing for a size, as a rate; `None` = that size is not spaced.
    #[must_use]
    pub fn rate(&self, bytes: u64) -> Option<Rate> {
        if bytes <= self.above_bytes {
            return None;
        }
        let by_size = u64::try_from(u128::from(bytes) * u128::from(self.ms_per_megabyte) / 1_000_000);
        let spacing = by_size.unwrap_or(u64::MAX).clamp(self.min_ms, self.max_ms.max(self.min_ms)).max(1);
        let burst = u32::try_from(self.bucket_ms / spacing).unwrap_or(u32::MAX).max(1);
        Some(Rate::new(1, spacing, burst))
    }
}

/// The table. `None` in a field = that limit does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// Everything one token sends.
    pub token: Option<Rate>,
    /// Everything one token sends to one chat, of whatever kind.
    pub chat: Option<Rate>,
    /// The same to a group or supergroup, on top of `chat`.
    pub group: Option<Rate>,
    /// The same to a channel, on top of `chat`. Telegram publishes no number; a channel is held to that of a group, which
    /// nobody has been seen to be refused for.
    pub channel: Option<Rate>,
    /// Uploads of the same size by one token.
    pub same_size: Option<SameSize>,
    /// Uploads of one token at a time.
    pub uploads_per_token: Option<u32>,
    /// Bytes of all running jobs together; a larger job runs alone.
    pub bytes_in_flight: Option<u64>,
    /// How long a rate that a 429 has halved takes to grow back, ms.
    pub recover_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        let group = Some(Rate::new(20, 60_000, 3));
        Self {
            // A little below the 30 that are published: the rest is for what the live bot does unseen.
            token: Some(Rate::new(25, 1_000, 5)),
            chat: Some(Rate::new(1, 1_000, 1)),
            group,
            channel: group,
            same_size: Some(SameSize {
                above_bytes: 100_000,
                ms_per_megabyte: 100,
                min_ms: 200,
                max_ms: 900,
                bucket_ms: 1_000,
            }),
            uploads_per_token: Some(20),
            bytes_in_flight: Some(2 * 1024 * 1024 * 1024),
            recover_ms: 600_000,
        }
    }
}

impl Limits {
    /// The rates that hold for a chat.
    #[must_use]
    pub const fn of_chat(&self, kind: ChatKind) -> [Option<Rate>; 2] {
        let more = match kind {
            ChatKind::Private => None,
            ChatKind::Group => self.group,
            ChatKind::Channel => self.channel,
        };
        [self.chat, more]
    }

    /// How long a halved rate takes to grow back.
    #[must_use]
    pub const fn recovery(&self) -> Duration {
        Duration::from_millis(self.recover_ms)
    }
}

/// What a chat is, as far as its limits go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChatKind {
    /// One person.
    Private,
    /// A group or supergroup.
    #[serde(alias = "supergroup")]
    Group,
    /// A channel.
    Channel,
}

impl ChatKind {
    /// What an id says: people have positive ids. `-100…` is a supergroup or a channel, and so may be an `@name`: both
    /// are taken for a group until an answer tells ([`ChatKind::from_type`]).
    #[must_use]
    pub fn of_id(id: &str) -> Self {
        if id.starts_with(['-', '@']) { Self::Group } else { Self::Private }
    }

    /// What the `type` of a chat in an answer says; `None` = a word that the Bot API did not know when this was written.
    #[must_use]
    pub fn from_type(word: &str) -> Option<Self> {
        match word {
            "private" => Some(Self::Private),
            "group" | "supergroup" => Some(Self::Group),
            "channel" => Some(Self::Channel),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spacing_of_one_size_is_that_of_the_server() {
        let rule = Limits::default().same_size.unwrap();
        assert_eq!(rule.rate(100_000), None);
        // clamp(size * 1e-7, 0.2, 0.9) seconds, in a bucket of one second.
        for (bytes, spacing, burst) in
            [(100_001, 200, 5), (2_000_000, 200, 5), (5_000_000, 500, 2), (50_000_000, 900, 1), (u64::MAX, 900, 1)]
        {
            assert_eq!(rule.rate(bytes), Some(Rate::new(1, spacing, burst)), "{bytes}");
        }
    }

    #[test]
    fn a_table_may_be_partial_and_a_limit_may_be_off() {
        let limits: Limits =
            serde_json::from_str(r#"{"group":null,"chat":{"limit":2,"periodMs":1000,"burst":2}}"#).unwrap();
        assert_eq!((limits.group, limits.chat), (None, Some(Rate::new(2, 1_000, 2))));
        assert_eq!(limits.token, Limits::default().token);
        assert!(serde_json::from_str::<Limits>(r#"{"groups":null}"#).is_err());
        let text = serde_json::to_string(&Limits::default()).unwrap();
        assert_eq!(serde_json::from_str::<Limits>(&text).unwrap(), Limits::default());
    }

    #[test]
    fn a_chat_is_what_its_id_says_until_an_answer_tells() {
        for (id, kind) in [("42", ChatKind::Private), ("-42", ChatKind::Group), ("-1001234", ChatKind::Group)] {
            assert_eq!(ChatKind::of_id(id), kind);
        }
        assert_eq!(ChatKind::of_id("@somewhere"), ChatKind::Group);
        assert_eq!(ChatKind::from_type("supergroup"), Some(ChatKind::Group));
        assert_eq!(ChatKind::from_type("forum"), None);
    }
}
