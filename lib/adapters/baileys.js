'use strict';

const { WarmpathError } = require('../errors.js');
const {
  field,
  ingestOptions,
  string,
  whole,
  base64,
  url,
  mimeType,
  sha256,
  whatsapp,
  present,
  messageKey,
  notOne,
} = require('./whatsapp/fields.js');

/** The contents that are media, and what WhatsApp derives their keys with. */
const CONTENTS = {
  imageMessage: () => 'image',
  videoMessage: (content) => (content.gifPlayback === true ? 'gif' : 'video'),
  ptvMessage: () => 'ptv',
  audioMessage: (content) => (content.ptt === true ? 'ptt' : 'audio'),
  documentMessage: () => 'document',
  stickerMessage: () => 'sticker',
};

/** Contents that have a message inside. */
const WRAPPERS = [
  'ephemeralMessage',
  'viewOnceMessage',
  'viewOnceMessageV2',
  'viewOnceMessageV2Extension',
  'documentWithCaptionMessage',
  'editedMessage',
  'groupMentionedMessage',
  'lottieStickerMessage',
  'associatedChildMessage',
  'deviceSentMessage',
  'groupStatusMessage',
  'groupStatusMessageV2',
];

const MOST_WRAPPERS = 8;

/** The content that is media: `{ name, content }`, or null. A template or an interactive message has its media in its header. */
function contentOf(message, depth = 0) {
  if (typeof message !== 'object' || message === null || depth > MOST_WRAPPERS) return null;
  for (const name of Object.keys(CONTENTS)) {
    const content = field(message, name);
    if (typeof content === 'object' && content !== null) return { name, content };
  }
  for (const name of WRAPPERS) {
    const inner = field(field(message, name), 'message');
    const found = inner === undefined || inner === null ? null : contentOf(inner, depth + 1);
    if (found !== null) return found;
  }
  for (const header of headersOf(message)) {
    const found = header === undefined || header === null ? null : contentOf(header, depth + 1);
    if (found !== null) return found;
  }
  return null;
}

function headersOf(message) {
  const template = field(message, 'templateMessage');
  return [
    field(field(message, 'interactiveMessage'), 'header'),
    field(message, 'buttonsMessage'),
    field(template, 'hydratedTemplate'),
    field(template, 'hydratedFourRowTemplate'),
    field(template, 'fourRowTemplate'),
  ];
}

/**
 * The ingest job of a message of Baileys (`WAMessage`, also after JSON), or null when it holds no media. See `baileys.d.ts`.
 *
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_ARGUMENT for what is no message at all
 */
function ingestJob(message, options) {
  const { session, meta } = ingestOptions(options);
  const key = field(message, 'key');
  const chat = string(field(key, 'remoteJid'));
  const id = string(field(key, 'id'));
  if (chat === undefined || id === undefined) throw notOne('must have key.remoteJid and key.id');
  const found = contentOf(message.message);
  if (found === null) return null;
  const { content } = found;
  const origin = sourceOf(found, chat);
  if (origin === null) return null;
  const timestamp = whole(message.messageTimestamp);
  return present({
    key: messageKey(session, chat, id, key.fromMe === true),
    id,
    timestamp: timestamp !== undefined && timestamp <= 9_999_999_999 ? timestamp : undefined,
    session,
    ...origin,
    mimeType: mimeType(content.mimetype),
    fileName: string(content.fileName, 1024),
    meta: {
      ...present({
        chat,
        messageId: id,
        fromMe: key.fromMe === true,
        participant: string(key.participant, 1024),
        pushName: string(message.pushName, 255),
        caption: string(content.caption, 4096),
        size: whole(content.fileLength),
      }),
      ...meta,
    },
  });
}

/** Channels are public: what lies on the servers for them is not encrypted, and has no key. */
function sourceOf({ name, content }, chat) {
  const described = whatsapp(CONTENTS[name](content), content);
  if (described !== null) return { source: { whatsapp: described } };
  const address = url(content.url);
  if (!chat.endsWith('@newsletter') || address === undefined) return null;
  const hash = sha256(base64(content.fileSha256));
  return present({ source: { url: address }, sha256: hash && Buffer.from(hash, 'base64').toString('hex') });
}

/**
 * A `reupload` hook on Baileys' own: asks the sender's phone to upload the media again.
 *
 * @param {{ updateMediaMessage: (message: object) => Promise<object> } | ((session: string) => object)} socket
 * @param {(job: object) => unknown} messageOf the message of a job, as the app has kept it; nothing: it is not known any more
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_ARGUMENT
 */
function reupload(socket, messageOf) {
  if (typeof socket !== 'function' && typeof socket?.updateMediaMessage !== 'function') {
    const text = 'socket must have the method updateMediaMessage(), or be a function of the session';
    throw new WarmpathError('ERR_WARMPATH_INVALID_ARGUMENT', text, { option: 'socket' });
  }
  if (typeof messageOf !== 'function') {
    throw new WarmpathError('ERR_WARMPATH_INVALID_ARGUMENT', 'messageOf must be a function', { option: 'messageOf' });
  }
  return async (job) => {
    const message = await messageOf(job);
    if (message === null || message === undefined) return null;
    const live = typeof socket === 'function' ? await socket(job.session) : socket;
    // A phone that is not connected may be later: the hook fails, and the job is tried again.
    if (live === null || live === undefined) throw new Error('the session is not connected');
    const found = contentOf((await live.updateMediaMessage(message)).message);
    if (found === null) return null;
    const described = whatsapp(CONTENTS[found.name](found.content), found.content);
    if (described === null) return null;
    return present({ url: described.url, directPath: described.directPath });
  };
}

module.exports = { ingestJob, reupload };
