'use strict';

const { abortError, fromNative, fromOutcome, guard } = require('./errors.js');
const { native } = require('./native.js');
const { uploadJobs, uploadOptions } = require('./options/upload.js');
const { Progress } = require('./upload/progress.js');

/** One outcome of a native upload; failures are values. */
async function outcomeOf(job, upload) {
  const started = performance.now();
  const { value, error, defect } = await upload.run().catch((err) => ({ defect: fromNative(err) }));
  const ms = Math.round((performance.now() - started) * 1000) / 1000;
  const { path, key } = job;
  if (defect) return { status: 'failed', path, key, error: defect, ms };
  if (error) return { status: 'failed', path, key, error: fromOutcome(JSON.parse(error)), ms };
  const { status, bytes, sha256, etag, parts, contentType } = JSON.parse(value);
  const base = { status, path, key, bytes, sha256, ...(etag ? { etag } : {}), ms };
  return status === 'uploaded' ? { ...base, parts, contentType } : base;
}

/**
 * Runs the jobs, `concurrency` at a time, each slot taking the next as soon as it is free.
 *
 * @returns {Promise<object[]>} outcomes in the order of the jobs; holes where the signal came first
 */
async function runAll(jobs, start, { concurrency, signal, progress }) {
  const outcomes = new Array(jobs.length);
  const running = new Set();
  let next = 0;
  const onAbort = () => {
    for (const upload of running) upload.cancel();
  };
  async function slot() {
    while (next < jobs.length && !signal?.aborted) {
      const index = next++;
      const upload = start(jobs[index]);
      running.add(upload);
      const watched = progress.watch(upload);
      const outcome = await outcomeOf(jobs[index], upload);
      running.delete(upload);
      outcomes[index] = outcome;
      watched.end(outcome);
    }
  }
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.all(Array.from({ length: Math.min(concurrency, jobs.length) }, slot));
  } finally {
    signal?.removeEventListener('abort', onAbort);
    progress.close();
  }
  return outcomes;
}

/**
 * Uploads files to a bucket; see index.d.ts.
 *
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_ARGUMENT, ERR_WARMPATH_INVALID_OPTION, ERR_WARMPATH_ABORTED (with `outcomes`)
 */
async function uploadMany(files, options) {
  const checked = uploadOptions(options);
  const jobs = uploadJobs(files, checked);
  const { s3, timeouts, http, concurrency, signal, onProgress } = checked;
  if (signal?.aborted) throw Object.assign(abortError(signal), { outcomes: [] });
  const uploader = guard(() => new (native().NativeUploader)(JSON.stringify({ s3, timeouts, http })));
  const start = (job) => guard(() => uploader.file(JSON.stringify(job)));
  const progress = new Progress(jobs.length, onProgress);
  const outcomes = await runAll(jobs, start, { concurrency, signal, progress });
  // A signal that comes after the last file has ended changes nothing.
  const cut = outcomes.length > 0 && Array.from(outcomes).some((one) => one === undefined || isCancelled(one));
  if (cut && signal?.aborted) {
    throw Object.assign(abortError(signal), { outcomes: outcomes.filter((one) => !isCancelled(one)) });
  }
  return outcomes;
}

/** The engine's word for a file that was broken off. */
function isCancelled(outcome) {
  return outcome.status === 'failed' && outcome.error.code === 'ERR_WARMPATH_CANCELLED';
}

module.exports = { uploadMany };
