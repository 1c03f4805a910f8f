'use strict';

// This package, used as its worker uses it: jobs handed over in batches, outcomes taken in batches.

const { PrewarmExecutor } = require('../..');
const { CHAT_ID, CREDENTIALS, FILE_NAME, TOKEN, objectPath } = require('./shared');

/** Jobs queued beyond the running ones: enough that no slot waits while JavaScript does not run. */
const AHEAD = 256;

function create(config) {
  const executor = new PrewarmExecutor({
    s3: { endpoint: config.s3Url, bucket: 'bucket', ...CREDENTIALS },
    telegram: { apiRoot: config.botUrl },
    concurrency: config.concurrency,
    capacity: config.concurrency + AHEAD,
    limits: false,
    verifySha256: config.verify,
    // The peers move the bytes themselves.
    route: config.route ?? 'stream',
    timeouts: config.timeouts,
    http: config.ca ? { ca: config.ca } : undefined,
  });
  // Telegram fetches documents of a few types only.
  const contentType = config.route === 'url' ? 'application/pdf' : 'application/octet-stream';
  // Written out: spreading a constant into each job costs more than checking it.
  const jobFor = (n, r2Key) => ({
    key: `job-${n}`,
    botSlug: 'bench',
    sha256: config.sha256,
    kind: 'document',
    r2Key,
    token: TOKEN,
    chatIds: [CHAT_ID],
    fileName: FILE_NAME,
    contentType,
    size: config.size,
  });
  let next = 0;

  function submit(count) {
    const jobs = [];
    for (let index = 0; index < count; index += 1) {
      next += 1;
      const r2Key = objectPath(config.size, next).slice('/bucket/'.length);
      jobs.push(jobFor(next, r2Key));
    }
    const refused = executor.submitMany(jobs).find((status) => status !== 'queued');
    if (refused) {
      throw new Error(`a job was answered ${refused}`);
    }
  }

  function run(jobs) {
    return new Promise((resolve, reject) => {
      let toSubmit = jobs;
      let toSettle = jobs;
      let repeated = 0;
      const feed = (count) => {
        const batch = Math.min(count, toSubmit);
        toSubmit -= batch;
        if (batch > 0) {
          submit(batch);
        }
      };
      const onSettled = (outcomes) => {
        const failed = outcomes.find((outcome) => outcome.status !== 'succeeded' || !outcome.value.fileId);
        if (failed) {
          reject(new Error(`a job failed: ${JSON.stringify(failed.error)}`));
          return;
        }
        for (const outcome of outcomes) {
          repeated += outcome.attempts - 1;
        }
        toSettle -= outcomes.length;
        feed(outcomes.length);
        if (toSettle === 0) {
          executor.off('settled', onSettled);
          resolve({ repeated });
        }
      };
      executor.on('settled', onSettled);
      feed(config.concurrency + AHEAD);
    });
  }

  return { run, close: () => executor.close({ timeoutMs: 1000 }) };
}

module.exports = { create };
