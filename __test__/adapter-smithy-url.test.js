'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { inspect } = require('node:util');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');
const sdk = require('@aws-sdk/client-s3');
const presigner = require('@aws-sdk/s3-request-presigner');
const { getSignedUrl } = require('../lib/adapters/smithy.js');

const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: SECRET };
const session = { ...credentials, sessionToken: 'FwoG/+==' };
const signingDate = new Date('2026-11-22T02:30:00.999Z');
const real = presigner.getSignedUrl;

/** How often the SDK's own presigner was asked in the meantime. */
async function asked(work) {
  let count = 0;
  presigner.getSignedUrl = (...args) => {
    count++;
    return real(...args);
  };
  try {
    return { value: await work(), count };
  } finally {
    presigner.getSignedUrl = real;
  }
}

const R2 = { region: 'auto', endpoint: 'https://acc.r2.cloudflarestorage.com', credentials };
const NAMES = ['GetObject', 'PutObject', 'HeadObject', 'DeleteObject'];
const command = (name, input) => new sdk[`${name}Command`]({ Bucket: 'bucket', Key: 'a/b.txt', ...input });
const client = (config) => new sdk.S3Client({ ...R2, ...config });

/** A client that has seen one URL of each command, so that the next ones are written without the SDK. */
async function warm(config, bucket = 'bucket') {
  const made = client(config);
  for (const name of NAMES) await getSignedUrl(made, command(name, { Bucket: bucket }));
  return made;
}

/** The URL must be the SDK's, and come from where it is said to come from. */
async function same(made, name, input, options = {}, times = 0) {
  const all = { signingDate, ...options };
  const copied = () => Object.fromEntries(Object.entries(all).map(([k, v]) => [k, v instanceof Set ? new Set(v) : v]));
  const expected = await real(made, command(name, input), copied());
  const given = command(name, input);
  const before = { ...given.input };
  const { value, count } = await asked(() => getSignedUrl(made, given, copied()));
  assert.equal(value, expected, inspect([name, input]));
  assert.equal(count, times, `asked the SDK: ${inspect([name, input])}`);
  if (times === 0) assert.deepEqual(given.input, before, 'the input is left as it was');
}

/** As same(), after a first URL of the kind, which is the SDK's. */
async function next(made, name, input, options) {
  await getSignedUrl(made, command(name, input), { signingDate });
  await same(made, name, input, options);
}

const CONFIGS = {
  'R2, virtual host': {},
  'R2, path style': { forcePathStyle: true },
  'session token': { credentials: session },
  'a port and a path': { endpoint: 'http://127.0.0.1:9000/base/path', forcePathStyle: true },
  AWS: { endpoint: undefined, region: 'eu-west-1' },
  'us-east-1': { endpoint: undefined, region: 'us-east-1' },
  accelerate: { endpoint: undefined, region: 'eu-west-1', useAccelerateEndpoint: true },
  dualstack: { endpoint: undefined, region: 'eu-west-1', useDualstackEndpoint: true },
  FIPS: { endpoint: undefined, region: 'us-west-2', useFipsEndpoint: true },
  'checksums of requests only': { responseChecksumValidation: 'WHEN_REQUIRED' },
  'checksums of answers only': { requestChecksumCalculation: 'WHEN_REQUIRED' },
  'checksums when required': {
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  },
};
const KEYS = [
  'k',
  'a b',
  'a+b%20c',
  "!'()*",
  'été/中/😀',
  '/',
  '//a/',
  './../a',
  'a?b#c&d=e',
  `${'x'.repeat(1000)}é`,
  '\u0001\n',
];

for (const [what, config] of Object.entries(CONFIGS)) {
  test(`the URL of the SDK, without the SDK: ${what}`, async () => {
    const made = await warm(config);
    for (const name of NAMES) for (const Key of KEYS) await same(made, name, { Key });
    for (const name of NAMES) await same(made, name, {}, { expiresIn: 604800 });
  });
}

