//! Signature Version 4, synchronously: the functions of the raw door.

mod batch;
mod call;
mod last;
mod options;
mod parallel;
mod payload;

use call::{Call, Form, Mode, Room, TOKEN, WHOLE, whole};
use last::Last;
use napi::{Env, bindgen_prelude::Object};
use napi_derive::napi;
use options::{GivenCredentials, GivenOptions, parse};
use serde_json::json;
use warmpath_engine::{
    error::Result,
    sigv4::{LAST_SECOND, Options, Scratch, Signature, Signer},
};

use crate::{
    door::{Arguments, Builder, Function, Held, Text, Value},
    errors::exception,
};

/// What a handle holds: a signer and the buffers it works in.
pub struct Handle {
    signer: Signer,
    /// Of `sign`.
    scratch: Scratch,
    last: Last,
    /// Of `presign` and `presignMany`.
    urls: Scratch,
}

impl Held for Handle {
    const TAG: u64 = u64::from_le_bytes(*b"wpsigner");
}

impl Handle {
    fn new(signer: Signer) -> Self {
        let (scratch, urls) = Default::default();
        Self { signer, scratch, last: Last::default(), urls }
    }
}

/// The functions of the signer, as raw callbacks. Called once by `lib/signer/core.js`; they are no public interface.
#[napi(catch_unwind)]
pub fn signer_door(env: &Env) -> crate::errors::Result<Object<'_>> {
    let build = || {
        let door = Builder::new(env)?
            .add::<Open>()?
            .add::<SetCredentials>()?
            .add::<Sign>()?
            .add::<Presign>()?
            .add::<ExpectMany>()?
            .add::<PresignMany>()?
            .add::<Explain>()?
            .add::<SignCanonical>()?
            .add::<SignText>()?;
        // A panic on purpose, for the test that it does no harm. Nobody meets it by accident: it is not even there
        // without the variable, and the other functions know nothing of it.
        if std::env::var_os("WARMPATH_TEST_SIGNER_PANIC").is_some() { door.add::<Panic>() } else { Ok(door) }
    };
    build().map(|door: Builder| door.finish(env)).map_err(exception)
}

/// `open(options)`: a handle.
struct Open;

impl Function for Open {
    const NAME: &'static str = "open";
    const THROWS: bool = false;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let GivenOptions { credentials, region, service, uri_escape_path, normalize_path, apply_checksum } =
            parse(arguments, 0)?;
        let options = Options { region, service, uri_escape_path, normalize_path, apply_checksum };
        let signer = Signer::new(credentials.into(), options)?;
        arguments.open(Handle::new(signer))
    }
}

/// `setCredentials(handle, credentials)`: an empty text.
struct SetCredentials;

impl Function for SetCredentials {
    const NAME: &'static str = "setCredentials";
    const THROWS: bool = false;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let credentials: GivenCredentials = parse(arguments, 1)?;
        let handle = arguments.handle::<Handle>(0)?;
        handle.last.valid = false;
        handle.urls = Scratch::default();
        handle.signer.set_credentials(credentials.into())?;
        arguments.reply(b"")
    }
}

/// `sign(…)`: the value of `authorization`; behind the payload's hash where that was computed here; everything as JSON
/// where the mode says so, or a header had to be changed.
struct Sign;

impl Function for Sign {
    const NAME: &'static str = "sign";
    const THROWS: bool = false;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let mut room = Room::new();
        let Handle { signer, scratch, last, .. } = arguments.handle(0)?;
        let mode = Mode(arguments.bits(1)?);
        if let Some(path) = last.path(arguments, &mut room)? {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked when it was kept")]
            let seconds = last.seconds as u64;
            if let Some(signature) = signer.again(path, seconds, scratch)? {
                return answer(arguments, mode, signature);
            }
        }
        last.valid = false;
        let Call { parts, headers, .. } = Call::read(arguments, &mut room)?;
        let signature = signer.sign_mut(&parts, headers, scratch)?;
        if signature.changed_headers() {
            return arguments.reply(whole_answer(signature).as_bytes());
        }
        let value = answer(arguments, mode, signature)?;
        if scratch.trim() {
            last.keep(arguments, &mut room)?;
        }
        Ok(value)
    }
}

fn answer<'e>(arguments: &Arguments<'e>, mode: Mode, signature: Signature<'_>) -> Result<Value<'e>> {
    let hashed = matches!(mode.payload(), Ok(Form::Text | Form::Bytes));
    if mode.has(WHOLE) {
        arguments.reply(whole_answer(signature).as_bytes())
    } else if mode.has(TOKEN) || hashed {
        let hash = if hashed { signature.payload_hash() } else { "" };
        let token = if mode.has(TOKEN) { signature.session_token() } else { "" };
        arguments.reply(&[hash.as_bytes(), token.as_bytes(), signature.bytes()].concat())
    } else {
        arguments.reply(signature.bytes())
    }
}

