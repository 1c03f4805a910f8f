//! A call of `sign` that is the last one for another path.

use warmpath_engine::error::Result;

use super::call::{Form, Mode, Room, WHOLE, is_bare};
use crate::door::Arguments;

/// How `sign` was called last: a call that differs in the path alone needs no more than the hashes. Most do: one bucket, the
/// same few headers, key after key.
#[derive(Default)]
pub struct Last {
    pub valid: bool,
    mode: u32,
    pub seconds: f64,
    /// Scheme and host, as they stood in the URL.
    origin: String,
    headers: String,
    payload: String,
}

impl Last {
    /// The path, where this call is the last one for another path.
    #[expect(clippy::float_cmp, reason = "a number that is not the same number is another call")]
    pub fn path<'t>(&self, arguments: &Arguments<'_>, room: &'t mut Room) -> Result<Option<&'t str>> {
        let mode = Mode(arguments.bits(1)?);
        if !self.valid || mode.0 != self.mode || arguments.number(2)? != self.seconds {
            return Ok(None);
        }
        if mode.headers() > 0 && arguments.text(5, "headers", &mut room.headers)? != self.headers {
            return Ok(None);
        }
        if mode.payload() == Ok(Form::Hash) && arguments.text(6, "payloadHash", &mut room.payload)? != self.payload {
            return Ok(None);
        }
        let path = arguments.text(4, "url", &mut room.url)?.strip_prefix(self.origin.as_str());
        Ok(path.filter(|path| is_bare(path)))
    }

    /// Keeps how this call was made, once it is done.
    pub fn keep(&mut self, arguments: &Arguments<'_>, room: &mut Room) -> Result<()> {
        let mode = Mode(arguments.bits(1)?);
        let form = mode.payload();
        let repeatable = matches!(form, Ok(Form::Default | Form::Unsigned | Form::Hash));
        if !repeatable || mode.is_parts() || mode.has(WHOLE) || mode.method().is_none() {
            return Ok(());
        }
        let mut set = |to: &mut String, index, wanted| {
            to.clear();
            if wanted {
                to.push_str(arguments.text(index, "url", &mut room.url)?);
            }
            Ok(())
        };
        set(&mut self.headers, 5, mode.headers() > 0)?;
        set(&mut self.payload, 6, form == Ok(Form::Hash))?;
        set(&mut self.origin, 4, true)?;
        let after_scheme = self.origin.find("://").map_or(0, |at| at + 3);
        let slash = self.origin.get(after_scheme..).and_then(|rest| rest.find(['/', '?', '#']));
        let Some(slash) = slash else { return Ok(()) };
        self.origin.truncate(after_scheme + slash);
        self.mode = mode.0;
        self.seconds = arguments.number(2)?;
        self.valid = self.headers.len() + self.payload.len() + self.origin.len() < 16_384;
        Ok(())
    }
}