test('an access point is the same in both; an S3 Express bucket is left to the SDK', async () => {
  const Bucket = 'arn:aws:s3:us-west-2:123456789012:accesspoint/mine';
  const made = await warm({ endpoint: undefined, region: 'us-west-2' }, Bucket);
  for (const name of NAMES) await same(made, name, { Bucket, Key: 'a b' });
});

const date = new Date('2026-11-22T02:30:00Z');
const READ = {
  IfMatch: '"etag"',
  IfModifiedSince: date,
  IfNoneMatch: '*',
  IfUnmodifiedSince: date,
  Range: 'bytes=0-99',
  ResponseCacheControl: 'no-cache',
  ResponseContentDisposition: 'attachment; filename="é (1).txt"',
  ResponseContentEncoding: 'gzip',
  ResponseContentLanguage: 'de',
  ResponseContentType: 'text/plain; charset=utf-8',
  ResponseExpires: date,
  VersionId: 'v/+=1',
  PartNumber: 3,
  RequestPayer: 'requester',
  ExpectedBucketOwner: '123456789012',
  ChecksumMode: 'ENABLED',
};
const MEMBERS = {
  GetObject: READ,
  HeadObject: READ,
  PutObject: {
    ACL: 'private',
    CacheControl: 'max-age=1',
    ContentDisposition: 'inline',
    ContentEncoding: 'gzip',
    ContentLanguage: 'de',
    ContentLength: 12,
    ContentMD5: '1B2M2Y8AsgTpgAmY7PhCfg==',
    ContentType: 'image/png',
    ChecksumCRC32: 'AAAAAA==',
    ChecksumCRC32C: 'AAAAAA==',
    ChecksumCRC64NVME: 'AAAAAAAAAAA=',
    ChecksumSHA1: '2jmj7l5rSw0yVb/vlWAYkK/YBwk=',
    ChecksumSHA256: '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
    Expires: date,
    IfMatch: '"etag"',
    IfNoneMatch: '*',
    GrantFullControl: 'id="1"',
    GrantRead: 'id="1"',
    GrantReadACP: 'id="1"',
    GrantWriteACP: 'id="1"',
    ServerSideEncryption: 'aws:kms',
    SSEKMSKeyId: 'key',
    SSEKMSEncryptionContext: 'e30=',
    BucketKeyEnabled: true,
    StorageClass: 'STANDARD_IA',
    WebsiteRedirectLocation: '/x?y=1&z',
    RequestPayer: 'requester',
    Tagging: 'a=b&c=d e',
    ObjectLockMode: 'GOVERNANCE',
    ObjectLockLegalHoldStatus: 'ON',
    ExpectedBucketOwner: '123456789012',
    Metadata: { Owner: 'me and you', 'b-2': '2', a_1: '+/=' },
  },
  DeleteObject: {
    VersionId: 'v1',
    MFA: 'serial 123456',
    RequestPayer: 'requester',
    BypassGovernanceRetention: true,
    ExpectedBucketOwner: '123456789012',
    IfMatch: '"etag"',
  },
};

test('every member of the four commands', async () => {
  for (const config of [{}, CONFIGS['checksums of requests only'], CONFIGS['checksums when required']]) {
    const made = await warm(config);
    for (const [name, members] of Object.entries(MEMBERS)) {
      for (const [member, value] of Object.entries(members)) await next(made, name, { [member]: value });
      const { IfNoneMatch: _one, ...rest } = members;
      await next(made, name, rest);
      const some = Object.fromEntries(Object.entries(rest).filter(([member]) => !member.startsWith('Checksum')));
      await next(made, name, some);
      await next(made, name, Object.fromEntries(Object.entries(members).map(([member]) => [member, undefined])));
    }
    await next(made, 'PutObject', { BucketKeyEnabled: false, ContentLength: 0, Metadata: {} });
  }
});

