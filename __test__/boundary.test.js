'use strict';

// The rules of the door that a review would forget: see src/lib.rs.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { Worker } = require('node:worker_threads');

const root = path.join(__dirname, '..');
const rust = fs
  .readdirSync(path.join(root, 'src'), { recursive: true })
  .filter((name) => name.endsWith('.rs'))
  .map((name) => [name, fs.readFileSync(path.join(root, 'src', name), 'utf8')]);

test('every exported function catches its panics', () => {
  let functions = 0;
  for (const [name, text] of rust) {
    // An attribute, possibly others after it, then what it stands on.
    for (const [, attribute, item] of text.matchAll(/#\[napi(\([^\n]*\))?\]\n(?:\s*#\[[^\n]*\]\n)*\s*pub (\w+)/g)) {
      if (item !== 'fn') continue;
      functions++;
      assert.match(attribute ?? '', /catch_unwind/, `${name}: an export without catch_unwind`);
    }
  }
  assert.ok(functions > 15, `only ${functions} exports seen`);
});

test('the addon crate is a cdylib alone, with LTO, and the engine knows no napi', () => {
  const manifest = fs.readFileSync(path.join(root, 'Cargo.toml'), 'utf8');
  assert.match(manifest, /crate-type = \["cdylib"\]/);
  assert.match(manifest, /lto = "fat"/);
  assert.doesNotMatch(manifest, /panic\s*=\s*"abort"/);
  assert.doesNotMatch(fs.readFileSync(path.join(root, 'engine', 'Cargo.toml'), 'utf8'), /napi/);
});

/** Runs a script in a fresh process, from the package's folder. */
function child(script, env = {}) {
  return spawnSync(process.execPath, ['-e', script], {
    cwd: root,
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, ...env },
  });
}

const OPTIONS = `{ s3: { endpoint: 'http://127.0.0.1:1', bucket: 'b', accessKeyId: 'a', secretAccessKey: 's' },
  telegram: { apiRoot: 'http://127.0.0.1:1' } }`;
const JOB = `{ botSlug: 'bot', sha256: '0'.repeat(64), kind: 'photo', r2Key: 'k', token: '1:a', chatIds: ['1'] }`;

test('an idle executor keeps no process alive', () => {
  const result = child(`const { PrewarmExecutor } = require('.'); new PrewarmExecutor(${OPTIONS});`);
  assert.deepEqual([result.status, result.signal, result.stderr], [0, null, '']);
});

test('a submitted job keeps no process alive, a pending run() does', () => {
  const setup = `const { PrewarmExecutor } = require('.'); const executor = new PrewarmExecutor(${OPTIONS});`;
  const submitted = child(`${setup} console.log(executor.submit(${JOB}));`);
  assert.deepEqual([submitted.status, submitted.stdout], [0, 'queued\n']);
  const ran = child(`${setup} executor.run(${JOB}).catch((err) => console.log(err.code));`);
  assert.deepEqual([ran.status, ran.stdout], [0, 'ERR_WARMPATH_DOWNLOAD_FAILED\n']);
});

test('process.exit in the middle of transfers is clean', () => {
  for (let round = 0; round < 10; round++) {
    const result = child(`
      const net = require('node:net');
      const { PrewarmExecutor } = require('.');
      const server = net.createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1', () => {
        const options = ${OPTIONS};
        options.s3.endpoint = 'http://127.0.0.1:' + server.address().port;
        const executor = new PrewarmExecutor({ ...options, concurrency: 50, limits: false });
        executor.submitMany(Array.from({ length: 100 }, (_, i) => ({ ...${JOB}, sha256: String(i).padStart(64, '0') })));
        let open = 0;
        server.on('connection', () => { if (++open === 20) process.exit(7); });
      });`);
    assert.deepEqual([result.status, result.signal, result.stderr], [7, null, '']);
  }
});

test('a worker thread that is terminated with jobs in flight harms nobody', async () => {
  for (let round = 0; round < 5; round++) {
    const worker = new Worker(
      `const { PrewarmExecutor } = require(${JSON.stringify(root)});
       const executor = new PrewarmExecutor({ ...${OPTIONS}, retry: { quick: 10, baseMs: 5, maxMs: 5 } });
       executor.submitMany(Array.from({ length: 100 }, (_, i) => ({ ...${JOB}, sha256: String(i).padStart(64, '0') })));
       require('node:worker_threads').parentPort.postMessage('busy');
       setInterval(() => {}, 1000);`,
      { eval: true },
    );
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    assert.equal(await worker.terminate(), 1);
  }
  const { PrewarmExecutor } = require('..');
  // biome-ignore lint/security/noGlobalEval: the texts above are also given to child processes
  const [options, job] = eval(`[${OPTIONS}, ${JOB}]`);
  const executor = new PrewarmExecutor(options);
  await assert.rejects(executor.run(job), { code: 'ERR_WARMPATH_DOWNLOAD_FAILED' });
  await executor.close();
});

test('require and import see the same names, and importing never needs the addon', () => {
  const names = [
    'CampaignExecutor',
    'CampaignWorker',
    'IngestExecutor',
    'IngestWorker',
    'MemoryStore',
    'PostgresIngestStore',
    'PostgresStore',
    'PrewarmExecutor',
    'PrewarmWorker',
    'Queue',
    'SigV4Signer',
    'WarmpathError',
    'jobKey',
  ];
  const esm = child(
    `import('warmpath').then((m) => console.log(Object.keys(m).filter((k) => /^[A-Zj]/.test(k)).sort().join()))`,
  );
  assert.equal(
    esm.stdout
      .trim()
      .split(',')
      .filter((name) => name !== 'module.exports')
      .join(),
    names.join(),
    esm.stderr,
  );
  const broken = child(
    `const { Queue } = require('.'); try { new Queue() } catch (err) { console.log(err.code, err.constructor.name) }`,
    { WARMPATH_NATIVE_PATH: '/nonexistent/addon.node' },
  );
  assert.equal(broken.stdout, 'ERR_WARMPATH_NATIVE_LOAD WarmpathError\n', broken.stderr);
});
