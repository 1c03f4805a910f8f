'use strict';

/**
 * What an S3 server does, each by the AWS SDK, an independent client. `lacks` names the servers known not to do it and why:
 * there the run must fail, so that the statement cannot outlive its truth.
 *
 * The context `c` of a run is an S3Client with `client(more)` (another one like it), `at` ({ Bucket }), `endpoint`,
 * `credentials` and `strict` (the codes of refusals count: our sandbox).
 *
 * @type {Record<string, { run: (c: any) => Promise<void>, lacks?: Record<string, string> }>}
 */
const FEATURES = {
  ...require('./objects'),
  ...require('./bodies'),
  ...require('./lists'),
  ...require('./multipart'),
  ...require('./access'),
};

module.exports = { FEATURES };