test('what is not known here is passed on', async () => {
  const made = await warm({});
  const key = Buffer.alloc(32, 1);
  for (const [name, input] of [
    ['GetObject', { SSECustomerAlgorithm: 'AES256', SSECustomerKey: key.toString() }],
    ['GetObject', { Range: ' bytes=0-1 ' }],
    ['GetObject', { ResponseContentType: '' }],
    ['GetObject', { Unknown: 'x' }],
    ['PutObject', { Body: 'text' }],
    ['PutObject', { Metadata: { é: 'ü' } }],
    ['PutObject', { Metadata: { A: '1', a: '2' } }],
    ['PutObject', { ChecksumAlgorithm: 'SHA256' }],
    ['PutObject', { ObjectLockRetainUntilDate: date }],
    ['DeleteObject', { IfMatchSize: 5, IfMatchLastModifiedTime: date }],
  ]) {
    await same(made, name, input, {}, 1);
  }
  const UploadId = 'u';
  await same(made, 'UploadPart', { UploadId, PartNumber: 1 }, {}, 1);
  for (const options of [
    { unhoistableHeaders: new Set(['x-amz-checksum-mode']) },
    { hoistableHeaders: new Set(['range']) },
    { signableHeaders: new Set(['content-type']) },
    { unsignableHeaders: new Set(['host']) },
    { signingRegion: 'x' },
    { signingService: 'y' },
    { expiresIn: 0 },
  ]) {
    await same(made, 'GetObject', { Range: 'bytes=0-1' }, options, 1);
  }
});

test('errors are those of the SDK', async () => {
  const made = await warm({});
  for (const [input, options] of [
    [{ Key: undefined }],
    [{ Key: '' }],
    [{ Bucket: undefined }],
    [{ Bucket: 'a/b' }],
    [{}, { expiresIn: 604801 }],
  ]) {
    const outcome = (f) =>
      f(made, command('GetObject', input), { signingDate, ...options }).then(String, (e) => `!${e.message ?? e}`);
    assert.equal(await outcome(getSignedUrl), await outcome(real), inspect(input));
  }
  const failing = client({ credentials: async () => Promise.reject(new Error('the provider failed')) });
  await assert.rejects(getSignedUrl(failing, command('GetObject')), /the provider failed/);
});

