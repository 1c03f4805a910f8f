'use strict';

// This package with `config.queued` more jobs queued than run, all the time: each job that is settled is replaced.

const { PrewarmExecutor } = require('../..');
const { CHAT_ID, CREDENTIALS, FILE_NAME, TOKEN, objectPath } = require('./shared');
const { memory } = require('../lib/probe');

/** Jobs of so many bots, in turns. */
const BOTS = 50;

/** At most so many jobs a call, as a store hands them over. */
const BATCH = 1000;

function create(config) {
  const executor = new PrewarmExecutor({
    s3: { endpoint: config.s3Url, bucket: 'bucket', ...CREDENTIALS },
    telegram: { apiRoot: config.botUrl },
    concurrency: config.concurrency,
    // Room for what was settled between two runs and is heard of in the second.
    capacity: 2 * config.queued + 1000,
    limits: false,
    verifySha256: false,
    route: 'stream',
    http: config.ca ? { ca: config.ca } : undefined,
  });
  let next = 0;

  function submit(count) {
    for (let left = count; left > 0; left -= BATCH) {
      const jobs = [];
      for (let index = 0; index < Math.min(left, BATCH); index += 1) {
        next += 1;
        jobs.push({
          key: `document:${config.sha256}:${next}`,
          botSlug: `bench-${next % BOTS}`,
          sha256: config.sha256,
          kind: 'document',
          r2Key: objectPath(config.size, next).slice('/bucket/'.length),
          token: `${1000 + (next % BOTS)}${TOKEN.slice(TOKEN.indexOf(':'))}`,
          chatIds: [CHAT_ID],
          fileName: FILE_NAME,
          contentType: 'application/octet-stream',
          size: config.size,
        });
      }
      const refused = executor.submitMany(jobs).find((status) => status !== 'queued');
      if (refused) throw new Error(`a job was answered ${refused}`);
    }
  }

  // Beside V8's heap, which holds what is left of the objects that the jobs were given as.
  const native = () => memory('VmRSS') - process.memoryUsage().heapTotal;
  executor.pause();
  const before = native();
  submit(config.queued);
  const bytesPerQueued = (native() - before) / config.queued;

  function run(jobs) {
    return new Promise((resolve, reject) => {
      let left = jobs;
      const onSettled = (outcomes) => {
        const failed = outcomes.find((outcome) => outcome.status !== 'succeeded');
        if (failed) {
          reject(new Error(`a job failed: ${JSON.stringify(failed.error)}`));
          return;
        }
        left -= outcomes.length;
        if (left > 0) {
          submit(outcomes.length);
          return;
        }
        executor.off('settled', onSettled);
        resolve({ bytesPerQueued });
      };
      executor.on('settled', onSettled);
      // What was settled between two runs is replaced now.
      const { queued, running } = executor.stats();
      submit(Math.max(0, config.queued - queued - running));
      executor.resume();
    });
  }

  return { run, close: () => executor.close({ timeoutMs: 0 }) };
}

module.exports = { create };
