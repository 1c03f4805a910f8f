'use strict';

// The door of the signer: what a defect, a garbage collection, another thread and another copy do to it.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const { Worker } = require('node:worker_threads');
const { SigV4Signer } = require('..');

const root = path.join(__dirname, '..');
const LONG = process.env.WARMPATH_TEST_LONG === '1';
const keys = { accessKeyId: 'AKID', secretAccessKey: 's'.repeat(64) };
const date = '20261122T023000Z';

/** Runs a script in a fresh process, from the package's folder. */
function child(script, { env = {}, flags = [], timeout = 60_000 } = {}) {
  return spawnSync(process.execPath, [...flags, '-e', script], {
    cwd: root,
    encoding: 'utf8',
    timeout,
    env: { ...process.env, ...env },
  });
}

const SIGNER = `const { SigV4Signer } = require('.'); const keys = ${JSON.stringify(keys)};`;

test('a panic in native code is an error of its call, and nothing else', () => {
  const script = `${SIGNER}
    const core = require('./lib/signer/core.js');
    const handle = core.open({ credentials: keys, region: 'auto', service: 's3', uriEscapePath: false, normalizePath: false,
      applyChecksum: true });
    const before = core.sign(handle, 1, 5, 'https://h/');
    for (let i = 0; i < 3; i++) {
      try { core.checked(core.functions().panic(handle)); } catch (err) { console.log(err.code, err.class); }
    }
    console.log(core.sign(handle, 1, 5, 'https://h/') === before);`;
  const result = child(script, { env: { WARMPATH_TEST_SIGNER_PANIC: '1' } });
  assert.deepEqual(
    [result.status, result.stdout],
    [0, `${'ERR_WARMPATH_INTERNAL bug\n'.repeat(3)}true\n`],
    result.stderr,
  );
  const without = child(`console.log(typeof require('./lib/signer/core.js').functions().panic)`);
  assert.equal(without.stdout, 'undefined\n', 'the panic is there only for this test');
});

test('wrong arguments to the door are errors, not crashes', () => {
  const script = `
    const door = require('./lib/signer/core.js').functions();
    const nonsense = [undefined, null, 5, -1, NaN, 'x', {}, [], () => {}, 5n, Symbol('x')];
    let calls = 0;
    for (const name of Object.keys(door)) {
      for (const a of nonsense) for (const b of nonsense) {
        const answer = door[name](a, b, a, b, a, b, a, b, a, b, a, b);
        // A hint has nothing to refuse: what it does not understand it lets be.
        const hint = name === 'expectMany' && answer === undefined;
        if (!hint && (typeof answer !== 'string' || answer[0] !== '!')) throw new Error(name);
        calls++;
      }
      door[name]();
    }
    console.log(calls > 500);`;
  const result = child(script);
  assert.deepEqual([result.status, result.stdout], [0, 'true\n'], result.stderr);
});

