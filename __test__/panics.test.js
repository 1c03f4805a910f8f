'use strict';

// A defect of native code, planted: it costs its caller one typed error or its job one outcome, and nobody anything else.
//
// Needs an addon with failpoints, which no release has. A long run builds it (a debug build: minutes); a short one takes the one
// that is there, if it is newer than what it is made of, or says that it does not run.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { runScript } = require('./support/child-script.js');

const root = path.join(__dirname, '..');
const LONG = process.env.WARMPATH_TEST_LONG === '1';
const target = path.join(root, 'target', 'failpoints');
const prefix = { win32: '', darwin: 'lib' }[process.platform] ?? 'lib';
const suffix = { win32: 'dll', darwin: 'dylib' }[process.platform] ?? 'so';
const addon = process.env.WARMPATH_FAILPOINTS ?? path.join(target, 'debug', `${prefix}warmpath.${suffix}`);

function isFresh() {
  if (!fs.existsSync(addon)) return false;
  const made = fs.statSync(addon).mtimeMs;
  return ['src', 'engine/src'].every((folder) =>
    fs
      .readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
      .every((entry) => !entry.isFile() || fs.statSync(path.join(entry.parentPath, entry.name)).mtimeMs <= made),
  );
}

if (!isFresh() && LONG) {
  const args = ['build', '--locked', '-p', 'warmpath', '--features', 'failpoints'];
  execFileSync('cargo', args, { cwd: root, stdio: 'inherit', env: { ...process.env, CARGO_TARGET_DIR: target } });
}
const skip = isFresh() ? false : 'no addon with failpoints: npm run test:long builds it';
if (skip) process.stderr.write(`\nNOT TESTED: ${skip}\n\n`);

/** Runs a script with a panic planted; its standard output by line. */
async function planted(at, script, times = 1) {
  const env = { WARMPATH_NATIVE_PATH: addon, WARMPATH_PANIC_AT: at, WARMPATH_PANIC_TIMES: String(times) };
  const { code, signal, out, err } = await runScript(script, { env });
  assert.deepEqual([code, signal], [0, null], err);
  assert.match(err, new RegExp(`planted at ${at}`), 'nothing panicked: this shows nothing');
  return out.split('\n');
}

const SAY = `const w = require('warmpath');
  const say = async (call) => console.log(await (async () => call())().then(() => 'worked', (error) =>
    error instanceof w.WarmpathError ? error.code + ' ' + error.class : error.stack));`;

test('in a constructor or a function that takes text', { skip }, async () => {
  const s3 = `{ endpoint: 'http://127.0.0.1:1', bucket: 'b', accessKeyId: 'a', secretAccessKey: 's' }`;
  const calls = [
    `new w.PrewarmExecutor({ s3: ${s3} }).close()`,
    `new w.IngestExecutor({ dir: '/tmp' }).close()`,
    `new w.CampaignExecutor({ llm: { apiKey: 'k', models: ['m'] } }).close()`,
  ];
  for (const call of calls) {
    const told = await planted(
      'parse',
      `${SAY} (async () => { for (let i = 0; i < 2; i++) await say(() => ${call}); })()`,
    );
    assert.deepEqual(told, ['ERR_WARMPATH_INTERNAL bug', 'worked'], call);
  }
});

test('in a function of the signer or the queue', { skip }, async () => {
  const calls = [
    'new w.Queue().enqueue(1)',
    "new w.SigV4Signer({ accessKeyId: 'a', secretAccessKey: 's' }).sign({ method: 'GET', url: 'https://h/' })",
  ];
  for (const call of calls) {
    const told = await planted(
      'door',
      `${SAY} (async () => { for (let i = 0; i < 2; i++) await say(() => ${call}); })()`,
    );
    assert.deepEqual(told, ['ERR_WARMPATH_INTERNAL bug', 'worked'], call);
  }
});

test('behind a promise: it rejects, and does not stay open', { skip }, async () => {
  const told = await planted(
    'promise',
    `${SAY} const signer = new w.SigV4Signer({ accessKeyId: 'a', secretAccessKey: 's' });
     const r2 = require('warmpath/compat/r2Service');
     const s3 = { endpoint: 'http://127.0.0.1:1', bucket: 'b', accessKeyId: 'a', secretAccessKey: 's' };
     r2.configure({ s3 });
     (async () => {
       await say(() => signer.hashPayload('/dev/null'));
       await say(() => r2.downloadMedia('key'));
       await say(async () => { const [one] = await w.uploadMany([process.execPath], { s3 }); if (one.error) throw one.error; });
       await say(() => signer.hashPayload('/dev/null'));
     })()`,
    3,
  );
  assert.deepEqual(told, [...new Array(3).fill('ERR_WARMPATH_INTERNAL bug'), 'worked']);
});

/** Jobs against the sandboxes: one panics at some step, the others must succeed. */
const JOBS = `${SAY}
  const { startStage } = require('./__test__/support/prewarm.js');
  (async () => {
    const stage = await startStage();
    const executor = new w.PrewarmExecutor(stage.options({ concurrency: 4 }));
    const settled = [];
    executor.on('settled', (outcomes) => settled.push(...outcomes));
    for (let i = 0; i < 8; i++) executor.submit(await stage.job({}, require('node:crypto').randomBytes(200_000)));
    await executor.drain();
    const { running, queued } = executor.stats();
    const codes = settled.filter((one) => one.status === 'failed').map((one) => one.error.code + ' ' + one.error.class);
    console.log(JSON.stringify({ done: settled.length, codes, running, queued }));
    await executor.close();
    await stage.close();
  })()`;

for (const step of ['opened', 'read', 'moved_in', 'moved_out', 'sent']) {
  test(`at a step of a job: ${step}`, { skip }, async () => {
    const [line] = await planted(step, JOBS);
    const { done, codes, running, queued } = JSON.parse(line);
    assert.deepEqual([done, running, queued], [8, 0, 0], line);
    assert.equal(codes.length, 1, line);
    // On a thread that feeds a connection it looks to the job like a connection that broke.
    assert.match(codes[0], step.startsWith('moved') ? /^ERR_WARMPATH_/ : /^ERR_WARMPATH_INTERNAL bug$/, line);
  });
}
