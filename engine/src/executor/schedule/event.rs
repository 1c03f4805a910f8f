//! What the scheduler is told, and what it answers.

use std::{sync::Arc, time::Duration};

use super::slab::Id;
use crate::{clock::Tick, error::Error, executor::limits::ChatKind};

/// What became of a submitted job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Submitted {
    /// Accepted.
    Queued,
    /// A job with that key waits already.
    Duplicate,
    /// A job with that key runs.
    Processing,
    /// The queue is full.
    Full,
    /// The executor is closed.
    Closed,
}

/// What has to be done now.
pub enum Action<J> {
    /// Begin a try; [`Scheduler::finished`] ends it.
    Start {
        /// Names the job until its try has ended.
        id: Id,
        /// The job.
        job: Arc<J>,
        /// Which of [`Job::chats`] it is to be sent to.
        chat: usize,
    },
    /// End a try soon: [`Ended::Stopped`], or what it came to in the meantime.
    Stop(Id),
    /// Tell what became of a job that was in no slot.
    Settle(Settled<J>),
}

/// How a try ended.
pub enum Ended {
    /// By itself.
    Tried(Result<(), Error>),
    /// Because it was told to. `sent`: its request was complete.
    Stopped {
        /// Whether the other side can have acted on it.
        sent: bool,
    },
}

/// What a try has learned.
#[derive(Clone, Copy, Debug, Default)]
pub struct Learned {
    /// Size of the media.
    pub size: Option<u64>,
    /// What the chat is.
    pub chat_kind: Option<ChatKind>,
    /// The chat has this id now.
    pub moved: Option<i64>,
    /// How long after its start its request was complete.
    pub sent_after: Option<Duration>,
}

/// What became of a job.
pub struct Settled<J> {
    /// The job.
    pub job: Arc<J>,
    /// When it was accepted.
    pub submitted: Tick,
    /// Why it failed; `None` = it did not.
    pub error: Option<Error>,
    /// Tries that were started and count.
    pub attempts: u32,
    /// Whether a store should count this against the job's retries.
    pub charged: bool,
    /// Tries that may have left a message behind although they failed.
    pub possible_duplicates: u32,
}

/// Something a bot did beside our jobs.
#[derive(Clone, Copy, Debug)]
pub struct Live<'a> {
    /// The bot, as [`Job::scope`] names it.
    pub scope: &'a str,
    /// The chat, as [`Job::chats`] names it.
    pub chat: Option<&'a str>,
    /// What the chat is, where that is known.
    pub chat_kind: Option<ChatKind>,
    /// It was refused, and this is the wait.
    pub retry_after: Option<Duration>,
}
