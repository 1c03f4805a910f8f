'use strict';

// Fields that are identifiers, sizes or names of objects. What is not named here is not shown: texts, prompts, captions,
// paths and headers are the app's, and an address may carry a signature.
const SHOWN = [
  'botSlug',
  'session',
  'kind',
  'sha256',
  'r2Key',
  'fileName',
  'contentType',
  'size',
  'priority',
  'tenantId',
  'mediaId',
  'messageId',
  'campaignId',
  'runId',
  'leadId',
  'chatId',
  'channel',
  'attempt',
];

/** Only the origin: a path may hold a token, a query a signature. */
function originOf(url) {
  return URL.canParse(url) ? new URL(url).origin : undefined;
}

/** What of a job may be shown to an operator. */
function describeJob(job) {
  const out = {};
  for (const name of SHOWN) {
    const value = job[name];
    if (typeof value === 'string' || typeof value === 'number') out[name] = value;
  }
  const url = job.url ?? job.source?.url;
  if (typeof url === 'string') out.origin = originOf(url);
  return out;
}

module.exports = { describeJob, originOf };
