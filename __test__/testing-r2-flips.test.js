'use strict';

const assert = require('node:assert/strict');
const net = require('node:net');
const { after, before, describe, it } = require('node:test');
const S3 = require('@aws-sdk/client-s3');
const { getSignedUrl } = require('@aws-sdk/s3-request-presigner');
const { R2Sandbox } = require('../lib/testing');

const FLIPS = process.env.WARMPATH_TEST_LONG === '1' ? 10_000 : 400;
const SEED = Number(process.env.WARMPATH_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** Reproducible chance: the seed is in the message of a failure. */
function chance(seed) {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** Takes one request as it stands on the wire and answers nothing good. */
async function record(send) {
  const chunks = [];
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      const { body, length } = taken(Buffer.concat(chunks));
      if (body && body.length >= length) socket.end('HTTP/1.1 400 Recorded\r\nContent-Length: 0\r\n\r\n');
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await send(`http://127.0.0.1:${server.address().port}`).catch(() => {});
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
  return Buffer.concat(chunks);
}

/** Where the parts of a raw request lie. */
function taken(raw) {
  const end = raw.indexOf('\r\n\r\n');
  if (end < 0) return {};
  const lines = raw.toString('latin1', 0, end).split('\r\n');
  const headers = lines.slice(1).map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]);
  const header = (wanted) => headers.find(([name]) => name.toLowerCase() === wanted)?.[1];
  const length = Number(header('content-length') ?? 0);
  return {
    requestLine: lines[0],
    headers,
    body: raw.subarray(end + 4),
    length,
    authorization: header('authorization'),
  };
}

/** The status of the answer to these bytes, or null where the connection ends without one. */
const ask = (port, raw) =>
  new Promise((resolve) => {
    const chunks = [];
    const socket = net.connect(port, '127.0.0.1', () => socket.end(raw));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      const statuses = [
        ...Buffer.concat(chunks)
          .toString('latin1')
          .matchAll(/^HTTP\/1\.1 (\d{3})/gm),
      ];
      const status = statuses.map((match) => Number(match[1])).find((one) => one !== 100);
      resolve(status ?? null);
    });
  });