fn whole_answer(signature: Signature<'_>) -> String {
    let headers: serde_json::Map<_, _> =
        signature.headers().map(|(name, value)| (name.to_owned(), value.into())).collect();
    json!({ "headers": headers, "authorization": signature.text(), "payloadHash": signature.payload_hash() })
        .to_string()
}

/// `presign(…)`: the URL.
struct Presign;

impl Function for Presign {
    const NAME: &'static str = "presign";
    const THROWS: bool = false;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let mut room = Room::new();
        let call = Call::read(arguments, &mut room)?;
        let life = call.life()?;
        let Handle { signer, urls, .. } = arguments.handle(0)?;
        let value = arguments.reply(signer.presign_mut(&call.parts, call.headers, life, urls)?.bytes());
        urls.trim();
        value
    }
}

/// `expectMany(requests)`: a batch of so many, which all say no more than where, is about to come.
struct ExpectMany;

impl Function for ExpectMany {
    const NAME: &'static str = "expectMany";
    const THROWS: bool = false;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        parallel::expect(arguments.bits(0)? as usize);
        Ok(arguments.nothing())
    }
}

/// `presignMany(handle, mode, seconds, expires, text, lines, requests, prefix)`: lists of URLs, a line each. Without an `expires` the
/// text is mixed; with a `prefix` its lines are keys, and the prefix is the URL up to them.
struct PresignMany;

impl Function for PresignMany {
    const NAME: &'static str = "presignMany";
    const THROWS: bool = false;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let mode = Mode(arguments.bits(1)?);
        let seconds = whole(arguments.number(2)?, LAST_SECOND, "date")?;
        let expires = arguments.bits(3)?;
        let (mut room, mut prefix) = (Text::new(), Text::new());
        let prefix = arguments.text(7, "url", &mut prefix)?;
        let shared = (expires > 0).then_some(batch::Shared { mode, seconds, expires, prefix });
        let text = arguments.text(4, "requests", &mut room)?;
        let (lines, requests) = (arguments.bits(5)? as usize, arguments.bits(6)? as usize);
        let expected = batch::Expected { requests, lines };
        let Handle { signer, urls, .. } = arguments.handle(0)?;
        let mut values = Vec::new();
        batch::presign(signer, urls, text, expected, shared, &mut |urls| {
            values.push(arguments.reply(urls)?);
            Ok(())
        })?;
        urls.trim();
        arguments.list(&values)
    }
}

/// `explain(…)`: the stages as JSON.
struct Explain;

impl Function for Explain {
    const NAME: &'static str = "explain";
    const THROWS: bool = false;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let mut room = Room::new();
        let call = Call::read(arguments, &mut room)?;
        let life = if call.expires > 0 { Some(call.life()?) } else { None };
        let stages = arguments.handle::<Handle>(0)?.signer.explain_parts(&call.parts, call.headers, life)?;
        let answer = json!({
            "canonicalRequest": stages.canonical_request,
            "stringToSign": stages.string_to_sign,
            "signature": stages.signature,
        });
        arguments.reply(answer.to_string().as_bytes())
    }
}

/// `signCanonical(handle, begin, seconds, end)`: the signature of a canonical request in two parts.
struct SignCanonical;

impl Function for SignCanonical {
    const NAME: &'static str = "signCanonical";
    const THROWS: bool = false;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let (mut begin, mut end) = (Text::new(), Text::new());
        let begin = arguments.text(1, "canonicalRequest", &mut begin)?;
        let end = arguments.text(3, "canonicalRequest", &mut end)?;
        let seconds = whole(arguments.number(2)?, LAST_SECOND, "date")?;
        arguments.reply(&arguments.handle::<Handle>(0)?.signer.sign_canonical([begin, end], seconds))
    }
}

/// `signText(handle, text, seconds)`: the HMAC of the text under the day's key.
struct SignText;

impl Function for SignText {
    const NAME: &'static str = "signText";
    const THROWS: bool = false;

    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let mut room = Text::new();
        let text = arguments.text(1, "text", &mut room)?;
        let seconds = whole(arguments.number(2)?, LAST_SECOND, "date")?;
        arguments.reply(&arguments.handle::<Handle>(0)?.signer.sign_text(text, seconds))
    }
}

/// `panic(handle)`, for a test.
struct Panic;

impl Function for Panic {
    const NAME: &'static str = "panic";
    const THROWS: bool = false;

    #[expect(clippy::panic, reason = "on purpose: a test shows that it is caught")]
    fn call<'e>(arguments: &Arguments<'e>) -> Result<Value<'e>> {
        let handle = arguments.handle::<Handle>(0)?;
        handle.scratch.trim();
        panic!("on purpose");
    }
}
