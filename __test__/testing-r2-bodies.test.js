'use strict';

const assert = require('node:assert/strict');
const { createHash, createHmac, randomBytes } = require('node:crypto');
const http = require('node:http');
const { Readable } = require('node:stream');
const { after, before, describe, it } = require('node:test');
const S3 = require('@aws-sdk/client-s3');
const aws4 = require('aws4');
const { R2Sandbox } = require('../lib/testing');

const CREDENTIALS = { accessKeyId: 'a'.repeat(32), secretAccessKey: 'b'.repeat(64) };
const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const hmac = (key, text) => createHmac('sha256', key).update(text).digest();
const EMPTY = sha256('');

function send({ host, method, path, headers, body }) {
  return new Promise((resolve, reject) => {
    const [name, port] = host.split(':');
    const req = http.request({ host: name, port, method, path, headers }, async (res) => {
      const text = Buffer.concat(await res.toArray()).toString('utf8');
      resolve({ status: res.statusCode, code: /<Code>(.*?)<\/Code>/.exec(text)?.[1], text });
    });
    req.on('error', reject);
    req.end(body);
  });
}

describe('R2Sandbox looks at bodies', () => {
  let r2;
  let host;
  before(async () => {
    r2 = await R2Sandbox.start({ credentials: [CREDENTIALS] });
    host = r2.url.slice('http://'.length);
  });
  after(() => r2.close());

  const ask = (request) => {
    const full = { host, service: 's3', region: 'auto', method: 'PUT', path: '/media/body', ...request };
    aws4.sign(full, CREDENTIALS);
    return send(full);
  };

  it('refuses digests that are none, two at once, and algorithms it does not know', async () => {
    const cases = [
      [{ 'Content-MD5': 'nonsense' }, 400, 'InvalidDigest'],
      [{ 'x-amz-checksum-crc32': 'AAAAAA' }, 400, 'InvalidDigest'],
      [{ 'x-amz-checksum-sha256': 'AAAAAA==' }, 400, 'InvalidDigest'],
      [{ 'x-amz-checksum-crc32': 'AAAAAA==', 'x-amz-checksum-crc32c': 'AAAAAA==' }, 400, 'InvalidRequest'],
      [{ 'x-amz-checksum-xxhash64': 'AAAAAA==' }, 501, 'NotImplemented'],
      [{ 'x-amz-server-side-encryption': 'aws:kms' }, 501, 'NotImplemented'],
      [{ 'x-amz-tagging': 'a=b' }, 501, 'NotImplemented'],
      [{ 'x-amz-meta-large': 'x'.repeat(8200) }, 400, 'MetadataTooLarge'],
    ];
    for (const [headers, status, code] of cases) {
      const answer = await ask({ headers, body: 'abc' });
      assert.deepEqual([answer.status, answer.code], [status, code], JSON.stringify(headers).slice(0, 80));
    }
    assert.equal(await r2.get('media', 'body'), null);
    // The check value of each algorithm, as the catalogues of CRCs give it.
    const check = {
      'x-amz-checksum-crc32': Buffer.from('cbf43926', 'hex'),
      'x-amz-checksum-crc32c': Buffer.from('e3069283', 'hex'),
      'x-amz-checksum-crc64nvme': Buffer.from('ae8b14860a799888', 'hex'),
    };
    for (const [name, value] of Object.entries(check)) {
      const answer = await ask({ headers: { [name]: value.toString('base64') }, body: '123456789' });
      assert.equal(answer.status, 200, `${name}: ${answer.text}`);
    }
  });

  it('refuses documents that are not what they should be', async () => {
    const post = (body) => ask({ method: 'POST', path: '/media?delete', body });
    await r2.put('media', 'a&b', Buffer.from('x'));
    const many = '<Object><Key>x</Key></Object>'.repeat(1001);
    for (const body of [
      '',
      'no XML',
      '<Delete><Object><Key>a</Key></Object>',
      '<Remove><Object><Key>a</Key></Object></Remove>',
      '<Delete></Delete>',
      '<Delete><Object></Object></Delete>',
      '<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>',
      '<!DOCTYPE Delete [<!ENTITY e "a">]><Delete><Object><Key>&e;</Key></Object></Delete>',
      `<Delete>${many}</Delete>`,
    ]) {
      const answer = await post(body);
      assert.deepEqual([answer.status, answer.code], [400, 'MalformedXML'], body.slice(0, 80));
    }
    // Three ways to write the same text.
    const key = '<Key>a<![CDATA[&]]>&#98;</Key>';
    const named = `<?xml version="1.0"?><s:Delete xmlns:s="http://s3.amazonaws.com/doc/2006-03-01/"><s:Object>${key.replaceAll('Key', 's:Key')}</s:Object></s:Delete>`;
    const answer = await post(named);
    assert.match(answer.text, /<Deleted><Key>a&amp;b<\/Key><\/Deleted>/);
    assert.equal(await r2.get('media', 'a&b'), null);
    const quiet = await post('<Delete><Quiet>true</Quiet><Object><Key>x</Key></Object></Delete>');
    assert.ok(quiet.status === 200 && !quiet.text.includes('<Deleted>'));
  });

  it('refuses what S3 has and it has not, instead of doing something else', async () => {
    await r2.put('media', 'kept', Buffer.from('x'));
    for (const [method, path, status, code] of [
      ['DELETE', '/media/kept?tagging', 501, 'NotImplemented'],
      ['DELETE', '/media/kept?versionId=1', 501, 'NotImplemented'],
      ['GET', '/media/kept?acl', 501, 'NotImplemented'],
      ['GET', '/media?versions', 501, 'NotImplemented'],
      ['GET', '/media?list-type=2&name-contains=x', 501, 'NotImplemented'],
      ['DELETE', '/media?lifecycle', 501, 'NotImplemented'],
      ['POST', '/media/kept', 405, 'MethodNotAllowed'],
      ['PUT', '/', 405, 'MethodNotAllowed'],
      ['PUT', '/UPPER', 400, 'InvalidBucketName'],
      ['PUT', '/media', 409, 'BucketAlreadyOwnedByYou'],
      ['DELETE', '/media', 409, 'BucketNotEmpty'],
      ['GET', '/media?list-type=2&continuation-token=%21', 400, 'InvalidArgument'],
      ['GET', '/media?max-keys=-1', 400, 'InvalidArgument'],
      ['PUT', `/media/${'k'.repeat(1025)}`, 400, 'InvalidObjectName'],
    ]) {
      const answer = await ask({ method, path });
      assert.deepEqual([answer.status, answer.code], [status, code], `${method} ${path.slice(0, 60)}`);
    }
    assert.equal((await r2.get('media', 'kept')).toString(), 'x');
    const where =
      '<CreateBucketConfiguration><LocationConstraint>mars-1</LocationConstraint></CreateBucketConfiguration>';
    assert.equal((await ask({ path: '/new-bucket', body: where })).code, 'InvalidLocationConstraint');
    assert.equal((await ask({ path: '/new-bucket', body: where.replace('mars-1', 'weur') })).status, 200);
    assert.match((await ask({ method: 'GET', path: '/new-bucket?location' })).text, />auto<\/LocationConstraint>/);
    assert.equal(
      (await ask({ path: '/made-up/x', headers: { 'cf-create-bucket-if-missing': 'true' }, body: 'x' })).status,
      200,
    );
  });

  it('copies on conditions of both sides, and merges metadata', async () => {
    const { etag } = await r2.put('media', 'from', Buffer.from('source'));
    const copy = (headers) => ask({ path: '/media/to', headers: { 'x-amz-copy-source': '/media/from', ...headers } });
    assert.equal((await copy({ 'x-amz-copy-source-if-match': '"other"' })).code, 'PreconditionFailed');
    assert.equal((await copy({ 'x-amz-copy-source-if-none-match': etag })).code, 'PreconditionFailed');
    assert.equal((await copy({ 'cf-copy-destination-if-none-match': '*', 'x-amz-meta-a': '1' })).status, 200);
    assert.equal((await copy({ 'cf-copy-destination-if-none-match': '*' })).code, 'PreconditionFailed');
    assert.equal((await copy({ 'x-amz-copy-source': '/media/none' })).code, 'NoSuchKey');
    assert.equal((await copy({ 'x-amz-copy-source': '/none/from' })).code, 'NoSuchBucket');
    assert.equal((await copy({ 'x-amz-copy-source': '/media' })).code, 'InvalidArgument');
    assert.equal((await copy({ 'x-amz-metadata-directive': 'MOVE' })).code, 'InvalidArgument');
    const put = { 'Content-Type': 'text/old', 'x-amz-meta-a': '1', 'x-amz-meta-b': '1' };
    assert.equal((await ask({ path: '/media/from', headers: put, body: 'source' })).status, 200);
    assert.equal((await copy({ 'x-amz-metadata-directive': 'MERGE', 'x-amz-meta-b': '2' })).status, 200);
    const client = new S3.S3Client({
      endpoint: r2.url,
      region: 'auto',
      forcePathStyle: true,
      credentials: CREDENTIALS,
    });
    const head = await client.send(new S3.HeadObjectCommand({ Bucket: 'media', Key: 'to' }));
    client.destroy();
    assert.deepEqual([head.ContentType, head.Metadata], ['text/old', { a: '1', b: '2' }]);
  });
});