const percent = (text) =>
  Buffer.from(
    text.replaceAll('+', ' ').replace(/%([0-9a-fA-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  ).toString('hex');

/**
 * What a request says, however it is written: a flip of `%2f` to `%2F` changes nothing that could be signed. Written apart
 * from the sandbox, straight from the rules of the signature.
 */
function meaning(raw, names) {
  const { requestLine, headers, body } = taken(raw);
  const [method, target, version] = (requestLine ?? '').split(' ');
  const [path, query = ''] = (target ?? '').split(/\?(.*)/s);
  const pairs = query.split('&').filter((pair) => pair !== '');
  const sorted = pairs
    .map((pair) => pair.split(/=(.*)/s).slice(0, 2).concat('').slice(0, 2).map(percent).join('='))
    .sort();
  const signed = names.map((name) =>
    headers.filter(([given]) => given.toLowerCase() === name).map(([, value]) => value.trim().replace(/[ \t]+/g, ' ')),
  );
  return JSON.stringify([method, percent(path), sorted, version, signed, body?.toString('hex')]);
}

describe('R2Sandbox and a request with one byte changed', () => {
  const Bucket = 'media';
  const requests = [];
  let r2;

  before(async () => {
    r2 = await R2Sandbox.start();
    await r2.put(Bucket, 'a/key é', Buffer.from('content'), { contentType: 'text/plain' });
    const input = { Bucket, Key: 'a/key é' };
    const commands = {
      GetObject: () => new S3.GetObjectCommand({ ...input, ResponseContentType: 'text/x', Range: 'bytes=0-3' }),
      HeadObject: () => new S3.HeadObjectCommand(input),
      PutObject: () =>
        new S3.PutObjectCommand({
          ...{ Bucket, Key: 'put/it here', Body: 'the body of it', ContentType: 'image/png' },
          ...{ Metadata: { owner: 'me  and you' }, CacheControl: 'no-store' },
        }),
      ListObjectsV2: () => new S3.ListObjectsV2Command({ Bucket, Prefix: 'a/', Delimiter: '/', MaxKeys: 7 }),
      DeleteObjects: () => new S3.DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: 'none' }] } }),
      CopyObject: () => new S3.CopyObjectCommand({ Bucket, Key: 'copied', CopySource: `${Bucket}/a/key%20%C3%A9` }),
      CreateMultipartUpload: () => new S3.CreateMultipartUploadCommand({ Bucket, Key: 'parts' }),
    };
    const clientOf = (endpoint) => {
      // No checksum beside the signed hash, which would find a changed body in its place.
      const more = { maxAttempts: 1, forcePathStyle: true, requestChecksumCalculation: 'WHEN_REQUIRED' };
      more.credentials = r2.credentials[0];
      return new S3.S3Client({ endpoint, region: 'auto', ...more });
    };
    for (const [name, command] of Object.entries(commands)) {
      requests.push({ name, raw: await record((endpoint) => clientOf(endpoint).send(command())) });
    }
    const url = await getSignedUrl(clientOf(r2.url), new S3.GetObjectCommand(input), { expiresIn: 60 });
    const [, host, target] = /^http:\/\/([^/]+)(.*)$/.exec(url);
    const raw = Buffer.from(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    requests.push({ name: 'presigned GetObject', raw });
    for (const request of requests) {
      const signed = /SignedHeaders=([^,]+)/.exec(taken(request.raw).authorization ?? '')?.[1] ?? 'host';
      request.names = signed.split(';');
    }
  });
  after(() => r2.close());

  it('takes every one of them as the SDK signed it', async () => {
    for (const { name: title, raw } of requests) {
      const status = await ask(r2.port, raw);
      assert.ok(status >= 200 && status < 300, `${title}: ${status}`);
    }
    assert.equal((await r2.get(Bucket, 'put/it here')).toString(), 'the body of it');
  });

  it(`refuses ${FLIPS} changed ones`, async () => {
    r2.reset();
    await r2.put(Bucket, 'a/key é', Buffer.from('content'));
    const random = chance(SEED);
    const seen = { target: 0, header: 0, body: 0, same: 0 };
    for (let done = 0; done < FLIPS; ) {
      const { name: title, raw, names } = requests[random(requests.length)];
      const where = spots(raw, names);
      const kinds = Object.keys(where);
      const kind = kinds[random(kinds.length)];
      const at = where[kind][random(where[kind].length)];
      const changed = Buffer.from(raw);
      changed[at] ^= 1 << random(8);
      if (meaning(changed, names) === meaning(raw, names)) {
        seen.same += 1;
        continue;
      }
      const status = await ask(r2.port, changed);
      const before = String.fromCharCode(raw[at]);
      const after = String.fromCharCode(changed[at]);
      const what = `seed ${SEED}: ${title}, byte ${at} (${kind}) ${JSON.stringify(before)} -> ${JSON.stringify(after)}`;
      // No answer at all: the request never came to its end.
      assert.ok(status === null || (status >= 400 && status !== 500), `${what}: ${status}`);
      seen[kind] += 1;
      done += 1;
    }
    assert.ok(seen.target > 0 && seen.header > 0 && seen.body > 0, JSON.stringify(seen));
    assert.ok(seen.same < FLIPS / 10, `too many that mean the same: ${JSON.stringify(seen)}`);
    assert.equal((await r2.get(Bucket, 'a/key é')).toString(), 'content');
    for (const key of ['put/it here', 'copied']) assert.equal(await r2.get(Bucket, key), null, 'nothing was stored');
  });
});

/** The bytes under the signature: method and target, names and values of the signed headers, the body. */
function spots(raw, names) {
  const head = raw.indexOf('\r\n\r\n');
  const text = raw.toString('latin1', 0, head);
  const range = (from, to) => Array.from({ length: to - from }, (_, i) => from + i);
  const out = { target: range(0, text.indexOf(' HTTP/')), header: [] };
  let at = text.indexOf('\r\n') + 2;
  for (const line of text.slice(at).split('\r\n')) {
    const colon = line.indexOf(':');
    if (names.includes(line.slice(0, colon).toLowerCase())) out.header.push(...range(at, at + line.length));
    at += line.length + 2;
  }
  if (raw.length > head + 4) out.body = range(head + 4, raw.length);
  return out;
}
