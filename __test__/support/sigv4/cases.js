'use strict';

// Random requests. A case holds the call as our face takes it and, beside it, what that call means (`truth`), from which the other
// implementations are fed: so an oracle never sees our text forms, and our parsing is under test too.

const { createHash } = require('node:crypto');
const { queryCase, writeQuery } = require('./cases-query');
const { keyPath, pathCase } = require('./cases-path');
const { headersCase } = require('./cases-headers');

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const PRINTABLE = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i));
const REGIONS = ['auto', 'auto', 'us-east-1', 'eu-central-1', 'ap-southeast-2', 'weur', 'x'];
const OTHERS = ['service', 'execute-api', 'es', 'dynamodb', 'sts', 'lambda', 's3-outposts'];
// Below, at and above one HMAC block, which is 64 bytes with the prefix `AWS4`.
const LENGTHS = [1, 2, 39, 40, 59, 60, 61, 62, 63, 64, 65, 124, 128, 499, 500];

/** Credentials and scopes that share parts of one another: what a key cache with too small a name would mix up. */
function identities(random, count) {
  const ids = Array.from({ length: 4 }, () => random.text(`${LETTERS}_-`, 4, 24));
  const secrets = Array.from({ length: Math.ceil(count / 4) }, () => {
    const length = random.chance(60) ? random.pick(LENGTHS) : random.between(1, 500);
    return random.text(PRINTABLE, length, length);
  });
  return Array.from({ length: count }, () => {
    const s3 = random.chance(65);
    const identity = {
      accessKeyId: random.pick(ids),
      secretAccessKey: random.pick(secrets),
      region: random.pick(REGIONS),
      service: s3 ? 's3' : random.pick(OTHERS),
    };
    if (random.chance(35)) identity.sessionToken = random.text(`${LETTERS}+/=`, 1, 400);
    if (!s3 && random.chance(30)) identity.applyChecksum = true;
    if (!s3 && random.chance(10)) identity.normalizePath = false;
    return identity;
  });
}

/** `{ given, host }`: the authority as written in a URL text, and what it means. */
function hostCase(random, scheme) {
  const [given, host = given] = random.pick([
    ['account.r2.cloudflarestorage.com'],
    ['account.eu.r2.cloudflarestorage.com'],
    ['media.account.r2.cloudflarestorage.com'],
    ['examplebucket.s3.amazonaws.com'],
    ['localhost:9000'],
    ['127.0.0.1:8080'],
    ['[::1]:9000'],
    ['[2001:db8::1]'],
    ['xn--bcher-kva.example'],
    ['Account.R2.CloudflareStorage.COM', 'account.r2.cloudflarestorage.com'],
    ['h.example:443', scheme === 'https' ? 'h.example' : 'h.example:443'],
    ['h.example:80', scheme === 'http' ? 'h.example' : 'h.example:80'],
    ['h.example:8443'],
  ]);
  return { given, host };
}

const DAY = 86_400_000;

function dateCase(random, days) {
  let ms = random.pick(days) + random.pick([0, 1, 499, 500, 999, DAY - 1, DAY - 500, DAY - 1000, random.below(DAY)]);
  const iso = new Date(ms).toISOString();
  const basic = iso.replace(/[-:]|\.\d{3}/g, '');
  const east = new Date(ms + 330 * 60_000).toISOString().replace('Z', '+05:30');
  const date = random.pick([ms, new Date(ms), iso, basic, east, iso.replace(/\.\d{3}/, '')]);
  if (date === basic || date === iso.replace(/\.\d{3}/, '')) ms = Math.floor(ms / 1000) * 1000;
  return { date, ms };
}

const NO_BODY = { given: {}, bytes: null, hash: null };

