'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { badRequest } = require('./errors');

const URL_FORM = /^https?:\/\//i;
const FILE_FORM = /^file:\/{1,3}/i;

/**
 * Where a file comes from: a part of this request, a URL, a path of a local server, or the file_id of an earlier upload.
 * @typedef {{ from: 'upload' | 'url' | 'path', content: object, fileName?: string, contentType?: string, asFile?: boolean, url?: string }
 *   | { from: 'file_id', record: object }} Source
 */

/**
 * Finds the file that a field names. Contents must be given back by `files.release`.
 *
 * @param {object} call the call of the method
 * @param {{ kind: string, field: string, value: unknown, direct?: boolean }} what `field` of the request and its value;
 *   `direct`: the part may also have the name of the field itself
 * @returns {Promise<Source>}
 */
async function sourceOf({ room, bot, body }, { kind, field, value, direct = true }) {
  const part = partOf(body, field, value, direct);
  if (part) {
    if (part.spool.size === 0) throw badRequest('file must be non-empty');
    const content = await room.files.adopt(part.spool);
    return { from: 'upload', content, fileName: part.fileName, contentType: part.contentType };
  }
  if (value === undefined || value === '') throw badRequest(`there is no ${field} in the request`);
  const text = String(value);
  if (URL_FORM.test(text)) return fromUrl(room, kind, text);
  if (room.options.local && FILE_FORM.test(text)) return fromPath(room, text.replace(FILE_FORM, '/'));
  const record = room.files.findFor(bot.id, text, kind);
  if (!record) throw badRequest('wrong file identifier/HTTP URL specified');
  return { from: 'file_id', record };
}

/** The part of a multipart body, by the name of the field or by `attach://name`. */
function partOf(body, field, value, direct) {
  const own = direct ? body.files.get(field) : undefined;
  if (own) return own;
  if (typeof value !== 'string' || !value.startsWith('attach://')) return null;
  const attached = body.files.get(value.slice('attach://'.length));
  if (!attached) throw badRequest(`there is no ${field} in the request`);
  return attached;
}

async function fromUrl(room, kind, url) {
  const spool = room.files.newSpool();
  const found = await room.fetcher.fetch(url, kind, spool);
  // The query may hold a signature, and a record is no place for one.
  return { from: 'url', content: await room.files.adopt(spool), ...found, url: url.split(/[?#]/)[0] };
}

async function fromPath(room, name) {
  const spool = room.files.newSpool();
  try {
    for await (const chunk of fs.createReadStream(path.normalize(name))) {
      await spool.write(chunk);
      if (spool.size > room.options.maxUploadBytes) throw badRequest('file is too big');
    }
    await spool.end();
  } catch (cause) {
    await spool.discard();
    if (cause.name === 'BotApiRefusal') throw cause;
    throw badRequest(`can't open the file: ${cause.code}`);
  }
  if (spool.size === 0) throw badRequest('file must be non-empty');
  return { from: 'path', content: await room.files.adopt(spool), fileName: path.basename(name) };
}

module.exports = { sourceOf, partOf };
