//! Outcomes of prewarms as rows without names, times as whole microseconds; `lib/executor/prewarm-rows.js` reads them.
//!
//! Of a small job a fifth of what JavaScript costs was to parse the names of its fields and the fractions of its times.

use serde::{Serialize, Serializer, ser::SerializeTuple};
use warmpath_engine::{
    executor::{Failure, Outcome, Timings},
    pipeline::{KindReason, Migrated, PrewarmValue, Rewritten},
};

/// One outcome.
pub struct Row(pub Outcome<PrewarmValue>);

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Outcome { key, status: _, value, error, attempts, charged, possible_duplicates, bytes, timings } = &self.0;
        let ended = value.as_ref().map_or(Ended::Failed(error.as_ref()), |value| Ended::Succeeded(Value(value)));
        let Timings { queue, download, upload, answer, total } = timings;
        let [queue, download, upload, answer, total] = [queue, download, upload, answer, total].map(|ms| micros(*ms));
        let row = (key, ended, attempts, charged, possible_duplicates, bytes, queue, download, upload, answer, total);
        row.serialize(serializer)
    }
}

/// What became of it: a row where it is a value, an object where it is an error.
#[derive(Serialize)]
#[serde(untagged)]
enum Ended<'a> {
    Succeeded(Value<'a>),
    Failed(Option<&'a Failure>),
}

struct Value<'a>(&'a PrewarmValue);

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = self.0;
        let rare = Rare {
            kind_reason: value.kind_reason,
            rewritten: value.rewritten,
            migrated_chat: value.migrated_chat.as_ref(),
            width: value.width,
            height: value.height,
            duration: value.duration,
        };
        let mut row = serializer.serialize_tuple(8 + usize::from(rare.is_any()))?;
        row.serialize_element(&value.file_id)?;
        row.serialize_element(&value.file_unique_id)?;
        row.serialize_element(&value.message_id)?;
        row.serialize_element(&value.chat_id)?;
        row.serialize_element(&value.kind)?;
        row.serialize_element(&value.bytes)?;
        row.serialize_element(&value.route)?;
        row.serialize_element(&value.route_reason)?;
        if rare.is_any() {
            row.serialize_element(&rare)?;
        }
        row.end()
    }
}

/// What only some values have.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rare<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    kind_reason: Option<KindReason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rewritten: Option<Rewritten>,
    #[serde(skip_serializing_if = "Option::is_none")]
    migrated_chat: Option<&'a Migrated>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<u32>,
}

impl Rare<'_> {
    const fn is_any(&self) -> bool {
        let Self { kind_reason, rewritten, migrated_chat, width, height, duration } = self;
        kind_reason.is_some()
            || rewritten.is_some()
            || migrated_chat.is_some()
            || width.is_some()
            || height.is_some()
            || duration.is_some()
    }
}

/// As fine as anybody reads.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates; no time is below zero")]
fn micros(ms: f64) -> u64 {
    (ms * 1000.0).round() as u64
}