test('every callback of the door goes through the one that catches', () => {
  const folder = path.join(root, 'src');
  const files = fs.readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.rs'));
  const inDoor = (name) => name.startsWith(`door${path.sep}`);
  const door = files.filter(inDoor).map((name) => fs.readFileSync(path.join(folder, name), 'utf8'));
  const callbacks = [...door.join('\n').matchAll(/unsafe extern "C" fn (\w+)[^{]*\{([\s\S]*?)\n\}/g)];
  assert.deepEqual(callbacks.map(([, name]) => name).sort(), ['drop_handle', 'entry']);
  for (const [, name, body] of callbacks) assert.match(body, /catch_unwind/, name);
  for (const [, before] of door.join('\n').matchAll(/((?:.*\n){6}).*\bunsafe \{/g))
    assert.match(before, /SAFETY|unsafe/);
  for (const name of files.filter((each) => !inDoor(each) && each !== 'lib.rs')) {
    assert.doesNotMatch(fs.readFileSync(path.join(folder, name), 'utf8'), /\bunsafe\b/, name);
  }
});

test('a process ends by itself with signers alive', () => {
  const script = `${SIGNER} globalThis.kept = Array.from({ length: 100 }, () => new SigV4Signer(keys));
    for (const signer of kept) signer.sign({ method: 'GET', url: 'https://h/' });
    const pending = new SigV4Signer({ credentials: () => new Promise(() => {}) }); pending.ready();`;
  const result = child(script);
  assert.deepEqual([result.status, result.signal, result.stderr], [0, null, '']);
});

test('native memory goes with the JavaScript object', () => {
  const script = `${SIGNER}
    const make = (count) => { for (let i = 0; i < count; i++) new SigV4Signer(keys).presign({ url: 'https://h/' }); };
    const settle = async () => { for (let i = 0; i < 5; i++) { gc(); await new Promise(setImmediate); } };
    (async () => {
      make(5_000); await settle();
      const before = process.memoryUsage().rss;
      for (let i = 0; i < 8; i++) { make(5_000); await settle(); }
      console.log(Math.round((process.memoryUsage().rss - before) / 1e6));
    })();`;
  const result = child(script, { flags: ['--expose-gc'] });
  // A signer holds some 4 KB; 40,000 of them that stayed would be 160 MB.
  assert.ok(Number(result.stdout) < 40, `grew by ${result.stdout} MB ${result.stderr}`);
});

test(`memory stays flat over ${LONG ? '10 M' : '300 k'} signatures`, { timeout: 300_000 }, () => {
  const rounds = LONG ? 100 : 3;
  const script = `${SIGNER} const signer = new SigV4Signer(keys);
    const round = (n) => {
      for (let i = 0; i < 100_000; i++) {
        const at = Date.UTC(2027, 0, 1) + (n * 100_000 + i) * (i % 10 === 0 ? 997 : 0);
        const request = { method: 'PUT', url: 'https://h' + (i % 7) + '.example/k/' + i, date: at, headers: { 'x-amz-meta-n': i } };
        if (i % 5 === 0) request.body = 'text ' + i;
        if (i % 10_000 === 0) request.headers.big = 'x'.repeat(100_000);
        signer.sign(request);
      }
    };
    for (let n = -2; n <= 0; n++) round(n);
    gc();
    const before = process.memoryUsage().rss;
    for (let n = 1; n <= ${rounds}; n++) round(n);
    gc();
    console.log(Math.round((process.memoryUsage().rss - before) / 1e6));`;
  const result = child(script, { flags: ['--expose-gc', '--max-semi-space-size=1'], timeout: 280_000 });
  assert.ok(result.stdout !== '' && Number(result.stdout) < 10, `grew by ${result.stdout} MB ${result.stderr}`);
});

test('worker threads sign, alone and at once, and their end harms nobody', async () => {
  const signer = new SigV4Signer(keys);
  const request = { method: 'GET', url: 'https://h/p', date };
  const expected = signer.sign(request).authorization;
  const script = `const { parentPort, workerData } = require('node:worker_threads');
    const { SigV4Signer } = require(workerData.root);
    const signer = new SigV4Signer(workerData.keys);
    let last; for (let i = 0; i < 2000; i++) last = signer.sign(workerData.request);
    parentPort.postMessage(last.authorization);`;
  const results = await Promise.all(
    Array.from({ length: 4 }, () => {
      const worker = new Worker(script, { eval: true, workerData: { root, keys, request } });
      return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    }),
  );
  assert.deepEqual(results, Array(4).fill(expected));
  assert.equal(signer.sign(request).authorization, expected);
});

test('two copies of the package in one process sign side by side', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-copy-'));
  try {
    for (const name of ['lib', 'native', 'index.js', 'package.json']) {
      fs.cpSync(path.join(root, name), path.join(folder, name), { recursive: true });
    }
    const copy = require(folder);
    assert.notEqual(copy.SigV4Signer, SigV4Signer);
    const request = { method: 'GET', url: 'https://h/p', date };
    const [ours, theirs] = [new SigV4Signer(keys), new copy.SigV4Signer(keys)];
    for (let i = 0; i < 10; i++) assert.deepEqual(theirs.sign(request), ours.sign(request));
    assert.throws(() => theirs.sign({}), { code: 'ERR_WARMPATH_INVALID_ARGUMENT' });
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
});

test('a signature that repeats the last one but for the path is that of a fresh signer', () => {
  const signer = new SigV4Signer({ ...keys, accountId: 'acc', bucket: 'b' });
  const variants = [
    { url: 'https://h/a' },
    { url: 'https://h/b c' },
    { url: 'https://h/b?x=1' },
    { url: 'https://h' },
    { url: 'https://hh/a' },
    { url: 'http://h/a' },
    { url: 'https://H/a' },
    { url: 'https://h/a#fragment' },
    { url: 'https://h/a', headers: { a: 'b' } },
    { url: 'https://h/b', headers: { a: 'b' } },
    { url: 'https://h/b', headers: { a: 'c' } },
    { url: 'https://h/b', headers: { a: ' c ' } },
    { url: 'https://h/c', payloadHash: 'UNSIGNED-PAYLOAD' },
    { url: 'https://h/c', payloadHash: 'a'.repeat(64) },
    { url: 'https://h/c', payloadHash: 'b'.repeat(64) },
    { url: 'https://h/c', body: 'text' },
    { url: 'https://h/c', body: 'other' },
    { url: 'https://h/c', method: 'PUT' },
    { url: 'https://h/c', method: 'PATCH' },
    { url: 'https://h/c', date: '20261122T023001Z' },
    { url: 'https://h/c', date: '20261123T023000Z' },
    { url: { scheme: 'https', host: 'h', path: '/c' } },
    { key: 'c' },
    { key: 'd+e' },
  ];
  let seed = 20261122;
  const random = (n) => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    return Math.floor((seed / 2 ** 31) * n);
  };
  for (let i = 0; i < 3000; i++) {
    const request = { method: 'GET', date, ...variants[random(variants.length)] };
    const fresh = new SigV4Signer({ ...keys, accountId: 'acc', bucket: 'b' });
    assert.deepEqual(signer.sign(request), fresh.sign(request), `case ${i}`);
    if (i % 3 === 0) {
      const batch = Array.from({ length: 4 }, () => ({ method: 'GET', date, ...variants[random(variants.length)] }));
      assert.deepEqual(
        signer.presignMany(batch),
        batch.map((each) => fresh.presign(each)),
      );
    }
  }
});

test('batches of every size and length of URL come back whole and in order', () => {
  const signer = new SigV4Signer(keys);
  for (const size of [0, 1, 2, 85, 86, 1000]) {
    const urls = Array.from({ length: size }, (_, i) => `https://h/${'x'.repeat(i % 97)}/${i}`);
    const shared = { date, expiresIn: 60 };
    assert.deepEqual(
      signer.presignMany(urls, shared),
      urls.map((url) => signer.presign({ url, ...shared })),
    );
  }
  const long = Array.from({ length: 5 }, (_, i) => `https://h/${'é'.repeat(20_000)}${i}`);
  assert.deepEqual(
    signer.presignMany(long, { date }),
    long.map((url) => signer.presign({ url, date })),
  );
});

test('batches that are shared between threads are the same URLs, and name the same mistakes', () => {
  const signer = new SigV4Signer({ ...keys, accountId: 'acc', bucket: 'b' });
  const shared = { date, expiresIn: 60 };
  for (const size of [511, 512, 1024, 3000]) {
    const urls = Array.from(
      { length: size },
      (_, i) => `https://h${i % 3}/${'x'.repeat((i * 7) % 97)}/${i}?a=${i % 2}`,
    );
    const presigned = urls.map((url) => signer.presign({ url, ...shared }));
    assert.deepEqual(signer.presignMany(urls, shared), presigned, `${size}`);
    const items = urls.map((url, i) => ({ key: `${url.slice(10)}${i % 50 === 0 ? ' é+%' : ''}` }));
    const byKey = items.map(({ key }) => signer.presign({ key, ...shared }));
    assert.deepEqual(signer.presignMany(items, shared), byKey, `${size} keys`);
    const one = (at, bad) => presigned.map((_, i) => (i === at ? bad : urls[i]));
    for (const at of [0, 255, size - 1]) {
      const option = `requests[${at}].url`;
      assert.throws(() => signer.presignMany(one(at, 'https://h/\t'), shared), { option: `${option}.path` });
      assert.throws(() => signer.presignMany(one(at, 'https://h/\n'), shared), { option });
      const wrong = items.map((item, i) => (i === at ? { key: 'a\u0001' } : item));
      assert.throws(() => signer.presignMany(wrong, shared), { option: `requests[${at}].key` });
    }
    const twice = urls.map((url, i) => (i === 300 || i === size - 1 ? 'https://h/\u0001' : url));
    assert.throws(() => signer.presignMany(twice, shared), { option: 'requests[300].url.path' });
  }
});

test('long texts cross whole', () => {
  const signer = new SigV4Signer(keys);
  for (const length of [1900, 2000, 2035, 2040, 2043, 2044, 2045, 2046, 2047, 2048, 2049, 5000, 100_000]) {
    for (const letter of ['a', 'é', '€', '🎉']) {
      const key = letter.repeat(length / letter.length);
      const { canonicalRequest } = signer.explain({ method: 'PUT', url: `https://h/${key}`, date, body: key });
      const lines = canonicalRequest.split('\n');
      const [wire, hash] = [lines[1], lines.at(-1)];
      assert.equal(decodeURIComponent(wire.slice(1)), key);
      assert.equal(hash, crypto.createHash('sha256').update(key).digest('hex'));
    }
  }
});
