'use strict';

const { WarmpathError } = require('./errors.js');

/**
 * The key under which equal jobs count as one: `job.key` where given, else `kind:sha256:botSlug`. The slug comes last,
 * because it alone may hold a colon: so two different jobs never share a key.
 *
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_JOB when a field that it needs is missing
 */
function jobKey(job) {
  if (typeof job?.key === 'string') return job.key;
  for (const field of ['kind', 'sha256', 'botSlug']) {
    if (typeof job?.[field] !== 'string') {
      throw new WarmpathError('ERR_WARMPATH_INVALID_JOB', `job.${field} must be a string`, { option: `job.${field}` });
    }
  }
  return `${job.kind}:${job.sha256}:${job.botSlug}`;
}

module.exports = { jobKey };