/** What the caller says about the body, and what of it is signed: `hash` is null where the service's default counts. */
function payloadCase(random) {
  const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
  const kind = random.below(12);
  if (kind < 4) return NO_BODY;
  if (kind === 4) return { given: { payloadHash: 'UNSIGNED-PAYLOAD' }, bytes: null, hash: 'UNSIGNED-PAYLOAD' };
  if (kind === 5) {
    const payloadHash = sha256(random.bytes(1, 20));
    const body = random.chance(50) ? { body: 'the given hash wins' } : {};
    return { given: { payloadHash, ...body }, bytes: null, hash: payloadHash };
  }
  if (kind < 9) {
    const text = random.text([...LETTERS, ' ', 'é', 'ÿ', '€', '文', '🙂', '\n', '\0'], 0, 60);
    return { given: { body: text }, bytes: Buffer.from(text), hash: sha256(text) };
  }
  const bytes = random.bytes(0, 200);
  if (kind === 9) return { given: { body: bytes }, bytes, hash: sha256(bytes) };
  // A view into a larger memory: what lies before and behind it is not the body.
  const around = new Uint8Array(bytes.length + 40).fill(0x41);
  around.set(bytes, 13);
  const view = kind === 10 ? around.subarray(13, 13 + bytes.length) : Buffer.from(around.buffer, 13, bytes.length);
  return { given: { body: view }, bytes, hash: sha256(bytes) };
}

function makeCase(random, pool, days, id) {
  const identity = random.pick(pool);
  const presign = random.chance(35);
  const scheme = random.chance(85) ? 'https' : 'http';
  const path = pathCase(random, identity.service === 's3');
  const query = queryCase(random);
  const headers = headersCase(random);
  let payload = payloadCase(random);
  // Which of the two wins beside each other is a choice; SDKs make it differently.
  const hashHeader = headers.pairs.some(([name]) => name === 'x-amz-content-sha256');
  if (hashHeader && payload.bytes) payload = NO_BODY;
  const { date, ms } = dateCase(random, days);
  const authority = hostCase(random, scheme);
  const queryText = writeQuery(random, query);
  const asText = random.chance(60);
  const host = asText ? authority.host : authority.given;
  const url = asText
    ? `${random.chance(95) ? scheme : scheme.toUpperCase()}://${authority.given}${path}${queryText === null ? '' : `?${queryText}`}${random.chance(5) ? '#fragment' : ''}`
    : { scheme, host, path: path || '/', ...(queryText === null ? {} : { query: queryText }) };
  const upper = random.pick(['GET', 'GET', 'PUT', 'POST', 'HEAD', 'DELETE', 'PATCH']);
  const method = random.chance(96) ? upper : upper.toLowerCase();
  const call = { method, url, headers: headers.given, date, ...payload.given };
  const truth = {
    method: upper,
    scheme,
    host: headers.host ?? host,
    origin: `${scheme}://${host}`,
    path: path || '/',
    sdkPath: identity.service === 's3' ? keyPath(path || '/') : path || '/',
    pairs: query.pairs,
    headers: headers.pairs,
    payload,
    ms,
  };
  if (presign) {
    if (random.chance(80)) call.expiresIn = random.pick([1, 60, 3600, 604_800, random.between(1, 604_800)]);
    truth.expiresIn = call.expiresIn ?? 900;
  }
  return { id, mode: presign ? 'presign' : 'sign', identity, call, truth };
}

/** `count` cases that follow from `random` alone. */
function makeCases(random, count) {
  const pool = identities(random, Math.max(12, Math.min(80, Math.ceil(count / 30))));
  const days = [
    Date.UTC(2026, 10, 22),
    Date.UTC(2026, 10, 23),
    Date.UTC(2024, 1, 29),
    Date.UTC(2025, 11, 31),
    Date.UTC(1970, 0, 1),
    Math.floor((random.below(2 ** 31) * 2000) / DAY) * DAY,
  ];
  return Array.from({ length: count }, (_, id) => makeCase(random, pool, days, id));
}

module.exports = { makeCases, identities };
