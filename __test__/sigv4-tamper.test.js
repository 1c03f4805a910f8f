'use strict';

// What we sign, a server that knows nothing of us accepts (the sandbox verifies with @smithy/signature-v4); with any signed byte changed, it
// refuses.

const assert = require('node:assert/strict');
const http = require('node:http');
const { after, before, test } = require('node:test');
const { SigV4Signer } = require('..');
const { R2Sandbox } = require('../lib/testing');
const { makeCases } = require('./support/sigv4/cases');
const { Random, testSeed } = require('./support/sigv4/random');
const { flipped, presignedWire, send, signedWire } = require('./support/sigv4/wire');

const NOW = Date.UTC(2026, 10, 22, 2, 30, 0);
const plain = { accessKeyId: '0123456789abcdef', secretAccessKey: 'f'.repeat(64) };
const temporary = { accessKeyId: 'TEMPORARY', secretAccessKey: 's+/e=cret', sessionToken: 'FwoGZXIvYXdz+/==' };
const HOST = 'account.r2.cloudflarestorage.com';
const seed = testSeed();

/** Every way in which the sandbox says that a request is not signed as it should be. */
const MISSIGNED = new Set([
  ...['SignatureDoesNotMatch', 'AuthorizationHeaderMalformed', 'AuthorizationQueryParametersError', 'AccessDenied'],
  ...['RequestTimeTooSkewed', 'InvalidAccessKeyId', 'InvalidToken', 'XAmzContentSHA256Mismatch', 'ExpiredRequest'],
  'Unauthorized',
]);
/** What a changed byte can lead to besides: no signature found, or a payload hash of a form that is not supported. */
const REFUSALS = new Set([...MISSIGNED, 'InvalidArgument', 'InvalidRequest', 'NotImplemented']);

let sandbox;
let to;

before(async () => {
  sandbox = await R2Sandbox.start({ credentials: [plain, temporary], now: () => NOW });
  to = { port: sandbox.port, agent: new http.Agent({ keepAlive: true, maxSockets: 8 }) };
  await sandbox.put('media', 'a b/é+~.bin', Buffer.from('0123456789'));
});

after(async () => {
  to.agent.destroy();
  await sandbox.close();
});

const at = (target) => `https://${HOST}${target}`;
const REQUESTS = [
  {
    name: 'GET with a range and a query',
    call: { method: 'GET', url: at('/media/a%20b/%C3%A9%2B~.bin?x-id=GetObject'), headers: { Range: 'bytes=2-5' } },
    status: 206,
  },
  {
    name: 'PUT with a hashed body',
    call: {
      method: 'PUT',
      url: at('/media/new/1.txt'),
      headers: { 'Content-Type': 'text/plain', 'X-Amz-Meta-Owner': 'me  and  you' },
      body: 'what is stored',
    },
    status: 200,
  },
  { name: 'DELETE of an odd key', call: { method: 'DELETE', url: at("/media//./(1)!*'%2525+.bin") }, status: 204 },
  {
    name: 'list with temporary credentials',
    credential: temporary,
    call: { method: 'GET', url: at('/media?prefix=a%20b/&list-type=2&delimiter') },
    status: 200,
  },
  {
    name: 'presigned GET',
    presign: true,
    call: { url: at('/media/a%20b/%C3%A9%2B~.bin?response-content-type=text/html'), expiresIn: 60 },
    status: 200,
  },
  {
    name: 'presigned PUT with signed headers and a token',
    presign: true,
    credential: temporary,
    call: {
      method: 'PUT',
      url: at('/media/upload'),
      headers: { 'content-type': 'image/png', 'x-amz-meta-a': '1' },
      body: 'x',
      payloadHash: 'UNSIGNED-PAYLOAD',
    },
    status: 200,
    // UNSIGNED-PAYLOAD says just that.
    bodySigned: false,
  },
];

const settle = async (work, width = 16) => {
  const queue = work[Symbol.iterator]();
  const worker = async () => {
    for (const task of queue) await task();
  };
  await Promise.all(Array.from({ length: width }, worker));
};

for (const { name, call, presign, credential = plain, status, bodySigned = true } of REQUESTS) {
  test(`${name}: accepted; refused with any signed byte changed`, async (t) => {
    const signer = new SigV4Signer(credential);
    const dated = { ...call, date: NOW };
    const wire = presign ? presignedWire(signer, dated) : signedWire(signer, dated);
    assert.deepEqual(await send(wire, to), { status, code: null });

    const changes = [...flipped(wire)].filter(([what]) => bodySigned || !what.startsWith('body'));
    await settle(
      changes.map(([what, changed]) => async () => {
        const answer = await send(changed, to);
        assert.ok(REFUSALS.has(answer.code), `${what}: answered ${answer.status} ${answer.code}`);
        assert.ok([400, 401, 403, 501].includes(answer.status), `${what}: ${answer.status}`);
      }),
    );
    t.diagnostic(`${changes.length} changes`);
  });
}

/** What Node's client or HTTP itself would not carry as it stands, and bodies that are not sent as they were hashed. */
function sendable({ identity, call, truth }) {
  const target = typeof call.url === 'string' ? call.url : `${truth.path}?${call.url.query ?? ''}`;
  const hopByHop =
    /^(connection|content-length|expect|host|keep-alive|te|trailer|transfer-encoding|upgrade|x-amz-content-sha256|proxy-.*|authorization|x-absent|date)$/i;
  return (
    identity.service === 's3' &&
    /^[\x21-\x7e]*$/.test(target) &&
    !Object.keys(call.headers).some((name) => hopByHop.test(name)) &&
    (call.payloadHash === undefined || call.payloadHash === 'UNSIGNED-PAYLOAD')
  );
}

test('random requests are accepted by the independent verifier', async (t) => {
  t.diagnostic(`WARMPATH_TEST_SEED=${seed}`);
  const wanted = process.env.WARMPATH_TEST_LONG === '1' ? 5000 : 300;
  const random = new Random(seed);
  const cases = [];
  while (cases.length < wanted) cases.push(...makeCases(random, 1000).filter(sendable));
  const signers = [plain, temporary].map((credential) => new SigV4Signer(credential));
  await settle(
    cases.slice(0, wanted).map(({ id, mode, call, truth }) => async () => {
      const signer = signers[id % 2];
      const ours = { ...call, url: `https://${HOST}${truth.path}`, date: NOW };
      const query = typeof call.url === 'string' ? /\?([^#]*)/.exec(call.url)?.[1] : call.url.query;
      if (query !== undefined) ours.url += `?${query}`;
      const headers = Object.fromEntries(truth.headers);
      const wire = mode === 'presign' ? presignedWire(signer, { ...ours, headers }) : signedWire(signer, ours);
      // A presigned S3 URL says nothing of the body unless one was given: then its hash is not on the wire for a server to compare with.
      if (mode === 'presign' && truth.payload.hash !== null && truth.payload.hash !== 'UNSIGNED-PAYLOAD') return;
      const answer = await send(wire, to);
      assert.ok(!MISSIGNED.has(answer.code), `seed ${seed}, case ${id}: ${answer.code}\n${JSON.stringify(wire)}`);
    }),
  );
});
