'use strict';

const { S3Refusal, document, element } = require('./errors');
const { encoder, limitOf, pageOf, prefixXml } = require('./list');
const { displayKey } = require('./url');

/** Behind every id, so that a key marker without an id passes all uploads of that key. */
const BEHIND_IDS = '\u{10ffff}';

function listParts(store, { bucket, key, query }) {
  const upload = store.uploads.get(bucket, key, query.get('uploadId'));
  const max = limitOf(query, 'max-parts');
  const marker = query.get('part-number-marker') ?? '0';
  if (!/^\d{1,5}$/.test(marker)) throw new S3Refusal('InvalidArgument', 'part-number-marker must be a number');
  const left = [...upload.parts.values()]
    .filter((part) => part.number > Number(marker))
    .sort((a, b) => a.number - b.number);
  const shown = left.slice(0, max);
  return document('ListPartsResult', [
    element('Bucket', bucket),
    element('Key', displayKey(key)),
    element('UploadId', upload.id),
    element('PartNumberMarker', marker),
    element('MaxParts', max),
    element('IsTruncated', max > 0 && left.length > max),
    shown.length > 0 ? element('NextPartNumberMarker', shown.at(-1).number) : '',
    element('StorageClass', 'STANDARD'),
    upload.algorithm ? element('ChecksumAlgorithm', upload.algorithm.toUpperCase()) : '',
    ...shown.map(({ number, at, md5, size, checksum }) => {
      const fields = [element('PartNumber', number), element('LastModified', new Date(at).toISOString())];
      fields.push(element('ETag', `"${md5}"`), element('Size', size));
      if (checksum) fields.push(element(`Checksum${checksum.name.toUpperCase()}`, checksum.value.toString('base64')));
      return `<Part>${fields.join('')}</Part>`;
    }),
  ]);
}

function listUploads(store, { bucket, query }) {
  const max = limitOf(query, 'max-uploads');
  const encode = encoder(query);
  const [prefix, delimiter] = [query.get('prefix') ?? '', query.get('delimiter') ?? ''];
  const [keyMarker, idMarker] = [query.get('key-marker') ?? '', query.get('upload-id-marker') ?? ''];
  // A key may have several uploads, so they are paged by key and id.
  const uploads = store.uploads
    .list(bucket)
    .map((upload) => ({ ...upload, name: `${displayKey(upload.key)}\0${upload.id}` }));
  const isPrefix = keyMarker === '' || (delimiter !== '' && keyMarker.endsWith(delimiter));
  const after = isPrefix ? keyMarker : `${keyMarker}\0${idMarker || BEHIND_IDS}`;
  const page = pageOf(uploads, { prefix, delimiter, after, max });
  const [nextKey, nextId = ''] = page.last.split('\0');
  return document('ListMultipartUploadsResult', [
    element('Bucket', bucket),
    element('KeyMarker', encode(keyMarker)),
    element('UploadIdMarker', idMarker),
    page.truncated ? element('NextKeyMarker', encode(nextKey)) : '',
    page.truncated ? element('NextUploadIdMarker', nextId) : '',
    element('Prefix', encode(prefix)),
    delimiter === '' ? '' : element('Delimiter', encode(delimiter)),
    element('MaxUploads', max),
    query.has('encoding-type') ? element('EncodingType', 'url') : '',
    element('IsTruncated', page.truncated),
    ...page.entries.map(({ key, id, at }) => {
      const fields = [element('Key', encode(displayKey(key))), element('UploadId', id)];
      fields.push(element('Initiated', new Date(at).toISOString()), element('StorageClass', 'STANDARD'));
      return `<Upload>${fields.join('')}</Upload>`;
    }),
    ...prefixXml(page, encode),
  ]);
}

module.exports = { listParts, listUploads };
