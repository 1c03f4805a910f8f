'use strict';

// One process, several of everything: threads, copies of the package, copies of the addon, and a runtime without external buffers.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { R2Sandbox } = require('../lib/testing');
const { builtAddon, patched, plant, copyPackage } = require('./support/addon-files.js');
const { runScript } = require('./support/child-script.js');

/** What a script prints in a process of its own, and its complaints. */
async function node(script, options) {
  const { code, signal, out, err } = await runScript(script, options);
  assert.deepEqual([code, signal], [0, null], err);
  return [out, err];
}

/** Uses something of every class; prints one line. For a process and for a thread. */
const USE = `
  const use = async (w, name) => {
    const queue = new w.Queue({ capacity: 4 });
    queue.enqueue({ name });
    const shared = new w.Queue({ name: 'shared' });
    const signer = new w.SigV4Signer({ accessKeyId: 'a', secretAccessKey: 's' });
    const { authorization } = signer.sign({ method: 'GET', url: 'https://h/k', date: 0 });
    const options = { s3: { endpoint: 'http://127.0.0.1:1', bucket: 'b', accessKeyId: 'a', secretAccessKey: 's' }, retry: { quick: 0 } };
    const executor = new w.PrewarmExecutor(options);
    const job = { botSlug: 'bot', sha256: '0'.repeat(64), kind: 'photo', r2Key: 'k', token: '1:a', chatIds: ['1'] };
    const failed = await executor.run(job).catch((error) => error);
    if (!(failed instanceof w.WarmpathError)) throw failed;
    await executor.close();
    if (queue.dequeue().name !== name) throw new Error('another item');
    queue.close();
    return { shared, told: [failed.code, authorization.slice(-8), w.splitMessage('one text').length].join(' ') };
  };`;
const TOLD = /^ERR_WARMPATH_DOWNLOAD_FAILED [0-9a-f]{8} 1$/;

test('fifty worker threads load the addon, use it and exit; the main thread goes on', async () => {
  const [out] = await node(`
    const { Worker } = require('node:worker_threads');
    ${USE}
    const w = require('warmpath');
    const thread = \`${USE}
      const { parentPort, workerData } = require('node:worker_threads');
      use(require('warmpath'), String(workerData)).then(({ told, shared }) => {
        shared.enqueue(String(workerData));
        parentPort.postMessage(told);
      });\`;
    (async () => {
      const { shared } = await use(w, 'main');
      const told = new Set();
      let left = 50;
      const one = async () => {
        for (let n = left--; n > 0; n = left--) {
          const worker = new Worker(thread, { eval: true, workerData: n });
          worker.once('message', (text) => told.add(text));
          const code = await new Promise((resolve, reject) => worker.once('error', reject).once('exit', resolve));
          if (code !== 0) throw new Error('a thread ended with ' + code);
        }
      };
      await Promise.all([one(), one(), one(), one(), one()]);
      const seen = new Set(shared.dequeueMany(100));
      const { told: after } = await use(w, 'after');
      console.log([told.size, seen.size, after, [...told][0]].join(' | '));
    })();`);
  const [told, seen, after, first] = out.split(' | ');
  assert.deepEqual([told, seen], ['1', '50']);
  assert.match(after, TOLD);
  assert.equal(first, after);
});

test('two copies of the package: with one file between them, and with a file each', async (t) => {
  const { dir } = plant(t);
  const [a, b] = ['a', 'b'].map((name) => copyPackage(path.join(dir, name, 'node_modules', 'warmpath')));
  const linked = path.join(b, 'native', path.basename(builtAddon()));
  for (const oneFile of [false, true]) {
    if (oneFile) {
      fs.rmSync(linked);
      fs.linkSync(path.join(a, 'native', path.basename(builtAddon())), linked);
    }
    const [out] = await node(`
      ${USE}
      const [one, two] = [${JSON.stringify(a)}, ${JSON.stringify(b)}].map(require);
      if (one.Queue === two.Queue) throw new Error('the same copy');
      (async () => {
        const told = [];
        for (let round = 0; round < 3; round++) {
          const [left, right] = await Promise.all([use(one, 'one'), use(two, 'two')]);
          told.push(left.told, right.told);
          left.shared.enqueue('from one');
          if (round === 2) console.log([...new Set(told)].join(), right.shared.length > 0);
        }
        // The errors of either are those of both.
        try { new one.Queue({ capacity: -1 }); } catch (error) { if (!(error instanceof two.WarmpathError)) throw error; }
      })();`);
    const [, told, together] = /^(.*) (true|false)$/.exec(out);
    assert.match(told, TOLD);
    // A registry of shared queues belongs to a file: see docs/loading.md.
    assert.equal(together, String(oneFile));
  }
});

test('as in Electron, where no external buffers are allowed: bytes are copied', async (t) => {
  const { dir, file } = plant(t);
  const source = path.join(dir, 'refuse.c');
  // The name that the patched addon asks for instead, of the same length. 22 is napi_no_external_buffers_allowed.
  fs.writeFileSync(
    source,
    `#include <stdio.h>
     int warm_create_external_buffer(void) { fputs("refused\\n", stderr); return 22; }
     int warm_create_external_arraybuffer(void) { fputs("refused\\n", stderr); return 22; }`,
  );
  const library = path.join(dir, 'refuse.so');
  try {
    execFileSync('cc', ['-shared', '-fPIC', '-o', library, source], { stdio: 'pipe' });
  } catch (error) {
    if (process.env.CI === 'true' || error.code !== 'ENOENT') throw error;
    process.stderr.write('\nNOT TESTED: there is no C compiler to build what refuses external buffers\n\n');
    return t.skip('no C compiler');
  }
  const addon = patched(fs.readFileSync(builtAddon()), 'napi_create_external_buffer', 'warm_create_external_buffer');
  fs.writeFileSync(
    file('electron.node'),
    patched(addon, 'napi_create_external_arraybuffer', 'warm_create_external_arraybuffer'),
  );
  const r2 = await R2Sandbox.start({ buckets: ['b'] });
  t.after(() => r2.close());
  const env = {
    WARMPATH_NATIVE_PATH: file('electron.node'),
    LD_PRELOAD: library,
    S3: JSON.stringify({ endpoint: r2.url, bucket: 'b', ...r2.credentials[0] }),
  };
  const [out, complaints] = await node(
    `${USE}
    const w = require('warmpath');
    const r2 = require('warmpath/compat/r2Service');
    r2.configure({ s3: JSON.parse(process.env.S3) });
    (async () => {
      const sent = Buffer.alloc(100_000, 'bytes');
      await r2.uploadMedia('key', sent, 'application/octet-stream');
      const got = await r2.downloadMedia('key');
      const { told } = await use(w, 'main');
      const shared = new w.Queue({ name: 'bytes' });
      shared.enqueue(new Uint8Array([1, 2, 3]));
      console.log(got.equals(sent), Buffer.isBuffer(got), [...shared.dequeue()].join(''), told);
    })();`,
    { env },
  );
  assert.match(complaints, /refused/, 'no external buffer was asked for: this shows nothing');
  const [equal, isBuffer, bytes, ...told] = out.split(' ');
  assert.deepEqual([equal, isBuffer, bytes], ['true', 'true', '123']);
  assert.match(told.join(' '), TOLD);
});
