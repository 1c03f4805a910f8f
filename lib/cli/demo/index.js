'use strict';

const { once } = require('node:events');
const { DemoError } = require('./app');
const { HELP, UsageError, readArgs } = require('./args');
const { removeUploads } = require('./cleanup');
const { mediaTable, phaseTable, summary } = require('./report');
const { startStack } = require('./stack');
const { enqueueAll, gatherMedia, uploadAll, waitUntilWarm } = require('./steps');
const { verify } = require('./verify');

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** What the app's log told: the jobs that succeeded, those that are tried again, and the first that failed for good. */
function followLog(print) {
  const jobs = new Map();
  const told = new Set();
  let fatal = null;
  return {
    jobs,
    fatal: () => fatal,
    onEntry(entry) {
      if (entry.tag === '[MEDIA][PREWARM][OK]') jobs.set(`${entry.kind}:${entry.sha256}:${entry.bot_slug}`, entry);
      if (entry.tag === '[MEDIA][PREWARM][ERR]') fatal ??= entry;
      if (entry.tag === '[MEDIA][PREWARM][RETRY]' && !told.has(entry.code)) {
        told.add(entry.code);
        print(`  ${entry.code}: ${entry.error} (tried again in ${Math.ceil(entry.retry_in_ms / 1000)} s)`);
      }
    },
  };
}

async function demo({ args, env, out, print, signal, cleanup }) {
  print('media');
  const files = await gatherMedia({ args, out, print, signal });

  print('services');
  const log = followLog(print);
  const bots = env.TELEGRAM_BOT_TOKEN ? env.TELEGRAM_BOT_TOKEN.split(',').length : 3;
  const stack = await startStack({
    ...{ args, env, print, signal, cleanup },
    jobs: files.length * bots,
    onAppLine: (line) => args.verbose && print(`  | ${line}`),
    onAppEntry: log.onEntry,
  });
  const uploader = await stack.launch();
  // The app makes the tables when it starts.
  await stack.insertBots();

  print(`into the bucket, for ${stack.bots.length} ${stack.bots.length === 1 ? 'bot' : 'bots'}`);
  const items = [];
  if (stack.s3.own) cleanup.push(() => removeUploads(stack.s3.env, items));
  await uploadAll({ client: uploader.client, bots: stack.bots, files, uploaded: items, out });

  // Uploads pass through the heap of a process, and the memory figures are to be those of the prewarm alone.
  print('prewarm, by the app started afresh');
  await uploader.app.process.stop();
  const { app, client } = await stack.launch();
  await client.resetDiagnostics();
  const startedAt = performance.now();
  await enqueueAll(client, items, signal);
  await waitUntilWarm({ client, app, expected: items.length, fatal: log.fatal, out, signal });
  const elapsedMs = performance.now() - startedAt;
  const diagnostics = await client.diagnostics();

  const result = await verify({ url: stack.db.url, bots: stack.bots, files, telegram: stack.tg });
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0) * stack.bots.length;
  print(`\n${mediaTable({ bots: stack.bots, files, rows: result.rows, jobs: log.jobs })}`);
  print(`\n${phaseTable(diagnostics.phases)}\n\n${summary({ jobs: items.length, bytes, elapsedMs, diagnostics })}`);

  if (result.problems.length > 0) {
    const some = result.problems.slice(0, 20).join('\n  ');
    throw new DemoError(`${result.problems.length} of ${items.length} rows are not right\n  ${some}`);
  }
  const proof = stack.tg.own
    ? 'that Telegram knows'
    : 'issued by the Telegram sandbox for those bytes, that bot and that kind';
  print(`\nOK: ${result.verified} rows in media_cache, each with a file_id ${proof}`);
  if (args.serve) await serve({ ...stack, app }, print, signal);
}

function serve(stack, print, signal) {
  print('\nserving until Ctrl-C:');
  print(`  app            ${stack.app.url}  (Authorization: Bearer ${stack.adminToken})`);
  print(`                 GET ${stack.app.url}/api/media/cache   GET ${stack.app.url}/api/admin/media/prewarm/metrics`);
  print(`  dashboard      ${stack.app.url}/api/admin/media/prewarm/  (log in with that token)`);
  if (!stack.s3.own) print(`  S3             ${stack.s3.url}`);
  if (!stack.tg.own) print(`  Telegram       ${stack.tg.url}`);
  if (!stack.db.own) print(`  Postgres       ${stack.db.url}`);
  print('\nin another terminal:');
  print(`  export WARMPATH_ADMIN_URL=${stack.app.url}/api/admin/media/prewarm ADMIN_API_TOKEN=${stack.adminToken}`);
  print('  npx warmpath stats --watch');
  // The app's process keeps this one alive; when it ends by itself there is nothing left to serve.
  return Promise.race([signal.aborted || once(signal, 'abort'), stack.app.process.exited]);
}

/** From the last started to the first: the app must be gone before the database it writes to. */
async function runCleanup(cleanup, printError) {
  for (const step of cleanup.reverse()) {
    try {
      await step();
    } catch (error) {
      printError(`cleaning up: ${error.message}`);
    }
  }
}

/**
 * The demo, from its arguments to its exit code. Everything it starts is stopped before it returns, on success, failure and signals.
 *
 * @param {string[]} argv what follows `warmpath demo`
 * @param {{ env?: NodeJS.ProcessEnv, out?: NodeJS.WriteStream, err?: NodeJS.WriteStream }} [io]
 * @returns {Promise<number>} 0 = every row verified, 1 = failed (the reason is printed), 2 = wrong options, 130 = interrupted
 */
async function runDemo(argv, { env = process.env, out = process.stdout, err = process.stderr } = {}) {
  const print = (line) => out.write(`${line}\n`);
  const printError = (line) => err.write(`${line}\n`);
  const interrupted = new AbortController();
  const onSignal = (name) => interrupted.abort(new Error(name));
  const cleanup = [];
  for (const name of SIGNALS) process.on(name, onSignal);
  // `warmpath demo | head`: nobody reads any more, which must not end this process before it has stopped its children.
  const onClosed = () => interrupted.abort(new Error('the output was closed'));
  for (const stream of [out, err]) stream.on('error', onClosed);
  try {
    const args = readArgs(argv);
    if (args.help) {
      out.write(HELP);
      return 0;
    }
    await demo({ args, env, out, print, signal: interrupted.signal, cleanup });
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      printError(`${error.message}\n\n${HELP}`);
      return 2;
    }
    if (interrupted.signal.aborted) {
      printError(`\ninterrupted (${interrupted.signal.reason.message})`);
      return 130;
    }
    printError(`\nFAILED: ${explain(error, env)}`);
    return 1;
  } finally {
    await runCleanup(cleanup, printError);
    for (const name of SIGNALS) process.off(name, onSignal);
  }
}

/** The reason, with what the user can do about it where the demo knows more than the error. */
function explain(error, env) {
  const message = error.message || String(error);
  const strayKey = ['R2_SECRET_ACCESS_KEY', 'R2_ACCESS_KEY_ID'].filter(
    (name) => env[name] && !env.R2_ENDPOINT && !env.R2_ACCOUNT_ID,
  );
  if (/S3_SIGNATURE|S3_ACCESS/.test(message) && strayKey.length > 0) {
    return `${message}\n  (${strayKey.join(' and ')} is set in your environment, but neither R2_ENDPOINT nor R2_ACCOUNT_ID)`;
  }
  return message;
}

module.exports = { runDemo };
