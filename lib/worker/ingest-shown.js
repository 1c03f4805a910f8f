'use strict';

const { originOf } = require('./describe.js');

const TYPES = ['url', 'whatsapp', 'mediaId', 'base64', 'dataUrl', 'bytes', 'path', 'r2Key'];

/**
 * A source as events have it. A listener logs what it is given, and sends it on: so it gets no key of a media, no value of a
 * header, no byte, and of an address the origin alone, because a path may hold a token and a query a signature. It cannot be
 * taken for a source: the app has the job that it enqueued, by its key.
 *
 * @param {object | undefined} source undefined: a row that could not be read; one that is shown already stays as it is
 * @returns {object | undefined} see IngestShownSource in index.d.ts
 */
function shownSource(source) {
  if (typeof source?.type === 'string') return source;
  const type = TYPES.find((name) => source?.[name] !== undefined);
  if (type === undefined) return undefined;
  const { [type]: value, headers } = source;
  if (type === 'url') {
    return { type, origin: originOf(value), ...(headers !== undefined && { headers: Object.keys(headers) }) };
  }
  if (type === 'whatsapp') {
    return { type, mediaType: value.mediaType, ...(value.url !== undefined && { origin: originOf(value.url) }) };
  }
  if (type === 'mediaId' || type === 'path' || type === 'r2Key') return { type, [type]: value };
  return { type, length: value.length };
}

/** A job as events have it: everything of it, and its source as it may be shown. */
const shownJob = ({ source, ...job }) => ({ ...job, source: shownSource(source) });

module.exports = { shownJob };
