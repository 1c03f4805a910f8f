'use strict';

const { badRequest, tooLarge } = require('./errors');
const { KINDS } = require('./kinds');
const { describe, kindOf } = require('./media');

const MAX_CAPTION = 1024;

/** Truth as the Bot API reads it from text or JSON. */
const flag = (value) => value === true || /^(true|yes|1)$/i.test(String(value ?? ''));

const number = (value) => (/^\d{1,9}$/.test(String(value ?? '')) ? Number(value) : undefined);

/**
 * Makes the media fields of a message out of what a send method was given: an upload or the file_id of an earlier one.
 *
 * @param {{ files: import('./files').FileStore, prober: import('./probe').Prober | null, limits: object }} parts
 * @param {object} bot
 * @param {string} wanted the kind of the method
 * @param {import('./body').Body} body
 * @returns {Promise<{ fields: object, upload: object, reused: boolean }>}
 */
async function prepare(parts, bot, wanted, body) {
  const { field } = KINDS[wanted];
  const caption = body.params.get('caption');
  if (caption !== undefined && [...String(caption)].length > MAX_CAPTION)
    throw badRequest('message caption is too long');
  const file = fileOf(body, field);
  if (!file) return reuse(parts.files, bot, wanted, body.params.get(field), field);

  if (file.spool.size === 0) throw badRequest('file must be non-empty');
  if (wanted === 'photo' && file.spool.size > parts.limits.maxPhotoBytes) throw tooLarge();
  const content = await parts.files.adopt(file.spool);
  try {
    return await fromUpload(parts, bot, wanted, body, file, content);
  } finally {
    await parts.files.release(content, parts.limits.keepFiles);
  }
}

/** The file part of a field, directly or by `attach://name`. */
function fileOf(body, field) {
  const direct = body.files.get(field);
  if (direct) return direct;
  const value = body.params.get(field);
  if (typeof value !== 'string' || !value.startsWith('attach://')) return null;
  const attached = body.files.get(value.slice('attach://'.length));
  if (!attached) throw badRequest(`there is no ${field} in the request`);
  return attached;
}

function reuse(files, bot, wanted, fileId, field) {
  if (fileId === undefined || fileId === '') throw badRequest(`there is no ${field} in the request`);
  const record = files.findFor(bot.id, String(fileId), wanted);
  if (!record) throw badRequest('wrong file identifier/HTTP URL specified');
  return { fields: record.upload.fields, upload: record.upload, reused: true };
}

async function fromUpload(parts, bot, wanted, body, file, content) {
  const { params } = body;
  const probing = parts.prober !== null && content.size <= parts.limits.probeMaxBytes;
  const probe = probing ? await parts.prober.probe(content) : declared(params);
  const kind = probing ? kindOf(wanted, probe, flag(params.get('disable_content_type_detection'))) : wanted;
  const upload = {
    kind,
    sha256: content.sha256,
    bytes: content.size,
    fileName: file.fileName,
    contentType: probe.mime ?? file.contentType,
    width: probe.width,
    height: probe.height,
    duration: probe.duration,
  };
  const issueFrom = (from) => (label) =>
    parts.files.issue({ botId: bot.id, kind: from.kind, content: from.content, label, upload });
  const thumbnail = await thumbnailOf(parts, body, issueFrom);
  upload.fields = describe(
    kind,
    {
      probe,
      bytes: content.size,
      fileName: file.fileName,
      contentType: upload.contentType,
      thumbnail,
      title: params.get('title') ?? probe.title,
      performer: params.get('performer') ?? probe.performer,
    },
    issueFrom({ kind, content }),
  );
  return { fields: upload.fields, upload, reused: false };
}

/** Without a look into the bytes the sender is believed, as Telegram does with files too large for it to look into. */
function declared(params) {
  return {
    format: '',
    width: number(params.get('width')) ?? number(params.get('length')) ?? 320,
    height: number(params.get('height')) ?? number(params.get('length')) ?? 320,
    duration: number(params.get('duration')) ?? 0,
    video: false,
  };
}

async function thumbnailOf(parts, body, issueFrom) {
  const file = body.files.get('thumbnail') ?? fileOf(body, 'thumbnail');
  if (!file || file.spool.size === 0) return undefined;
  const content = await parts.files.adopt(file.spool);
  try {
    const probe = parts.prober ? await parts.prober.probe(content) : { image: true, width: 320, height: 320 };
    // A thumbnail that is no picture is ignored without a word.
    if (!probe.image) return undefined;
    const ids = issueFrom({ kind: 'photo', content })('thumbnail');
    return { ...ids, file_size: content.size, width: probe.width, height: probe.height };
  } finally {
    await parts.files.release(content, parts.limits.keepFiles);
  }
}

module.exports = { prepare, flag };
