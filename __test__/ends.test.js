'use strict';

// Every class in the middle of work, when its process or its thread ends: no crash, the right exit code, nobody else harmed.
//
// WARMPATH_NODES names more Node binaries, separated like a PATH: the addon is one file for all of them.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const path = require('node:path');
const test = require('node:test');
const { runScript } = require('./support/child-script.js');
const { NAMES } = require('./support/ends-work.js');

const LONG = process.env.WARMPATH_TEST_LONG === '1';
const work = JSON.stringify(path.join(__dirname, 'support', 'ends-work.js'));
const nodes = [process.execPath, ...(process.env.WARMPATH_NODES ?? '').split(path.delimiter).filter(Boolean)];

/** Some at a time: each is a process, and the machine may have two cores. */
async function all(calls, most = 3) {
  const left = [...calls];
  const one = async () => {
    for (let call = left.shift(); call; call = left.shift()) await call();
  };
  await Promise.all(Array.from({ length: most }, one));
}

/** How it ends, by name: the script, and the code that the process must end with. */
const ENDINGS = {
  'process.exit': ['process.exit(7)', 7],
  'an uncaught error': [`throw new Error('planned')`, 1],
  'an unhandled rejection': [`Promise.reject(new Error('planned'))`, 1],
  // Nothing is left to wait for: the loop ends by itself.
  'a close': [
    'handle.close(); server.close(); server.closeAllConnections?.(); setImmediate(() => process._getActiveHandles().forEach((one) => one.destroy?.()))',
    0,
  ],
};

for (const node of nodes) {
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
  const rounds = LONG ? 7 : 1;
  for (const [ending, [script, wanted]] of Object.entries(ENDINGS)) {
    test(`Node ${version}: ${ending} in the middle of work`, async () => {
      // In a short run every class meets process.exit, and each other ending meets a third of them.
      const share = Object.keys(ENDINGS).indexOf(ending);
      const some = LONG || share === 0 ? NAMES : NAMES.filter((_, i) => i % 3 === share - 1);
      const calls = Array.from({ length: rounds }, () => some)
        .flat()
        .map((name, i) => async () => {
          const delay = i % 3 === 0 ? 0 : (i * 7) % 40;
          const { code, signal, out, err } = await runScript(
            `const { begin } = require(${work});
           begin('${name}').then(({ handle, server }) => {
             console.log('begun');
             setTimeout(() => { ${script} }, ${delay});
           });`,
            { node },
          );
          assert.deepEqual([code, signal, out], [wanted, null, 'begun'], `${name}: ${err}`);
          if (wanted !== 1) assert.equal(err, '', name);
        });
      await all(calls);
    });
  }

  test(`Node ${version}: threads that are terminated in the middle of work`, async () => {
    const { code, signal, out, err } = await runScript(
      `const { Worker } = require('node:worker_threads');
       const { begin, NAMES } = require(${work});
       (async () => {
         // One that goes on through all of it.
         const { PrewarmExecutor, Queue } = require(${JSON.stringify(path.join(__dirname, '..'))});
         const shared = new Queue({ name: 'ends' });
         let ended = 0;
         const one = async (name, i) => {
           const worker = new Worker(
             \`require(${work.replaceAll('\\', '\\\\')}).begin('\${name}').then(() => require('node:worker_threads').parentPort.postMessage('begun')); setInterval(() => {}, 1000);\`,
             { eval: true });
           await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
           if (i % 3) await new Promise((resolve) => setTimeout(resolve, (i * 7) % 40));
           if (await worker.terminate() !== 1) throw new Error('another exit code');
           ended++;
         };
         const work = Array.from({ length: ${LONG ? 25 : 2} }, () => NAMES).flat().map((name, i) => () => one(name, i));
         const lane = async () => { for (let next = work.shift(); next; next = work.shift()) await next(); };
         await Promise.all([lane(), lane(), lane()]);
         const s3 = { endpoint: 'http://127.0.0.1:1', bucket: 'b', accessKeyId: 'a', secretAccessKey: 's' };
         const executor = new PrewarmExecutor({ s3, retry: { quick: 0 } });
         const job = { botSlug: 'bot', sha256: '0'.repeat(64), kind: 'photo', r2Key: 'k', token: '1:a', chatIds: ['1'] };
         const code = await executor.run(job).then(() => 'it worked', (error) => error.code);
         await executor.close();
         console.log(ended, code, shared.length > 0);
       })();`,
      { node },
    );
    assert.deepEqual([code, signal], [0, null], err);
    assert.equal(out, `${NAMES.length * (LONG ? 25 : 2)} ERR_WARMPATH_DOWNLOAD_FAILED true`, err);
  });
}
