'use strict';

// Every export, loaded when it is first asked for: `const { SigV4Signer } = require('warmpath')` reads a sixth of the files.
// The calls of `require` are written out, so that bundlers see them.
const exported = {
  Queue: () => require('./lib/queue.js'),
  SigV4Signer: () => require('./lib/signer.js'),
  PrewarmExecutor: () => require('./lib/executor/prewarm.js'),
  IngestExecutor: () => require('./lib/executor/ingest.js'),
  CampaignExecutor: () => require('./lib/executor/campaign.js'),
  campaignPartKey: () => require('./lib/campaign/key.js'),
  splitMessage: () => require('./lib/split.js'),
  parseSplitResponse: () => require('./lib/split.js'),
  PrewarmWorker: () => require('./lib/worker/prewarm.js'),
  uploadMany: () => require('./lib/upload.js'),
  IngestWorker: () => require('./lib/worker/ingest.js'),
  CampaignWorker: () => require('./lib/worker/campaign.js'),
  MemoryStore: () => require('./lib/store/memory.js'),
  PostgresStore: () => require('./lib/store/postgres.js'),
  PostgresIngestStore: () => require('./lib/store/postgres-ingest.js'),
  createFetch: () => require('./lib/fetch.js'),
  migrate: () => require('./lib/sql/index.js'),
  migrateCampaigns: () => require('./lib/sql/campaign.js'),
  WarmpathError: () => require('./lib/errors.js'),
  jobKey: () => require('./lib/key.js'),
  isStaleFileId: () => require('./lib/stale.js'),
  bearerAuth: () => require('./lib/admin/auth.js'),
  createLogger: () => require('./lib/log/logger.js'),
};

/** A property that holds what its module exports by that name, from the first time it is read; it may be written, as any other. */
function lazy(name, load) {
  const define = (value) =>
    Object.defineProperty(module.exports, name, { value, enumerable: true, writable: true, configurable: true });
  Object.defineProperty(module.exports, name, {
    enumerable: true,
    configurable: true,
    get: () => define(load()[name])[name],
    set: define,
  });
}

for (const [name, load] of Object.entries(exported)) lazy(name, load);

// Never run: here Node's lexer reads the named exports of the ES module view. A test holds it against the table above.
// biome-ignore lint/correctness/noConstantCondition: see above
if (0)
  module.exports = {
    Queue,
    SigV4Signer,
    PrewarmExecutor,
    IngestExecutor,
    CampaignExecutor,
    campaignPartKey,
    splitMessage,
    parseSplitResponse,
    PrewarmWorker,
    uploadMany,
    IngestWorker,
    CampaignWorker,
    MemoryStore,
    PostgresStore,
    PostgresIngestStore,
    createFetch,
    migrate,
    migrateCampaigns,
    WarmpathError,
    jobKey,
    isStaleFileId,
    bearerAuth,
    createLogger,
  };
