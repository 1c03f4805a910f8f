'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const { EXIT, UsageError, Unreachable, runCommand, wholeNumber } = require('./command.js');
const { adminServer, SERVER_OPTIONS, SERVER_HELP } = require('./server.js');
const { table, span } = require('./table.js');

const HELP = `warmpath stats [options]: what a running server does now

${SERVER_HELP}  --watch          again and again, until Ctrl-C; goes on when the server is away for a while
  --interval S     seconds between two looks, 1 to 3600 (2)
  --json           one JSON object a line

Exit code: 0, 2 wrong usage, 3 the server does not answer
`;

const OPTIONS = {
  ...SERVER_OPTIONS,
  watch: { type: 'boolean', default: false },
  interval: { type: 'string' },
  json: { type: 'boolean', default: false },
};

const CLEAR = '\x1b[H\x1b[2J';

function text({ worker, queue, slots, totals, rates, phases, errors, bots, later, throttled, recording, health }) {
  const minute = rates.succeeded.reduce((sum, value) => sum + value, 0);
  const lines = [
    `${worker.name}: ${worker.mode}, ${new Date(worker.now).toISOString()}`,
    ...(health?.reasons ?? []).map(({ message }) => `  ! ${message}`),
    `  waiting ${queue.ready}${queue.capacity === null ? '' : ` of ${queue.capacity}`}, for later ${queue.delayed}, claimed ${queue.claimed}, running ${slots.running} of ${slots.total}`,
    `  succeeded ${totals.succeeded}, failed ${totals.failed}, retries ${totals.retries}; ${minute} in the last minute`,
    ...(recording > 0 ? [`  ! ${recording} results are not recorded yet`] : []),
    '',
  ];
  let out = lines.join('\n');
  const times = Object.entries(phases);
  if (times.length > 0) {
    out += `\n${table(
      ['phase', 'P50', 'P95', 'P99'],
      times.map(([phase, { p50, p95, p99 }]) => [phase, span(p50), span(p95), span(p99)]),
      [1, 2, 3],
    )}`;
  }
  if (errors.length > 0) {
    out += `\n${table(
      ['class', 'code', 'failed tries'],
      errors.map((error) => [error.class, error.code, error.count]),
      [2],
    )}`;
  }
  if (bots.length > 0) {
    const rows = bots.map(({ botSlug, running, waiting, wait }) => [
      botSlug,
      running,
      waiting,
      wait?.reason ?? '-',
      span(wait?.waitMs),
    ]);
    out += `\n${table(['bot', 'running', 'waiting', 'for', 'until'], rows, [1, 2, 4])}`;
  }
  if (later?.length > 0) {
    const rows = later.map(({ botSlug, code, count, nextAtMs, lastAtMs }) => [
      botSlug ?? '-',
      count,
      code ?? 'scheduled',
      ...[nextAtMs, lastAtMs].map((at) => span(Math.max(0, at - worker.now))),
    ]);
    out += `\n${table(['bot', 'for later', 'why', 'next in', 'last in'], rows, [1, 3, 4])}`;
  }
  for (const { botSlug, botId, chatId, blockedMs } of throttled.filter((key) => key.blockedMs !== undefined)) {
    out += `  held by Telegram: bot ${botSlug ?? botId}${chatId === undefined ? '' : `, chat ${chatId}`}, for ${span(blockedMs)}\n`;
  }
  return out;
}

/** @param {string[]} argv @param {object} [io] @returns {Promise<number>} exit code */
function runStats(argv, io) {
  return runCommand({ name: 'stats', help: HELP, options: OPTIONS }, argv, io, async (values, full) => {
    const server = adminServer(values, full);
    if (server === null) throw new UsageError('give --url or set WARMPATH_ADMIN_URL');
    const pauseMs = (wholeNumber(values, 'interval', { max: 3600 }) ?? 2) * 1000;
    const look = async () => {
      const { state } = await server.get('/state');
      if (state === undefined) throw new Unreachable('this is not the admin router of warmpath');
      if (values.json) full.out(`${JSON.stringify(state)}\n`);
      else full.out(`${values.watch && full.isTTY ? CLEAR : ''}${text(state)}`);
    };
    await look();
    while (values.watch) {
      await sleep(pauseMs, undefined, { signal: full.signal });
      // Who watches a deployment wants to see the server come back.
      await look().catch((error) => {
        if (!(error instanceof Unreachable)) throw error;
        full.err(`warmpath stats: ${error.message}; trying again\n`);
      });
    }
    return EXIT.ok;
  });
}

module.exports = { runStats };
