'use strict';

const { badRequest, tooLarge } = require('./errors');
const { KINDS } = require('./kinds');
const { describe, kindOf } = require('./media');
const { partOf, sourceOf } = require('./sources');

const MAX_CAPTION = 1024;

/** Truth as the Bot API reads it from text or JSON. */
const flag = (value) => value === true || /^(true|yes|1)$/i.test(String(value ?? ''));

const number = (value) => (/^\d{1,9}$/.test(String(value ?? '')) ? Number(value) : undefined);

/** What the sender says of the file, for the record. */
function declaredBy(params) {
  const text = (name) => (params.get(name) === undefined ? undefined : String(params.get(name)));
  const streaming = params.get('supports_streaming');
  const said = {
    width: number(params.get('width')),
    height: number(params.get('height')),
    length: number(params.get('length')),
    duration: number(params.get('duration')),
    supportsStreaming: streaming === undefined ? undefined : flag(streaming),
    title: text('title'),
    performer: text('performer'),
  };
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined));
}

/**
 * Makes the media fields of one message.
 *
 * @param {object} call the call of the method
 * @param {string} wanted the kind it asks for
 * @param {Map<string, unknown>} params of the request, or of one item of an album
 * @param {{ field: string, direct: boolean, asIs?: boolean }} place which of the params names the file, and whether a
 *   part of the request may do so
 * @returns {Promise<{ fields: object, upload: object, from: string, url?: string }>}
 */
async function prepare(call, wanted, params, { field, direct, asIs }) {
  const { room } = call;
  const caption = params.get('caption');
  if (caption !== undefined && String(caption).length > MAX_CAPTION) throw badRequest('message caption is too long');
  const source = await sourceOf(call, { kind: wanted, field, value: params.get(field), direct });
  if (source.from === 'file_id') {
    const { upload } = source.record;
    return { fields: upload.fields, upload, from: 'file_id' };
  }
  const { content, from, url } = source;
  try {
    if (wanted === 'photo' && content.size > room.options.maxPhotoBytes) throw tooLarge();
    const asFile = source.asFile ? 'document' : wanted;
    const upload = await look(call, asFile, params, { source, asIs, direct });
    return { fields: upload.fields, upload, from, url };
  } finally {
    await room.files.release(content, room.options.keepFiles);
  }
}

async function look(call, wanted, params, { source, asIs, direct }) {
  const { room, bot } = call;
  const { content, fileName } = source;
  const readable = content.data !== null || content.file !== null;
  const probing = room.prober !== null && readable && content.size <= room.options.probeMaxBytes;
  const probe = probing ? await room.prober.probe(content) : believed(params);
  let kind = wanted;
  if (probing) kind = kindOf(wanted, probe, asIs || flag(params.get('disable_content_type_detection')));
  kind = useFault(call, (fault) => fault.kind === 'changeKind' && fault.as !== kind)?.as ?? kind;
  const upload = {
    kind,
    sha256: content.sha256,
    bytes: content.size,
    fileName,
    contentType: probe.mime ?? source.contentType,
    width: probe.width,
    height: probe.height,
    duration: probe.duration,
    declared: declaredBy(params),
  };
  const issueFrom = (from) => (label) =>
    room.files.issue({ botId: bot.id, kind: from.kind, content: from.content, label, upload });
  const file = {
    probe,
    bytes: content.size,
    fileName,
    contentType: upload.contentType,
    thumbnail: await thumbnailOf(call, params, direct, issueFrom),
    title: params.get('title') ?? probe.title,
    performer: params.get('performer') ?? probe.performer,
  };
  upload.fields = describe(kind, file, issueFrom({ kind, content }));
  return upload;
}

/** Takes a fault out of those that this call is to meet; once only, whatever the number of files. */
function useFault({ faults }, fits) {
  const at = faults.findIndex(fits);
  if (at < 0) return undefined;
  const [fault] = faults.splice(at, 1);
  fault.bite();
  return fault;
}

/** Without a look into the bytes the sender is believed, as Telegram does with files too large for it to look into. */
function believed(params) {
  return {
    format: '',
    width: number(params.get('width')) ?? number(params.get('length')) ?? 320,
    height: number(params.get('height')) ?? number(params.get('length')) ?? 320,
    duration: number(params.get('duration')) ?? 0,
    video: false,
  };
}

async function thumbnailOf({ room, body }, params, direct, issueFrom) {
  const part = partOf(body, 'thumbnail', params.get('thumbnail'), direct);
  if (!part || part.spool.size === 0) return undefined;
  const content = await room.files.adopt(part.spool);
  try {
    const readable = content.data !== null || content.file !== null;
    const probe = room.prober && readable ? await room.prober.probe(content) : { image: true, width: 320, height: 320 };
    // A thumbnail that is no picture is ignored without a word.
    if (!probe.image) return undefined;
    const ids = issueFrom({ kind: 'photo', content })('thumbnail');
    return { ...ids, file_size: content.size, width: probe.width, height: probe.height };
  } finally {
    await room.files.release(content, room.options.keepFiles);
  }
}

/** The field of a message that holds a media of this kind; of a photo the largest size. */
function mediaIn(fields, kind) {
  const media = fields[KINDS[kind].field];
  return Array.isArray(media) ? media[media.length - 1] : media;
}

module.exports = { prepare, flag, mediaIn, useFault };
