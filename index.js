'use strict';

const { WarmpathError } = require('./lib/errors.js');
const { jobKey } = require('./lib/key.js');
const { isStaleFileId } = require('./lib/stale.js');
const { Queue } = require('./lib/queue.js');
const { SigV4Signer } = require('./lib/signer.js');
const { PrewarmExecutor } = require('./lib/executor/prewarm.js');
const { IngestExecutor } = require('./lib/executor/ingest.js');
const { CampaignExecutor } = require('./lib/executor/campaign.js');
const { campaignPartKey } = require('./lib/campaign/key.js');
const { splitMessage, parseSplitResponse } = require('./lib/split.js');
const { PrewarmWorker } = require('./lib/worker/prewarm.js');
const { uploadMany } = require('./lib/upload.js');
const { IngestWorker } = require('./lib/worker/ingest.js');
const { CampaignWorker } = require('./lib/worker/campaign.js');
const { MemoryStore } = require('./lib/store/memory.js');
const { PostgresStore } = require('./lib/store/postgres.js');
const { PostgresIngestStore } = require('./lib/store/postgres-ingest.js');
const { createFetch } = require('./lib/fetch.js');
const { migrate } = require('./lib/sql/index.js');
const { migrateCampaigns } = require('./lib/sql/campaign.js');
const { bearerAuth } = require('./lib/admin/auth.js');
const { createLogger } = require('./lib/log/logger.js');

// Shorthand names only: this is what Node's lexer reads as the named exports of the ES module view.
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
