'use strict';

// What the disk sink promises: killed processes, full disks, disks that cannot be written.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const { spawn, spawnSync } = require('node:child_process');
const { randomBytes, randomInt } = require('node:crypto');
const { startIngest, refusal, sha256 } = require('./support/ingest.js');
const { until } = require('./support/prewarm.js');

const LONG = process.env.WARMPATH_TEST_LONG === '1';

test('whenever a process is killed, final names hold whole media, and its leavings are swept', async (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-kill-'));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  let strays = 0;
  let whole = 0;
  for (let round = 0; round < (LONG ? 200 : 4); round++) {
    const child = spawn(process.execPath, [path.join(__dirname, 'support', 'ingest-child.js'), dir]);
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
    const ended = new Promise((resolve) => child.on('close', resolve));
    await until(() => said.startsWith('ready'));
    // Anywhere between the writing, the sync, the naming and the sync of the name.
    const enough = randomInt(1, 20);
    await until(() => said.split('\n').length > enough + 1);
    child.kill('SIGKILL');
    await ended;
    const names = fs.readdirSync(dir);
    const temporary = names.filter((name) => name.endsWith('.tmp'));
    strays += temporary.length;
    const stored = new Set();
    for (const name of names.filter((n) => !n.startsWith('.'))) {
      const bytes = fs.readFileSync(path.join(dir, name));
      stored.add(sha256(bytes));
      fs.rmSync(path.join(dir, name));
    }
    // Random bytes have no structure to tell half of them by; what was said to be stored has to be there in whole, and what was
    // not said yet may be.
    const promised = said.split('\n').slice(1, -1);
    for (const hash of promised) assert.ok(stored.has(hash), 'a stored medium is not there, or not whole');
    assert.ok(stored.size <= promised.length + 8, `${stored.size} media for ${promised.length} promises`);
    whole += stored.size;
  }
  assert.ok(whole > 0);
  t.diagnostic(`${whole} media, ${strays} strays`);
  const { temporary } = startIngest(t, { dir });
  await until(() => temporary().length === 0 && fs.readdirSync(dir).filter((n) => n.endsWith('.lock')).length === 1);
});

test('two processes share a directory: the one that starts sweeps nothing of the one that runs', async (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-share-'));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const child = spawn(process.execPath, [path.join(__dirname, 'support', 'ingest-child.js'), dir]);
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    said += text;
  });
  let failed = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    failed += text;
  });
  await until(() => said.startsWith('ready'));
  for (let i = 0; i < 20; i++) {
    const { executor } = startIngest(t, { dir });
    await executor.run({ source: { bytes: randomBytes(10) } });
    await executor.close();
  }
  const ended = new Promise((resolve) => child.on('close', resolve));
  child.kill('SIGKILL');
  await ended;
  // A swept file is one that cannot be given its name.
  assert.equal(failed, '');
});

/** Runs `body(dir)` in a process that sees a file system of `size` bytes there; null where the system does not allow it. */
function onSmallDisk(size, body) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-full-'));
  const script = `(${body})(${JSON.stringify(dir)}, require(${JSON.stringify(path.join(__dirname, '..'))}))`;
  const mount = `mount -t tmpfs -o size=${size} tmpfs ${dir} && echo mounted && exec ${process.execPath} -e "$BODY"`;
  const user = process.getuid() === 0 ? [] : ['--map-root-user'];
  const { status, stdout, stderr } = spawnSync('unshare', [...user, '--mount', 'sh', '-c', mount], {
    env: { ...process.env, BODY: `${script}.catch((err) => { console.error(err); process.exit(1); })` },
    encoding: 'utf8',
  });
  fs.rmdirSync(dir);
  if (!stdout?.startsWith('mounted')) return null;
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout.slice('mounted\n'.length));
}

test('a full disk is an error that is retried, wherever it strikes, and leaves nothing', (t) => {
  if (process.platform !== 'linux') return t.skip('needs Linux: a file system of its own in a namespace');
  const result = onSmallDisk(2 ** 20, async (dir, { IngestExecutor }) => {
    const fs = require('node:fs');
    const { randomBytes } = require('node:crypto');
    const executor = new IngestExecutor({ dir, retry: { quick: 1, baseMs: 1, maxMs: 1 } });
    const errors = [];
    // In a block, in the last one, and not at all: what the disk takes is exactly 1 MiB.
    for (const size of [3_000_000, 1_100_000, 1_048_577, 1_048_576]) {
      const outcome = new Promise((resolve) => executor.once('settled', ([first]) => resolve(first)));
      // Awaited too: a listener alone keeps no process alive.
      await executor.run({ source: { bytes: randomBytes(size) } }).catch(() => {});
      const { error, attempts } = await outcome;
      if (error) errors.push([error.code, error.class, error.phase, attempts]);
      for (const name of fs.readdirSync(dir)) if (!name.startsWith('.')) fs.rmSync(`${dir}/${name}`);
      const deadline = Date.now() + 20_000;
      while (fs.readdirSync(dir).length > 1 && Date.now() < deadline) await new Promise(setImmediate);
    }
    // Room again: everything works as if nothing had been.
    fs.writeFileSync(`${dir}/.filler`, Buffer.alloc(900_000));
    const key = 'late';
    const full = await executor.run({ key, source: { bytes: randomBytes(500_000) } }).catch((err) => err.code);
    fs.rmSync(`${dir}/.filler`);
    const { bytes } = await executor.run({ key, source: { bytes: randomBytes(500_000) } });
    await executor.close();
    while (fs.readdirSync(dir).length > 1) await new Promise(setImmediate);
    console.log(JSON.stringify({ errors, full, bytes }));
  });
  if (result === null) {
    if (process.env.CI) throw new Error('CI must allow unshare and mount');
    return t.skip('SKIPPED: no file system can be mounted here, so a full disk was not tested');
  }
  assert.equal(result.errors.length, 3);
  for (const error of result.errors) assert.deepEqual(error, ['ERR_WARMPATH_DISK_FULL', 'transient', 'upload', 2]);
  assert.equal(result.full, 'ERR_WARMPATH_DISK_FULL');
  assert.equal(result.bytes, 500_000);
});

test('a directory that is taken away is an error that is retried', async (t) => {
  const { executor, dir } = startIngest(t, { retry: { quick: 1, baseMs: 1, maxMs: 1 } });
  fs.rmSync(dir, { recursive: true });
  const err = await refusal(executor, { source: { bytes: randomBytes(10) } });
  assert.deepEqual([err.code, err.class], ['ERR_WARMPATH_DISK_FAILED', 'transient']);
  assert.equal(executor.stats().retries, 1);
  fs.mkdirSync(dir);
  assert.equal((await executor.run({ source: { bytes: randomBytes(10) } })).bytes, 10);
});