describe('R2Sandbox with streamingSignatures: accept', () => {
  let r2;
  let host;
  before(async () => {
    r2 = await R2Sandbox.start({ credentials: [CREDENTIALS], streamingSignatures: 'accept' });
    host = r2.url.slice('http://'.length);
  });
  after(() => r2.close());

  it('takes streams of the SDK and checks their trailing checksum', async () => {
    const client = new S3.S3Client({
      endpoint: r2.url,
      region: 'auto',
      forcePathStyle: true,
      credentials: CREDENTIALS,
    });
    const bytes = randomBytes(300_000);
    for (const ChecksumAlgorithm of ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA256']) {
      const pieces = [0, 1, 70_000, 70_001, 300_000].map((end, i, all) => bytes.subarray(all[i - 1] ?? 0, end));
      const input = { Bucket: 'media', Key: ChecksumAlgorithm, ContentLength: bytes.length, ChecksumAlgorithm };
      await client.send(new S3.PutObjectCommand({ ...input, Body: Readable.from(pieces), ContentEncoding: 'gzip' }));
      assert.deepEqual(await r2.get('media', ChecksumAlgorithm), bytes);
      const head = await client.send(new S3.HeadObjectCommand({ Bucket: 'media', Key: ChecksumAlgorithm }));
      assert.equal(head.ContentEncoding, 'gzip', 'aws-chunked was of the transfer');
    }
    client.destroy();
  });

  /** A signed-chunk upload written from the documentation, apart from the sandbox. */
  function signedChunks(chunks, { trailer, spoil = (one) => one } = {}) {
    const form = `STREAMING-AWS4-HMAC-SHA256-PAYLOAD${trailer ? '-TRAILER' : ''}`;
    const amzDate = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '');
    const day = amzDate.slice(0, 8);
    const scope = `${day}/auto/s3/aws4_request`;
    const key = hmac(hmac(hmac(hmac(`AWS4${CREDENTIALS.secretAccessKey}`, day), 'auto'), 's3'), 'aws4_request');
    const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const headers = {
      'X-Amz-Date': amzDate,
      'X-Amz-Content-Sha256': form,
      'X-Amz-Decoded-Content-Length': String(size),
      'Content-Encoding': 'aws-chunked',
      ...(trailer ? { 'X-Amz-Trailer': trailer[0] } : {}),
    };
    const request = { host, service: 's3', region: 'auto', method: 'PUT', path: '/media/chunks', headers };
    aws4.sign(request, CREDENTIALS);
    let previous = /Signature=([0-9a-f]+)/.exec(request.headers.Authorization)[1];
    const sign = (kind, ...hashes) => {
      const text = [`AWS4-HMAC-SHA256-${kind}`, amzDate, scope, previous, ...hashes].join('\n');
      previous = hmac(key, text).toString('hex');
      return previous;
    };
    let body = '';
    for (const chunk of [...chunks, '']) {
      body += `${chunk.length.toString(16)};chunk-signature=${sign('PAYLOAD', EMPTY, sha256(chunk))}\r\n`;
      if (chunk !== '') body += `${chunk}\r\n`;
    }
    if (trailer) {
      const line = `${trailer[0]}:${trailer[1]}`;
      body += `${line}\r\nx-amz-trailer-signature:${sign('TRAILER', sha256(`${line}\n`))}\r\n`;
    }
    body = spoil(`${body}\r\n`);
    request.headers['Content-Length'] = body.length;
    return { ...request, body };
  }

  it('verifies every chunk of a chain, and its trailer', async () => {
    const chunks = ['a'.repeat(8192), 'b'.repeat(8192), 'the rest'];
    const crc = ['x-amz-checksum-crc32', Buffer.from('cbf43926', 'hex').toString('base64')];
    assert.equal((await send(signedChunks(chunks))).status, 200);
    assert.equal((await r2.get('media', 'chunks')).toString(), chunks.join(''));
    assert.equal((await send(signedChunks(['123456789'], { trailer: crc }))).status, 200);
    assert.equal((await r2.get('media', 'chunks')).toString(), '123456789');
    const cases = [
      [chunks, (body) => body.replace('bbb', 'bbx'), 403, 'SignatureDoesNotMatch'],
      [chunks, (body) => body.replace(/chunk-signature=./, 'chunk-signature=g'), 403, 'SignatureDoesNotMatch'],
      [chunks, (body) => body.slice(0, 9000), 400, 'IncompleteBody'],
      [chunks, (body) => `${body}more`, 400, 'IncompleteBody'],
      [chunks, (body) => body.replace('2000;', 'zzzz;'), 400, 'IncompleteBody'],
    ];
    for (const [index, [given, spoil, status, code]] of cases.entries()) {
      const answer = await send(signedChunks(given, { spoil }));
      assert.deepEqual([answer.status, answer.code], [status, code], `case ${index}: ${answer.text}`);
    }
    const wrong = await send(signedChunks(['12345678X'], { trailer: crc }));
    assert.deepEqual([wrong.status, wrong.code], [400, 'BadDigest']);
    const flipped = signedChunks(['123456789'], { trailer: crc, spoil: (body) => body.replace('y/Q5Jg', 'z/Q5Jg') });
    assert.equal((await send(flipped)).code, 'SignatureDoesNotMatch');
    assert.equal((await r2.get('media', 'chunks')).toString(), '123456789', 'what was there stays');
  });

  it('does not take forms that nobody knows', async () => {
    const request = { host, service: 's3', region: 'auto', method: 'PUT', path: '/media/x', body: 'x' };
    request.headers = { 'X-Amz-Content-Sha256': 'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD' };
    aws4.sign(request, CREDENTIALS);
    assert.equal((await send(request)).code, 'NotImplemented');
    await assert.rejects(R2Sandbox.start({ streamingSignatures: 'maybe' }), { code: 'ERR_WARMPATH_INVALID_OPTION' });
  });
});
