'use strict';

const { S3Refusal, document, element, notImplemented } = require('./errors');
const { canonicalKey } = require('./url');

const KNOWN = new Set([
  ...['list-type', 'prefix', 'delimiter', 'max-keys', 'encoding-type', 'fetch-owner', 'continuation-token'],
  ...['start-after', 'marker', 'x-id', 'x-purpose'],
]);

const compare = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** A limit of a listing: 0 to 1000, 1000 when absent or above. */
function limitOf(query, name) {
  const text = query.get(name);
  if (text === undefined) return 1000;
  if (!/^\d{1,10}$/.test(text)) throw new S3Refusal('InvalidArgument', `${name} must be a number of 0 or more`);
  return Math.min(Number(text), 1000);
}

/** How names are written: some hold characters that XML cannot. */
function encoder(query) {
  const type = query.get('encoding-type');
  if (type === undefined) return (text) => text;
  if (type !== 'url') throw new S3Refusal('InvalidArgument', 'Invalid Encoding Method specified in Request');
  return canonicalKey;
}

/**
 * One page of things with a `name`: those behind `after`, with what `delimiter` cuts off drawn together.
 *
 * @template {{ name: string }} T
 * @param {T[]} things
 * @param {{ prefix: string, delimiter: string, after: string, max: number }} options
 * @returns {{ entries: T[], prefixes: string[], truncated: boolean, last: string }} `last`: where the next page begins
 */
function pageOf(things, { prefix, delimiter, after, max }) {
  const [entries, prefixes] = [[], []];
  let last = after;
  for (const thing of [...things].sort((a, b) => compare(a.name, b.name))) {
    if (!thing.name.startsWith(prefix) || compare(thing.name, after) <= 0) continue;
    const cut = delimiter === '' ? -1 : thing.name.indexOf(delimiter, prefix.length);
    const common = cut < 0 ? null : thing.name.slice(0, cut + delimiter.length);
    // What was shown as a whole is over, all of it.
    if (common !== null && (common === prefixes.at(-1) || common === after)) continue;
    if (entries.length + prefixes.length >= max) return { entries, prefixes, truncated: max > 0, last };
    if (common === null) entries.push(thing);
    else prefixes.push(common);
    last = common ?? thing.name;
  }
  return { entries, prefixes, truncated: false, last };
}

const toToken = (name) => Buffer.from(name).toString('base64url');

function fromToken(token) {
  const name = Buffer.from(token, 'base64url').toString('utf8');
  if (token === '' || toToken(name) !== token) {
    throw new S3Refusal('InvalidArgument', 'The continuation token provided is incorrect');
  }
  return name;
}

function readQuery(query) {
  for (const name of query.keys()) {
    // R2 refuses search parameters it does not know: a filter that is ignored would give a wrong list.
    if (!KNOWN.has(name) && !/^x-amz-/i.test(name)) throw notImplemented(`Search parameter ${name}`);
  }
  return {
    prefix: query.get('prefix') ?? '',
    delimiter: query.get('delimiter') ?? '',
    max: limitOf(query, 'max-keys'),
    encode: encoder(query),
  };
}

function pageXml(page, { prefix, delimiter, max, encode }, query) {
  const contents = page.entries.map(({ name, at, etag, size, checksum }) => {
    const fields = [element('Key', encode(name)), element('LastModified', new Date(at).toISOString())];
    fields.push(element('ETag', etag), element('Size', size), element('StorageClass', 'STANDARD'));
    if (checksum) fields.push(element('ChecksumAlgorithm', checksum.name.toUpperCase()));
    return `<Contents>${fields.join('')}</Contents>`;
  });
  return [
    element('Prefix', encode(prefix)),
    delimiter === '' ? '' : element('Delimiter', encode(delimiter)),
    element('MaxKeys', max),
    query.has('encoding-type') ? element('EncodingType', 'url') : '',
    element('IsTruncated', page.truncated),
    ...contents,
    ...prefixXml(page, encode),
  ];
}

const prefixXml = ({ prefixes }, encode) =>
  prefixes.map((one) => `<CommonPrefixes>${element('Prefix', encode(one))}</CommonPrefixes>`);

function listObjectsV2(store, { bucket, query }) {
  const options = readQuery(query);
  const token = query.get('continuation-token');
  const start = query.get('start-after') ?? '';
  const page = pageOf(store.list(bucket), { ...options, after: token === undefined ? start : fromToken(token) });
  return document('ListBucketResult', [
    element('Name', bucket),
    ...pageXml(page, options, query),
    element('KeyCount', page.entries.length + page.prefixes.length),
    token === undefined ? '' : element('ContinuationToken', token),
    page.truncated ? element('NextContinuationToken', toToken(page.last)) : '',
    start === '' ? '' : element('StartAfter', options.encode(start)),
  ]);
}

function listObjects(store, { bucket, query }) {
  const options = readQuery(query);
  const marker = query.get('marker') ?? '';
  const page = pageOf(store.list(bucket), { ...options, after: marker });
  return document('ListBucketResult', [
    element('Name', bucket),
    element('Marker', options.encode(marker)),
    ...pageXml(page, options, query),
    page.truncated ? element('NextMarker', options.encode(page.last)) : '',
  ]);
}

module.exports = { listObjects, listObjectsV2, pageOf, prefixXml, limitOf, encoder };
