'use strict';

// Where credentials come from, how they are renewed and swapped, and where they never show.

const assert = require('node:assert/strict');
const test = require('node:test');
const { inspect } = require('node:util');
const { SigV4Signer, WarmpathError } = require('..');

const keys = { accessKeyId: 'AKID', secretAccessKey: 'first-secret' };
const request = { method: 'GET', url: 'https://h/p', date: '20261122T023000Z' };
const NOT_READY = 'ERR_WARMPATH_CREDENTIALS_NOT_READY';

const idOf = (signer) => /Credential=([^/]+)\//.exec(signer.sign(request).authorization)[1];

/** A promise that is settled from outside. */
function deferred() {
  const out = {};
  out.promise = new Promise((resolve, reject) => Object.assign(out, { resolve, reject }));
  return out;
}

test('credentials in one object sign like the same ones one by one', () => {
  const one = new SigV4Signer({ ...keys, sessionToken: 'token' });
  const all = new SigV4Signer({ credentials: { ...keys, sessionToken: 'token' } });
  assert.deepEqual(all.sign(request), one.sign(request));
  assert.equal(one.sign(request).headers['x-amz-security-token'], 'token');
});

test('a session token is sent and signed, beside a body and given headers too', () => {
  const signer = new SigV4Signer({ ...keys, sessionToken: 'to+ken/=' });
  for (const more of [{}, { body: 'text' }, { headers: { a: 'b' } }, { headers: { a: [' b', 'c'] }, body: 'x' }]) {
    for (let i = 0; i < 2; i++) {
      const { headers, authorization, payloadHash } = signer.sign({ ...request, ...more });
      assert.equal(headers['x-amz-security-token'], 'to+ken/=');
      assert.match(authorization, /^AWS4-HMAC-SHA256 Credential=AKID.*;x-amz-security-token, Signature=[0-9a-f]{64}$/);
      assert.ok(authorization.endsWith(signer.explain({ ...request, ...more }).signature));
      assert.match(payloadHash, /^[0-9a-f]{64}$/);
    }
  }
  assert.match(signer.presign(request), /&X-Amz-Security-Token=to%2Bken%2F%3D&/);
});

test('setCredentials changes the very next signature, of every kind', () => {
  const signer = new SigV4Signer(keys);
  const next = { accessKeyId: 'AKID', secretAccessKey: 'second-secret' };
  const all = (from) => [
    from.sign(request).authorization,
    from.presign(request),
    from.presignMany([request, request])[1],
    from.explain(request).signature,
  ];
  const before = all(signer);
  signer.setCredentials(next);
  assert.deepEqual(all(signer), all(new SigV4Signer(next)));
  for (const [i, text] of all(signer).entries()) assert.notEqual(text, before[i]);
  signer.setCredentials({ ...keys, sessionToken: 'token' });
  assert.deepEqual(all(signer), all(new SigV4Signer({ ...keys, sessionToken: 'token' })));
  signer.setCredentials(keys);
  assert.deepEqual(all(signer), before);
  assert.throws(() => signer.setCredentials({ accessKeyId: 'x' }), { code: 'ERR_WARMPATH_INVALID_OPTION' });
  assert.throws(() => signer.setCredentials({ ...next, region: 'x' }), { option: 'credentials.region' });
  assert.deepEqual(all(signer), before, 'a refused credential changes nothing');
});

test('an asynchronous provider: not ready, then ready, asked once by all who wait', async () => {
  let asked = 0;
  const gate = deferred();
  const provider = async () => {
    asked++;
    await gate.promise;
    return { ...keys, $source: 'a library', accountId: '1' };
  };
  const signer = new SigV4Signer({ credentials: provider });
  assert.equal(asked, 0, 'nothing is asked before the first use');
  assert.throws(() => signer.sign(request), { code: NOT_READY, class: 'config', name: 'WarmpathError' });
  assert.throws(() => signer.presignMany(['https://h/p']), { code: NOT_READY });
  const waiting = [signer.ready(), signer.ready(), signer.ready()];
  gate.resolve();
  await Promise.all(waiting);
  assert.equal(asked, 1);
  assert.equal(signer.sign(request).authorization, new SigV4Signer(keys).sign(request).authorization);
  await signer.ready();
  assert.equal(asked, 1);
});