test('the clock', async () => {
  const made = await warm({});
  const read = (url) => new URL(url).searchParams;
  const [from, url, to] = [Date.now(), await getSignedUrl(made, command('GetObject')), Date.now()];
  const [, y, m, d, h, min, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(read(url).get('X-Amz-Date'));
  const at = Date.UTC(y, m - 1, d, h, min, s);
  assert.ok(at >= from - 1000 && at <= to);
  assert.equal(read(url).get('X-Amz-Expires'), '900');
  for (const iso of ['2026-11-22T23:59:59.999Z', '2026-11-23T00:00:00.000Z'])
    await same(made, 'GetObject', {}, { signingDate: new Date(iso) });
});

test('credentials that rotate: by a provider, by expiration, by another secret', async () => {
  let calls = 0;
  let now = { ...session, expiration: new Date(Date.now() + 1000) };
  const made = await warm({
    credentials: async () => {
      calls++;
      return now;
    },
  });
  await same(made, 'GetObject', {});
  const before = calls;
  // Within five minutes of its end the SDK asks anew, at every call.
  now = { accessKeyId: 'NEXT', secretAccessKey: 'next', sessionToken: 'n', expiration: new Date(Date.now() + 1000) };
  await same(made, 'GetObject', {});
  now = { ...now, secretAccessKey: 'other' };
  await same(made, 'GetObject', {});
  assert.ok(calls > before);
  assert.match(await getSignedUrl(made, command('GetObject')), /X-Amz-Credential=NEXT%2F/);
});

test('middleware of your own is honoured, whenever and wherever it is added', async () => {
  const tag = (name, value) => (next) => (args) => {
    args.request.query[name] = value;
    return next(args);
  };
  const options = (name) => ({ step: 'build', name });
  const before = client({});
  before.middlewareStack.add(tag('early', '1'), options('mine'));
  await getSignedUrl(before, command('GetObject'));
  await same(before, 'GetObject', {}, {}, 1);
  assert.match(await getSignedUrl(before, command('GetObject')), /[?&]early=1/);

  const made = await warm({});
  await same(made, 'GetObject', {});
  made.middlewareStack.add(tag('late', '1'), options('mine'));
  await same(made, 'GetObject', {}, {}, 1);
  assert.match(await getSignedUrl(made, command('GetObject')), /[?&]late=1/);
  made.middlewareStack.remove('mine');
  await getSignedUrl(made, command('GetObject'));
  await same(made, 'GetObject', {});
  made.middlewareStack.use({ applyToStack: (stack) => stack.add(tag('plugin', '1'), options('plugin')) });
  assert.match(await getSignedUrl(made, command('GetObject')), /[?&]plugin=1/);
  made.middlewareStack.remove('plugin');

  const frozen = client({});
  Object.freeze(frozen.middlewareStack);
  for (let i = 0; i < 2; i++) await same(frozen, 'GetObject', {}, {}, 1);

  await getSignedUrl(made, command('GetObject'));
  const own = command('GetObject');
  own.middlewareStack.add(tag('own', '1'), options('own'));
  assert.match(await getSignedUrl(made, own), /[?&]own=1/);
});

test('settings that are changed afterwards are seen', async () => {
  const made = await warm({ forcePathStyle: true });
  await same(made, 'GetObject', {});
  made.config.forcePathStyle = false;
  await same(made, 'GetObject', {}, {}, 1);
  await same(made, 'GetObject', {});
  let region = 'auto';
  const moving = await warm({ region: async () => region });
  await same(moving, 'GetObject', {});
  region = 'eu-west-1';
  await same(moving, 'GetObject', {}, {}, 1);
  await same(moving, 'GetObject', {});
});

test("the first URL with other members is the SDK's", async () => {
  const made = await warm({});
  await same(made, 'GetObject', { Range: 'bytes=0-1' }, {}, 1);
  await same(made, 'GetObject', { Range: 'bytes=7-9' });
  await same(made, 'GetObject', {});
});

test('what is known of a client goes with it', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  const clients = [];
  for (let i = 0; i < 10; i++) {
    const made = await warm({});
    made.destroy();
    clients.push(new WeakRef(made));
  }
  const left = () => clients.filter((one) => one.deref() !== undefined).length;
  for (let i = 0; i < 50 && left() > 1; i++) {
    await new Promise(setImmediate);
    collect();
  }
  // One may still be on the stack of this very function.
  assert.ok(left() <= 1, `${left()} of 10 clients are still there`);
});

test('one command object for many URLs', async () => {
  const made = client({});
  for (const name of NAMES) {
    const one = command(name);
    const urls = [];
    for (let i = 0; i < 3; i++) urls.push(await getSignedUrl(made, one, { signingDate }));
    assert.equal(new Set(urls).size, 1);
    // Also after the SDK itself put its middleware and its defaults into it.
    assert.equal(await real(made, one, { signingDate }), urls[0]);
    const { value, count } = await asked(() => getSignedUrl(made, one, { signingDate }));
    assert.equal(value, urls[0]);
    assert.ok(count <= 1);
  }
});

test('at the same time, and more buckets than are remembered', async () => {
  const made = client({ forcePathStyle: true });
  const all = Array.from({ length: 1100 }, (_, i) => ({ Bucket: `bucket-${i}`, Key: `k ${i}` }));
  const urls = (f) =>
    Promise.all(all.slice(0, 50).map((input) => f(made, command('GetObject', input), { signingDate })));
  assert.deepEqual(await urls(getSignedUrl), await urls(real));
  assert.deepEqual(await urls(getSignedUrl), await urls(real));
});
