'use strict';

const {
  field,
  ingestOptions,
  string,
  whole,
  mimeType,
  whatsapp,
  present,
  messageKey,
  notOne,
} = require('./whatsapp/fields.js');

/** Message types that are media: the WhatsApp media type, and the kind to send them on as. */
const TYPES = {
  image: ['image', 'photo'],
  video: ['video', 'video'],
  gif: ['gif', 'animation'],
  ptv: ['ptv', 'video_note'],
  audio: ['audio', 'audio'],
  ptt: ['ptt', 'voice'],
  document: ['document', 'document'],
  sticker: ['sticker', 'sticker'],
};

/** The message's own data: `rawData` is public, `_data` is what it comes from; a message that was stored has them as fields. */
const dataOf = (message) => field(message, '_data') ?? field(message, 'rawData') ?? message;

/**
 * The ingest job of a message of whatsapp-web.js (also after JSON), or null when it holds no media. Given its
 * `MessageMedia` too, the bytes are taken from there. See `whatsapp-web.d.ts`.
 *
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_ARGUMENT for what is no message at all
 */
function ingestJob(message, options) {
  const { session, meta, media } = ingestOptions(options);
  const id = field(message, 'id');
  const remote = field(id, 'remote');
  const chat = string(remote) ?? string(field(remote, '_serialized')) ?? string(field(message, 'from'));
  const name = string(field(id, 'id')) ?? string(field(id, '_serialized'));
  if (chat === undefined || name === undefined) throw notOne('must have id.id and id.remote');
  const data = dataOf(message);
  const type = string(field(message, 'type')) ?? string(field(data, 'type'));
  const isGif = type === 'video' && (field(message, 'isGif') === true || field(data, 'isGif') === true);
  const known = Object.hasOwn(TYPES, isGif ? 'gif' : (type ?? '')) ? TYPES[isGif ? 'gif' : type] : undefined;
  const source = sourceOf(known, message, data, media);
  if (source === null) return null;
  const timestamp = whole(field(message, 'timestamp') ?? field(data, 't'));
  return present({
    key: messageKey(session, chat, name, field(id, 'fromMe') === true),
    id: name,
    timestamp: timestamp !== undefined && timestamp <= 9_999_999_999 ? timestamp : undefined,
    session,
    source,
    mimeType: mimeType(field(media, 'mimetype')) ?? mimeType(field(data, 'mimetype')),
    fileName: string(field(media, 'filename'), 1024) ?? string(field(data, 'filename'), 1024),
    // Bytes alone do not say that they were a voice message; of what is fetched the engine knows it.
    kind: source.base64 === undefined ? undefined : known?.[1],
    meta: {
      ...present({
        chat,
        messageId: name,
        fromMe: field(id, 'fromMe') === true,
        participant: string(field(message, 'author'), 1024),
        pushName: string(field(data, 'notifyName'), 255),
        caption: string(field(message, 'body') ?? field(data, 'caption'), 4096),
        size: whole(field(media, 'filesize') ?? field(data, 'size')),
      }),
      ...meta,
    },
  });
}

/** By reference where there is one: it is a thousandth of the bytes, and they are fetched off the event loop. */
function sourceOf(known, message, data, media) {
  const text = field(media, 'data');
  if (typeof text === 'string' && text !== '') return { base64: text };
  if (known === undefined || field(message, 'hasMedia') === false) return null;
  const described = whatsapp(known[0], {
    url: field(data, 'deprecatedMms3Url'),
    directPath: field(data, 'directPath'),
    mediaKey: field(message, 'mediaKey') ?? field(data, 'mediaKey'),
    fileSha256: field(data, 'filehash'),
    fileEncSha256: field(data, 'encFilehash'),
  });
  return described === null ? null : { whatsapp: described };
}

module.exports = { ingestJob };
