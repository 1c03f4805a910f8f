'use strict';

const { checkWorkerJob } = require('../options/job.js');

// Jobs under the names of the module that is replaced.

/** Names a job there. */
function jobId({ botSlug, sha256, kind }) {
  // Unambiguous although a slug may hold ':': sha256 and kind are checked, and neither can.
  return `${botSlug}:${sha256}:${kind}`;
}

const FIELDS = {
  bot_slug: 'botSlug',
  sha256: 'sha256',
  kind: 'kind',
  r2_key: 'r2Key',
  file_name: 'fileName',
  content_type: 'contentType',
  size: 'size',
  priority: 'priority',
  caption: 'caption',
};

/**
 * A checked job, with its jobId as the key. Unknown fields are ignored, null counts as absent.
 *
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_JOB
 */
function toJob(params) {
  const job = {};
  for (const [field, name] of Object.entries(FIELDS)) {
    const value = params?.[field];
    if (value !== undefined && value !== null) job[name] = value;
  }
  const checked = checkWorkerJob(job);
  checked.key = jobId(checked);
  return checked;
}

/** An entry of a store as getQueueItems() lists it. */
function itemOf({ key, job, enqueuedAt }) {
  const { botSlug, sha256, kind, r2Key } = job;
  return { jobId: key, bot_slug: botSlug, sha256, kind, r2_key: r2Key, enqueued_at: enqueuedAt };
}

module.exports = { jobId, toJob, itemOf };
