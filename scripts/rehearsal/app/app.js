'use strict';

// The app of somebody who has just installed the package: each function is one thing that must work there. `node app.js` prints what
// was found as one JSON object, and fails at the first that does not.

const assert = require('node:assert/strict');
const { createHash, randomBytes } = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const { Worker } = require('node:worker_threads');

const threads = () => (process.platform === 'linux' ? fs.readdirSync('/proc/self/task').length : 0);

/** Importing starts no thread, also where the addon is loaded and used: only executors have threads. */
function quiet() {
  const before = threads();
  const start = process.hrtime.bigint();
  const { Queue, SigV4Signer } = require('warmpath');
  const ms = Number(process.hrtime.bigint() - start) / 1e6;
  new Queue().enqueue('item');
  assert.ok(new SigV4Signer({ accessKeyId: 'id', secretAccessKey: 'secret' }));
  assert.equal(threads() - before, 0, 'importing started a thread');
  return { requireMs: Math.round(ms * 10) / 10 };
}

/** The named exports of the ES module view are those of the CommonJS one. */
async function asModule() {
  const view = await import('warmpath');
  for (const name of Object.keys(require('warmpath'))) assert.equal(view[name], require('warmpath')[name], name);
  return { exports: Object.keys(require('warmpath')).length };
}

/** A request to an Express route that answers with a signature, which is one that AWS has published. */
async function signs() {
  const express = require('express');
  const { SigV4Signer } = require('warmpath');
  const signer = new SigV4Signer({
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    region: 'us-east-1',
  });
  const app = express();
  app.get('/sign', (_request, response) => {
    const { headers } = signer.sign({
      method: 'GET',
      url: 'https://examplebucket.s3.amazonaws.com/test.txt',
      headers: { range: 'bytes=0-9' },
      date: '2013-05-24T00:00:00Z',
    });
    response.json({ authorization: headers.authorization });
  });
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const answer = await fetch(`http://127.0.0.1:${server.address().port}/sign`);
    const { authorization } = await answer.json();
    // https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, "Example: GET Object"
    assert.match(authorization, /Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41$/);
  } finally {
    server.closeAllConnections();
    server.close();
  }
  return { signed: true };
}

/** One queue, filled here and emptied by two threads. */
async function queues() {
  const { Queue } = require('warmpath');
  const jobs = new Queue({ name: 'jobs', capacity: 1000 });
  const workers = Array.from({ length: 2 }, () => new Worker(require.resolve('./taker.js')));
  // The name is free again as soon as the closed queue is empty: both have it open before.
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  const done = workers.map((worker) => once(worker, 'message'));
  jobs.enqueueMany(Array.from({ length: 1000 }, (_, i) => ({ item: i, key: `job-${i}` })));
  jobs.close();
  const taken = (await Promise.all(done)).flatMap(([items]) => items).sort((a, b) => a - b);
  assert.deepEqual(
    taken,
    Array.from({ length: 1000 }, (_, i) => i),
  );
  return { taken: taken.length };
}

/** Files from a bucket to a chat, both sandboxes of the package itself: over TLS, whose code chooses its instructions by the processor. */
async function prewarms() {
  const { PrewarmExecutor } = require('warmpath');
  const { R2Sandbox, selfSignedCa, TelegramSandbox } = require('warmpath/testing');
  const token = '123456:secret';
  const { ca, ...tls } = await selfSignedCa();
  const r2 = await R2Sandbox.start({ tls });
  const telegram = await TelegramSandbox.start({ tls, bots: [{ token, chats: [42] }], probe: false });
  const executor = new PrewarmExecutor({
    s3: { endpoint: r2.url, bucket: 'media', ...r2.credentials[0] },
    telegram: { apiRoot: telegram.url },
    http: { ca },
  });
  try {
    const bytes = randomBytes(300_000);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    await r2.put('media', 'file.pdf', bytes, { contentType: 'application/pdf' });
    const job = { botSlug: 'shop', sha256, kind: 'document', r2Key: 'file.pdf', token, chatIds: ['42'] };
    const { fileId } = await executor.run(job);
    assert.equal(telegram.issued(fileId).botId, 123456);
    assert.equal(telegram.received.at(-1).sha256, sha256);
    return { warmed: bytes.length };
  } finally {
    await executor.close({ timeoutMs: 1000 });
    await Promise.all([r2.close(), telegram.close()]);
  }
}

async function main() {
  const found = {
    node: process.versions.node,
    libc: process.report.getReport().header.glibcVersionRuntime ?? 'no glibc',
  };
  for (const step of [quiet, asModule, signs, queues, prewarms]) Object.assign(found, await step());
  console.log(JSON.stringify(found));
}

main();
