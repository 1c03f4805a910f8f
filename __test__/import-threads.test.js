'use strict';

// Who only imports the package pays for no threads: they start with the first executor.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { it } = require('node:test');

const skip = process.platform !== 'linux' && 'threads are counted in /proc';

/** Threads of a new process after each of the steps, less those that it had before. */
function threadsAfter(...steps) {
  const script = `
    const threads = () => require('node:fs').readdirSync('/proc/self/task').length;
    const before = threads();
    const found = [];
    let warmpath;
    for (const step of ${JSON.stringify(steps)}) {
      warmpath ??= require(${JSON.stringify(require.resolve('..'))});
      new Function('warmpath', step)(warmpath);
      found.push(threads() - before);
    }
    console.log(JSON.stringify(found));
    process.exit(0);`;
  return JSON.parse(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }));
}

const EXECUTOR = `new warmpath.PrewarmExecutor({ s3: { endpoint: 'http://127.0.0.1:1', bucket: 'b', accessKeyId: 'id', secretAccessKey: 's' } })`;

it('starts no thread before there is an executor', { skip }, () => {
  const steps = [
    '', // the import alone
    `const queue = new warmpath.Queue(); queue.enqueue('item', { key: 'key' }); queue.dequeue();`,
    `new warmpath.Queue({ name: 'shared' }).enqueue('item');`,
    `new warmpath.SigV4Signer({ accessKeyId: 'id', secretAccessKey: 's' }).presign({ url: 'https://example.com/' });`,
    `warmpath.splitMessage('one. two.');`,
  ];
  assert.deepEqual(
    threadsAfter(...steps),
    steps.map(() => 0),
  );
  // That threads are seen here when there are any.
  assert.notDeepEqual(threadsAfter(EXECUTOR), [0]);
});