test('a synchronous provider needs no ready()', () => {
  const signer = new SigV4Signer({ credentials: () => keys });
  assert.equal(idOf(signer), 'AKID');
});

test('a provider that rejects, throws or gives nonsense', async () => {
  const cause = new Error('no network');
  for (const provider of [
    async () => {
      throw cause;
    },
    () => {
      throw cause;
    },
    () => ({ accessKeyId: 'only' }),
    async () => null,
    async () => ({ ...keys, expiration: 'soon' }),
    async () => ({ ...keys, expiration: 5 }),
  ]) {
    const signer = new SigV4Signer({ credentials: provider });
    const failed = (err) => {
      assert.ok(err instanceof WarmpathError);
      assert.equal(err.code, NOT_READY);
      return true;
    };
    await assert.rejects(signer.ready(), failed);
    await assert.rejects(signer.ready(), failed);
    assert.throws(() => signer.sign(request), failed);
  }
  const signer = new SigV4Signer({ credentials: () => Promise.reject(cause) });
  await assert.rejects(signer.ready(), (err) => err.cause === cause);
});

test('after a failure use does not hammer the provider, and ready() tries again', async () => {
  let asked = 0;
  let healthy = false;
  const provider = async () => {
    asked++;
    if (!healthy) throw new Error('down');
    return keys;
  };
  const signer = new SigV4Signer({ credentials: provider });
  await assert.rejects(signer.ready(), { code: NOT_READY });
  for (let i = 0; i < 1000; i++) assert.throws(() => signer.sign(request), { code: NOT_READY });
  assert.equal(asked, 1);
  healthy = true;
  await signer.ready();
  assert.equal(asked, 2);
  assert.equal(idOf(signer), 'AKID');
});

test('expiring credentials are renewed in the background, by use, before they expire', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.UTC(2026, 10, 22) });
  let issue = 0;
  let gate = null;
  const provider = async () => {
    const number = ++issue;
    await gate?.promise;
    return { ...keys, accessKeyId: `AK${number}`, expiration: new Date(Date.now() + 3_600_000) };
  };
  const signer = new SigV4Signer({ credentials: provider });
  await signer.ready();
  t.mock.timers.setTime(Date.now() + 3_200_000);
  assert.equal(idOf(signer), 'AK1');
  assert.equal(issue, 1, 'not due yet');

  gate = deferred();
  t.mock.timers.setTime(Date.now() + 200_000);
  for (let i = 0; i < 100; i++) assert.equal(idOf(signer), 'AK1', 'the old ones do until the new ones are there');
  assert.equal(issue, 2, 'one renewal for all who sign');
  gate.resolve();
  await new Promise(setImmediate);
  assert.equal(idOf(signer), 'AK2');

  gate = deferred();
  t.mock.timers.setTime(Date.now() + 4_000_000);
  assert.throws(() => signer.sign(request), { code: NOT_READY, message: /expired/ });
  const ready = signer.ready();
  gate.resolve();
  await ready;
  assert.equal(idOf(signer), 'AK3');
});

test('credentials that were given with an expiration end with it', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.UTC(2026, 10, 22) });
  for (const form of [(ms) => ms, (ms) => new Date(ms), (ms) => new Date(ms).toISOString()]) {
    const end = form(Date.now() + 1000);
    const signer = new SigV4Signer({ credentials: { ...keys, expiration: end } });
    assert.equal(idOf(signer), 'AKID');
    t.mock.timers.setTime(Date.now() + 1000);
    assert.throws(() => signer.sign(request), { code: NOT_READY });
    await assert.rejects(signer.ready(), { code: NOT_READY });
    signer.setCredentials(keys);
    assert.equal(idOf(signer), 'AKID');
  }
});

test('setCredentials wins over a renewal that is under way', async () => {
  const gate = deferred();
  const signer = new SigV4Signer({ credentials: () => gate.promise });
  const ready = signer.ready();
  signer.setCredentials({ ...keys, accessKeyId: 'MINE' });
  gate.resolve({ ...keys, accessKeyId: 'LATE' });
  await ready;
  assert.equal(idOf(signer), 'MINE');
});

