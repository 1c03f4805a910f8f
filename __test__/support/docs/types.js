'use strict';

// The types of what blocks take from around them, by name; some mean something else in one document or block (`FILE`, `FILE#INDEX`).

const W = "import('warmpath')";

const TYPES = {
  // Of the reader's environment; a project declares its variables so (NodeJS.ProcessEnv).
  process: "Omit<NodeJS.Process, 'env'> & { env: Record<string, string> }",
  pool: "import('pg').Pool",
  app: "import('express').Express",
  server: "import('node:http').Server",
  s3: `${W}.S3Options`,
  accountId: 'string',
  bucket: 'string',
  accessKeyId: 'string',
  secretAccessKey: 'string',
  apiKey: 'string',
  models: 'string[]',
  token: 'string',
  chatId: 'string',
  key: 'string',
  sha256: 'string',
  dir: 'string',
  url: 'string',
  paths: 'string[]',
  retryAfterMs: 'number',
  bytes: 'Uint8Array',
  authorization: 'string',
  settings: `{ pool: import('pg').Pool; s3: ${W}.S3Options }`,
  auth: `${W}.AdminMiddleware`,
  worker: `${W}.PrewarmWorker`,
  prewarm: `${W}.PrewarmWorker`,
  ingest: `${W}.IngestWorker`,
  executor: `${W}.PrewarmExecutor`,
  resolveBot: '(slug: string) => Promise<{ token: string; chatIds: string[] } | null>',
  jobs: `${W}.PrewarmJob[]`,
  sock: "import('baileys').WASocket",
  socket: "import('baileys').WASocket",
  messages: "Map<string, import('baileys').WAMessage>",
  msg: "import('baileys').WAMessage",
  message: "import('baileys').WAMessage",
  session: 'string',
  msgContact: '{ id: string }',
  hasMedia: 'boolean',
  saveAll: `(stored: ${W}.IngestStored[]) => Promise<void>`,
  saveMessage: `(stored: ${W}.IngestStored) => Promise<void>`,
  notify: `(notice: ${W}.IngestNotice) => void`,
  io: '{ to(room: string | undefined): { emit(event: string, ...args: unknown[]): boolean } }',
  Sentry: '{ captureException(err: unknown, context?: object): string }',
  requireUser: "import('express').RequestHandler",
  promClient: "typeof import('prom-client')",
  Bot: "typeof import('grammy').Bot",
  bot: "import('grammy').Bot",
  telegraf: "import('telegraf').Telegraf",
  nodeBot: '{ api: object }',
  OpenAI: "typeof import('openai').default",
  S3Client: "typeof import('@aws-sdk/client-s3').S3Client",
  Worker: "typeof import('node:worker_threads').Worker",
  llm: `${W}.LlmOptions`,
  webhook: `${W}.CampaignWebhookOptions`,
  work: '(item: unknown) => Promise<void>',
  list: '{ id: string }[]',
  expected: 'string',
  fileId: 'string',
  whatTheCodeRecorded: 'number',
  campaignId: 'string',
  messageId: 'string',
  leadId: 'string',
  rawBody: 'string',
  req: '{ headers: Record<string, string> }',
  assert: "typeof import('node:assert/strict')",
};

/** Classes and functions of the package that a block uses without its `require`. */
const FACE = [
  'CampaignExecutor',
  'IngestExecutor',
  'PrewarmExecutor',
  'PrewarmWorker',
  'PostgresStore',
  'Queue',
  'migrate',
  'createLogger',
];
for (const name of FACE) TYPES[name] = `typeof ${W}.${name}`;
TYPES.TelegramSandbox = "typeof import('warmpath/testing').TelegramSandbox";
TYPES.ManualClock = "typeof import('warmpath/testing').ManualClock";
TYPES.ingestJob = "typeof import('warmpath/baileys').ingestJob";
TYPES.processor = "typeof import('warmpath/bullmq').processor";
TYPES.task = "typeof import('warmpath/pg-boss').task";

const HERE = {
  'docs/campaigns.md#0': {
    messages: `${W}.LlmMessage[]`,
    store: `{ delivered(events: ${W}.CampaignPartEvent[]): void; parts(campaignId: string, messageId: string, parts: string[]): Promise<void> }`,
  },
  'docs/campaign-worker.md#1': {
    Worker: "typeof import('bullmq').Worker",
    boss: "import('pg-boss')",
    connection: "import('bullmq').ConnectionOptions",
    loadParts: '(messageId: string) => Promise<string[] | null>',
    storeParts: '(messageId: string, parts: string[]) => Promise<string[]>',
    promptFor: `(messageId: string) => Promise<${W}.LlmMessage[]>`,
  },
  'docs/migrating.md': {
    tokenOf: '(slug: string) => Promise<string | null>',
    metrics: '{ observe(name: string, value: number, labels?: object): void }',
    contextsOf: `(messages: ${W}.CampaignMessage[]) => Promise<Map<string, ${W}.CampaignContext>>`,
  },
  'docs/ingest.md#0': { message: '{ id: string }' },
  'docs/ingest.md#2': { cloudApi: '{ urlOf(id: string): Promise<string> }' },
};

/** The type of `name` in a block, or undefined. */
function typeOf(name, { file, index }) {
  return HERE[`${file}#${index}`]?.[name] ?? HERE[file]?.[name] ?? TYPES[name];
}

module.exports = { typeOf };
