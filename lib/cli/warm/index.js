'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const { prewarmEnv, s3Env, telegramEnv } = require('../../compat/env.js');
const { EXIT, UsageError, runCommand, wholeNumber, explain } = require('../command.js');
const { withDatabase, DATABASE_OPTIONS, DATABASE_HELP } = require('../database.js');
const { progressBar } = require('../demo/progress.js');
const { table } = require('../table.js');
const { fromFiles, fromList, fromSql } = require('./sources.js');
const { Progress } = require('./progress.js');

const HELP = `warmpath warm [options] [FILE...]: warms up media, and waits until each has its file_id

  --list FILE      one JSON object a line: bot_slug, sha256, kind, r2_key (or the package's own field names); - is the standard input
  --sql QUERY      the same as columns of a query, such as "SELECT bot_slug, sha256, kind, r2_key FROM media_store"
  FILE...          files of this machine, with --bot and --kind
  --bot SLUG  --kind KIND
  --concurrency N  transfers at once (MEDIA_PREWARM_CONCURRENCY, else 5)
${DATABASE_HELP}  --json           one JSON object a media, then one with the sums

The jobs are rows of media_cache, so a run that was ended goes on where it was when it is started again, and other workers of the
same table help. Needs npx warmpath migrate, and the variables R2_*, TELEGRAM_API_ROOT and MEDIA_PREWARM_*.
Exit code: 0 all are ready, 1 some failed, 2 wrong usage, 3 the database does not answer, 130 interrupted
`;

const OPTIONS = {
  ...DATABASE_OPTIONS,
  list: { type: 'string' },
  sql: { type: 'string' },
  bot: { type: 'string' },
  kind: { type: 'string' },
  concurrency: { type: 'string' },
  json: { type: 'boolean', default: false },
};

const ENQUEUE_BATCH = 500;
const LOOK_MS = 300;

function sourceOf(values, files, pool) {
  const given = [values.list !== undefined, values.sql !== undefined, files.length > 0].filter(Boolean).length;
  if (given !== 1) throw new UsageError('give one of --list, --sql and files');
  if (values.list !== undefined) return fromList(values.list);
  if (values.sql !== undefined) return fromSql(pool, values.sql);
  if (!values.bot || !values.kind) throw new UsageError('files need --bot and --kind');
  return fromFiles(files, values);
}

function settingsOf(values, env) {
  try {
    const { concurrency, limits, intervalMs } = prewarmEnv(env);
    const given = wholeNumber(values, 'concurrency', { max: 4096 });
    return {
      ...{ s3: s3Env(env), telegram: telegramEnv(env), pollMs: intervalMs, concurrency: given ?? concurrency },
      ...(limits !== undefined && { limits }),
    };
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError(error.message);
  }
}

async function warm(values, full, files, pool) {
  const { PrewarmWorker } = require('../../../index.js');
  const worker = new PrewarmWorker({ ...settingsOf(values, full.env), pool });
  const problems = new Set();
  worker.on('error', (error) => problems.add(explain(error)));
  const progress = new Progress(pool);
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  for (const name of ['SIGINT', 'SIGTERM']) process.on(name, onSignal);
  const signal = full.signal === undefined ? stop.signal : AbortSignal.any([full.signal, stop.signal]);
  // The bar is for people: it goes to the error stream, so that what is piped on holds results only.
  const bar = full.isTTY ? progressBar({ isTTY: true, write: full.err }, 'warm') : null;
  try {
    await worker.start();
    let batch = [];
    const flush = async () => {
      await worker.enqueueMany(batch);
      progress.add(batch);
      batch = [];
    };
    for await (const job of sourceOf(values, files, pool)) {
      if (signal.aborted) break;
      batch.push(job);
      if (batch.length === ENQUEUE_BATCH) await flush();
    }
    await flush();
    while (!signal.aborted && (await progress.look()) > 0) {
      bar?.update(progress.done, progress.total, `${progress.failed} failed`);
      await sleep(LOOK_MS, undefined, { signal }).catch(() => {});
    }
    bar?.update(progress.done, progress.total, `${progress.failed} failed`);
  } finally {
    bar?.end();
    for (const name of ['SIGINT', 'SIGTERM']) process.off(name, onSignal);
    await worker.stop();
  }
  say(progress, values, full);
  for (const problem of problems) full.err(`warmpath warm: ${problem}\n`);
  if (signal.aborted) return EXIT.interrupted;
  return progress.failed > 0 ? EXIT.failed : EXIT.ok;
}

function say(progress, { json }, { out }) {
  const rows = progress.rows();
  const sums = {
    total: progress.total,
    ready: progress.ready,
    failed: progress.failed,
    waiting: progress.total - progress.done,
  };
  if (json) {
    for (const row of rows) out(`${JSON.stringify(row)}\n`);
    out(`${JSON.stringify(sums)}\n`);
    return;
  }
  if (rows.length > 0) {
    const cells = rows.map(({ botSlug, kind, sha256, status, fileId, error }) => {
      return [botSlug, kind, sha256.slice(0, 12), status, error ?? fileId ?? '-'];
    });
    out(table(['bot', 'kind', 'sha256', 'status', 'file_id or reason'], cells));
  }
  out(`\n${sums.total} media: ${sums.ready} ready, ${sums.failed} failed, ${sums.waiting} still waiting\n`);
}

/** @param {string[]} argv @param {object} [io] @returns {Promise<number>} exit code */
function runWarm(argv, io) {
  return runCommand(
    { name: 'warm', help: HELP, options: OPTIONS, positionals: true },
    argv,
    io,
    (values, full, files) =>
      withDatabase(values, full, 'warmpath warm', (pool) => warm(values, full, files, pool), { max: 4 }),
  );
}

module.exports = { runWarm };
