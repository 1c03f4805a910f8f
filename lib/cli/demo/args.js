'use strict';

const { parseArgs } = require('node:util');

const S3_SERVERS = ['sandbox', 'rclone', 'ministack'];

const HELP = `warmpath demo: warm up real media for three bots, end to end, and prove every file_id

  npm run demo [-- options]      or      npx warmpath demo [options]

  --count N           media per bot (default: all of them, 48; spread over all kinds)
  --media DIR         your own files instead (kind by content, up to 50 MB each)
  --s3 NAME           S3 server: sandbox (default), rclone or ministack (these two need Python 3)
  --telegram-limits   let the Telegram sandbox enforce its rate limits (slow: about a message a second per chat)
  --concurrency N     transfers at once (default: MEDIA_PREWARM_CONCURRENCY, else 5)
  --serve             stay up afterwards and print the URLs
  --verbose           show the log of the app
  --help

Your own services are used where these are set:
  R2_ENDPOINT or R2_ACCOUNT_ID, with R2_ACCESS_KEY_ID, R2_SECRET_ACCESS_KEY, R2_BUCKET
  TELEGRAM_BOT_TOKEN and TELEGRAM_WARMUP_CHAT_ID (comma-separated for several bots), TELEGRAM_API_ROOT
  DATABASE_URL (the demo works in a schema of its own there, and drops it)

Exit code: 0 when every row holds a file_id that was issued for its bytes, else 1; 2 for wrong options.
`;

const OPTIONS = {
  count: { type: 'string' },
  media: { type: 'string' },
  s3: { type: 'string', default: 'sandbox' },
  'telegram-limits': { type: 'boolean', default: false },
  concurrency: { type: 'string' },
  serve: { type: 'boolean', default: false },
  verbose: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
};

/** A command line that cannot be obeyed; the exit code is then 2. */
class UsageError extends Error {}

function wholeNumber(values, name, max) {
  const text = values[name];
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > max) {
    throw new UsageError(`--${name} must be a whole number from 1 to ${max}`);
  }
  return number;
}

/**
 * @param {string[]} argv what follows `warmpath demo`
 * @returns {{ count?: number, media?: string, s3: string, telegramLimits: boolean, concurrency?: number, serve: boolean, verbose: boolean, help: boolean }}
 * @throws {UsageError}
 */
function readArgs(argv) {
  let values;
  try {
    ({ values } = parseArgs({ args: argv, options: OPTIONS, strict: true }));
  } catch (error) {
    throw new UsageError(error.message);
  }
  if (!S3_SERVERS.includes(values.s3)) throw new UsageError(`--s3 must be one of ${S3_SERVERS.join(', ')}`);
  return {
    count: wholeNumber(values, 'count', 100_000),
    media: values.media,
    s3: values.s3,
    telegramLimits: values['telegram-limits'],
    concurrency: wholeNumber(values, 'concurrency', 1000),
    serve: values.serve,
    verbose: values.verbose,
    help: values.help,
  };
}

module.exports = { readArgs, UsageError, HELP };
