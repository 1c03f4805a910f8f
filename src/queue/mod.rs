//! The queue's functions of the raw door, for the two forms of the queue.
//!
//! | form | native holds | JavaScript holds |
//! |---|---|---|
//! | `local` (one thread) | order, keys, bound; a slot number for each item | the items, in a table of slots |
//! | `shared` (by name) | order, keys, bound, waiting and the items themselves, as bytes | nothing |
//!
//! A slot number costs nothing to carry and leaves no reference behind: a queue that is dropped with a million items in it frees
//! them on both sides. `lib/queue/core.js` holds the other half of this agreement.

mod batch;
mod bell;
mod calls;
mod common;
mod item;
mod local;
mod order;
mod pack;
mod registry;
mod shared;
mod spare;

use std::time::Duration;

use warmpath_engine::{
    error::{Code, Error, Result},
    queue::{Offer, Options, WhenFull},
};

use crate::door::Arguments;

/// What `push` answers; `queued` is `undefined`, which costs nothing to make.
const fn code(offer: Offer) -> u32 {
    match offer {
        Offer::Queued => 0,
        Offer::Duplicate => 1,
        Offer::Full => 2,
        Offer::Closed => 3,
    }
}

/// Options as arguments: capacity, what happens when full (0 reject, 1 drop-oldest, 2 drop-lowest), ms of aging (0: none).
fn options(arguments: &Arguments<'_>, first: usize) -> Result<Options> {
    let when_full = match arguments.bits(first + 1)? {
        0 => WhenFull::Reject,
        1 => WhenFull::DropOldest,
        2 => WhenFull::DropLowest,
        _ => return Err(broken("the door knows no such policy")),
    };
    let aging = arguments.bits(first + 2)?;
    let aging = (aging > 0).then(|| Duration::from_millis(aging.into()));
    Ok(Options::new(arguments.bits(first)? as usize).when_full(when_full).aging(aging))
}

fn broken(what: &'static str) -> Error {
    Error::new(Code::Internal, what)
}

/// Takes the next texts of a batch out of one text: `length` is in UTF-16 units, as JavaScript counts.
fn split<'a>(text: &mut &'a str, length: i32, ascii: bool) -> Result<&'a str> {
    let length = usize::try_from(length).map_err(|_| broken("a length is negative"))?;
    let mut end = length;
    if !ascii {
        let mut units = 0;
        end = 0;
        for character in text.chars() {
            if units >= length {
                break;
            }
            units += character.len_utf16();
            end += character.len_utf8();
        }
        if units != length {
            return Err(broken("a text ends inside of a character"));
        }
    }
    let (head, tail) = text.split_at_checked(end).ok_or_else(|| broken("a text is too short"))?;
    *text = tail;
    Ok(head)
}

/// Where the texts of a batch end, which are one text: lengths in UTF-16 units, ends in bytes, all of it at the last.
fn cut(text: &str, lengths: &[i32], ends: &mut Vec<u32>) -> Result<()> {
    let whole = u32::try_from(text.len()).map_err(|_| broken("a text is too long"))?;
    if text.is_ascii() {
        let (mut end, mut negative) = (0_u64, 0);
        ends.extend(lengths.iter().map(|length| {
            negative |= *length;
            end += u64::from(length.cast_unsigned());
            u32::try_from(end).unwrap_or(u32::MAX)
        }));
        return if negative >= 0 && end == u64::from(whole) {
            Ok(())
        } else {
            Err(broken("a text has another length"))
        };
    }
    let mut rest = text;
    for length in lengths {
        let end = whole - u32::try_from(rest.len()).unwrap_or(whole);
        let part = split(&mut rest, *length, false)?;
        ends.push(end + u32::try_from(part.len()).unwrap_or(whole));
    }
    if rest.is_empty() { Ok(()) } else { Err(broken("a text has another length")) }
}
