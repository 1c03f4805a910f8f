'use strict';

// One bug for every fuzz target, put into a copy of the engine: each has to be found, or the target would not find the like either.
// `find` stands once in its file; a test holds that.

/** @type {{ target: string, bug: string, file: string, find: string, replace: string }[]} */
const PLANTED = [
  {
    target: 'album',
    bug: 'item #0 of an album is taken for a number from 1 on',
    file: 'telegram/album.rs',
    find: 'number.saturating_sub(1).min(items)',
    replace: '(number - 1).min(items)',
  },
  {
    target: 'answer',
    bug: 'the wait of a disguised flood is taken for a number',
    file: 'telegram/refusal.rs',
    find: '.parse().unwrap_or(u64::MAX)',
    replace: '.parse::<u64>().unwrap()',
  },
  {
    target: 'audio',
    bug: 'a frame of the free format is looked up in the table of bit rates',
    file: 'media/audio/mp3.rs',
    find: 'usize::from(rates >> 4).checked_sub(1)?',
    replace: '(usize::from(rates >> 4) - 1)',
  },
  {
    target: 'base64',
    bug: 'bits of a byte that is not there are taken',
    file: 'pipeline/ingest/base64.rs',
    find: 'if self.bits == 0 { Ok(()) }',
    replace: 'if self.bits < u32::MAX { Ok(()) }',
  },
  {
    target: 'completion',
    bug: 'a negative wait is made a duration',
    file: 'llm/hint.rs',
    find: '(seconds.is_finite() && seconds >= 0.0).then(',
    replace: 'seconds.is_finite().then(',
  },
  {
    target: 'decrypt',
    bug: 'the last byte of the MAC is not compared',
    file: 'pipeline/ingest/decrypt.rs',
    find: 'tag.as_ref().get(..MAC).is_some_and(|tag| verify_slices_are_equal(tag, &self.held).is_ok())',
    replace:
      'tag.as_ref().get(..MAC - 1).zip(self.held.get(..MAC - 1)).is_some_and(|(a, b)| verify_slices_are_equal(a, b).is_ok())',
  },
  {
    target: 'document',
    bug: 'the ampersand is unescaped first, and what it makes is read again',
    file: 's3/upload/multipart.rs',
    find: 'named.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to)).replace("&amp;", "&")',
    replace: 'named.iter().fold(text.replace("&amp;", "&"), |text, (from, to)| text.replace(from, to))',
  },
  {
    target: 'door',
    bug: 'an ingest job without a key is taken',
    file: 'pipeline/ingest/job.rs',
    find: 'if self.key.is_empty() {',
    replace: 'if self.key.len() > 4096 {',
  },
  {
    target: 'faststart',
    bug: 'a chunk at the very place where the movie box is put does not move',
    file: 'media/faststart/mod.rs',
    find: 'if offset < self.insert {',
    replace: 'if offset <= self.insert {',
  },
  {
    target: 'file_name',
    bug: 'a long name is cut inside a character',
    file: 'telegram/multipart.rs',
    find: 'while !safe.is_char_boundary(end) {',
    replace: 'while end > FILE_NAME_LIMIT {',
  },
  {
    target: 'header',
    bug: 'a date far away is waited for',
    file: 'http/retry_after.rs',
    find: 'Some(at.saturating_sub(Duration::from_millis(now_wall_ms)).min(LONGEST))',
    replace: 'Some(at.saturating_sub(Duration::from_millis(now_wall_ms)))',
  },
  {
    target: 'image',
    bug: 'the size of a colour table is taken from more bits than it has',
    file: 'media/image/gif.rs',
    find: '3 << ((flags & 7) + 1)',
    replace: '3 << ((flags & 0x3F) + 1)',
  },
  {
    target: 'inspect',
    bug: 'a film of less than half a second plays for none',
    file: 'media/report.rs',
    find: 'u64::from(duration.subsec_millis() >= 500)).max(1)',
    replace: 'u64::from(duration.subsec_millis() >= 500))',
  },
  {
    target: 'look',
    bug: 'an empty stream has an end before its beginning',
    file: 'pipeline/ingest/look.rs',
    find: '(offset - kept, tail',
    replace: '(offset - kept.max(1), tail',
  },
  {
    target: 'mp4',
    bug: 'the kind of a handler is read without a look at its length',
    file: 'media/mp4/track.rs',
    find: '.and_then(|handler| handler.get(8..12))',
    replace: '.map(|handler| &handler[8..12])',
  },
  {
    target: 'naming',
    bug: 'a backslash is no separator of directories',
    file: 'pipeline/ingest/value.rs',
    find: "name.rsplit(['/', '\\\\'])",
    replace: "name.rsplit('/')",
  },
  {
    target: 'shrink',
    bug: 'the size of a picture that lies on its side is told unturned',
    file: 'media/shrink.rs',
    find: 'return Ok(Shrunk { jpeg, width: picture.width(), height: picture.height() });',
    replace: 'return Ok(Shrunk { jpeg, width, height });',
  },
  {
    target: 'sign',
    bug: 'control characters pass into a request',
    file: 'sigv4/request.rs',
    find: "u8::from(byte < b' ' || byte == 0x7f)",
    replace: 'u8::from(byte == 0x7f)',
  },
  {
    target: 'sniff',
    bug: 'the name in a ZIP is taken to be all there',
    file: 'media/sniff/archive.rs',
    find: '.unwrap_or(cursor.rest());',
    replace: '.unwrap();',
  },
  {
    target: 'split',
    bug: 'parts are measured in bytes, generously',
    file: 'llm/split/parse.rs',
    find: 'if units(part) > max {',
    replace: 'if part.len() > 4 * max {',
  },
  {
    target: 'url',
    bug: 'a host may end with a dot',
    file: 'http/guard/host.rs',
    find: "|| !text.split('.').all(is_label)",
    replace: "|| !text.trim_end_matches('.').split('.').all(is_label)",
  },
  {
    target: 'webhook',
    bug: 'a 503 that names no time throttles',
    file: 'pipeline/campaign/webhook.rs',
    find: '503 if hint.is_some() => Code::WebhookThrottled,',
    replace: '503 => Code::WebhookThrottled,',
  },
  {
    target: 'wire',
    bug: 'a body that breaks off has ended',
    file: 'http/wire.rs',
    find: 'Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(Fault::from_chain(&error))),',
    replace: 'Poll::Ready(Some(Err(_))) => return Poll::Ready(Ok(None)),',
  },
];

module.exports = { PLANTED };