test('the clock offset moves signatures without a date, and the expiry of credentials', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.UTC(2026, 10, 22) });
  const signer = new SigV4Signer({ ...keys, clockOffsetMs: 60_000 });
  const { date, ...now } = request;
  assert.equal(signer.sign(now).amzDate, '20261122T000100Z');
  assert.equal(signer.sign({ ...now, date }).amzDate, date);
  signer.clockOffsetMs = -1;
  assert.equal(signer.clockOffsetMs, -1);
  assert.equal(signer.sign(now).amzDate, '20261121T235959Z');
  assert.match(signer.presign({ url: now.url }), /X-Amz-Date=20261121T235959Z/);
  for (const wrong of ['5', Number.NaN, 1.5, null]) {
    assert.throws(() => {
      signer.clockOffsetMs = wrong;
    }, /clockOffsetMs/);
  }
  const ending = new SigV4Signer({ credentials: { ...keys, expiration: Date.now() + 5000 } });
  ending.clockOffsetMs = 5000;
  assert.throws(() => ending.sign(request), { code: NOT_READY });
});

test('options that contradict each other are refused', () => {
  const wrong = [
    [{}, 'accessKeyId'],
    [{ accessKeyId: 'a' }, 'secretAccessKey'],
    [{ ...keys, credentials: keys }, 'accessKeyId'],
    [{ credentials: keys, sessionToken: 'x' }, 'sessionToken'],
    [{ credentials: 5 }, 'credentials'],
    [{ credentials: { accessKeyId: 'a' } }, 'credentials.secretAccessKey'],
    [{ credentials: { ...keys, expires: 5 } }, 'credentials.expires'],
    [{ ...keys, accountId: 'a', endpoint: 'https://h' }, 'accountId'],
    [{ ...keys, jurisdiction: 'eu' }, 'jurisdiction'],
    [{ ...keys, bucket: 'b' }, 'bucket'],
    [{ ...keys, virtualHost: true }, 'virtualHost'],
    [{ ...keys, accessKeyId: 'a,b' }, 'accessKeyId'],
    [{ ...keys, clockOffsetMs: '5' }, 'clockOffsetMs'],
  ];
  for (const [options, option] of wrong) {
    assert.throws(() => new SigV4Signer(options), { code: 'ERR_WARMPATH_INVALID_OPTION', option }, inspect(options));
  }
});

test('no secret shows: not in inspect, JSON, keys, errors, nor in what a provider failed with', async () => {
  const secret = 'canary-secret-value';
  const token = 'canary-token-value';
  const provided = new SigV4Signer({
    credentials: async () => ({ ...keys, secretAccessKey: secret, sessionToken: token }),
  });
  await provided.ready();
  const flat = new SigV4Signer({ accessKeyId: 'AKID', secretAccessKey: secret, sessionToken: token });
  const errors = [];
  const collect = (call) => {
    try {
      call();
    } catch (err) {
      errors.push(err);
    }
  };
  collect(() => flat.sign({ method: 'GET', url: 'https://h/\n' }));
  collect(() => new SigV4Signer({ accessKeyId: 'AKID', secretAccessKey: `${secret}\n` }));
  collect(() => new SigV4Signer({ accessKeyId: 'AKID', secretAccessKey: secret, sessionToken: `${token} ` }));
  collect(() => new SigV4Signer({ accessKeyId: 'AKID', secretAccessKey: [secret] }));
  collect(() => flat.setCredentials({ accessKeyId: 'AKID', secretAccessKey: `${secret}é` }));
  assert.equal(errors.length, 5);
  for (const thing of [provided, flat, ...errors]) {
    const shown = [
      inspect(thing, { showHidden: true, depth: 9, getters: true }),
      JSON.stringify(thing),
      ...Reflect.ownKeys(thing).map((key) => `${String(key)} ${String(thing[key])}`),
    ].join();
    assert.ok(!shown.includes('canary'), shown);
  }
  assert.deepEqual(Object.keys(flat), []);
});
