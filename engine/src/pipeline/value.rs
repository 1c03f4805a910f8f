//! The last step of a prewarm: what the answer means for the job.

use super::{
    Policy, PrewarmValue,
    route::{Call, KindReason},
    send::Sent,
};
use crate::{
    error::{Certainty, Code, Error, Phase, Result},
    executor::Trace,
    telegram::{File, Kind, Message},
};

/// Says what is known of a failed send. The transport sees only that the request broke; whether the bytes had been wrong,
/// or had all been sent, stands in the trace.
pub fn settle_doubt(error: Error, trace: &Trace) -> Error {
    if let Some(cause) = trace.failure() {
        return cause;
    }
    match (error.code, trace.is_sent()) {
        (Code::SendFailed, true) => Error { code: Code::SendAmbiguous, ..error }.maybe_sent().at(Phase::Answer),
        (Code::SendFailed, false) => error.at(Phase::Upload),
        // A gateway that gave up on a request which never was complete leaves no doubt.
        (Code::SendAmbiguous, false) => Error { code: Code::TelegramServer, certainty: Certainty::NotSent, ..error },
        _ => error.at(Phase::Answer),
    }
}

/// Takes the file_id out of the message, if it is one of the kind that was asked for, or another one is welcome.
pub fn value(call: Call, sent: &Sent, policy: Policy) -> Result<PrewarmValue> {
    let Sent { message, bytes, media, rewritten } = sent;
    let (kind, kind_reason, file) = match (real_kind(message, call.kind), policy.accept_other_kind) {
        (Some((kind, file)), _) if kind == call.kind => (kind, call.kind_reason, file),
        (Some((kind, file)), true) => (kind, Some(KindReason::Telegram), file),
        (other, _) => return Err(other_kind(call.kind, other.map(|(kind, _)| kind))),
    };
    // Without a file_unique_id it can be sent again all the same: how much that is worth is the worker's to say.
    if file.file_id.is_empty() {
        return Err(Error::new(Code::TelegramProtocol, "the answer has no file_id").maybe_sent().at(Phase::Answer));
    }
    Ok(PrewarmValue {
        file_id: file.file_id.clone(),
        file_unique_id: file.unique_id().to_owned(),
        message_id: message.message_id,
        chat_id: message.chat.id.to_string(),
        kind,
        kind_reason,
        bytes: *bytes,
        route: call.route,
        route_reason: call.reason,
        migrated_chat: call.migrated,
        rewritten: *rewritten,
        width: file.width().or(media.width),
        height: file.height().or(media.height),
        duration: file.duration().or(media.duration),
    })
}

/// The kind a message is of. An animation has the field `document` too, "for backward compatibility"
/// (<https://core.telegram.org/bots/api#message>), and is none.
fn real_kind(message: &Message, wanted: Kind) -> Option<(Kind, &File)> {
    let animation = message.file(Kind::Animation).map(|file| (Kind::Animation, file));
    let wanted = message.file(wanted).map(|file| (wanted, file));
    let any = || message.kinds().find_map(|kind| message.file(kind).map(|file| (kind, file)));
    animation.or(wanted).or_else(any)
}

fn other_kind(wanted: Kind, got: Option<Kind>) -> Error {
    let message = format!("sent as {}, became {}", wanted.field(), got.map_or("no file", Kind::field));
    Error::new(Code::TelegramKind, message).maybe_sent().at(Phase::Answer)
}
