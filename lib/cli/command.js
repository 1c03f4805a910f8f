'use strict';

const { parseArgs } = require('node:util');
const { WarmpathError } = require('../errors.js');

/** Exit codes of every command that has no table of its own. */
const EXIT = Object.freeze({ ok: 0, failed: 1, usage: 2, unreachable: 3, interrupted: 130, unread: 141 });

/** A command line that cannot be obeyed. */
class UsageError extends Error {}

/** What the command needs does not answer: a server, a database. The message holds no secret. */
class Unreachable extends Error {}

/**
 * Runs a command as all of them behave: `--help`, 2 and the help for a wrong command line, no stack, no text of a driver.
 *
 * @param {{ name: string, help: string, options: object, positionals?: boolean }} command
 * @param {string[]} argv
 * @param {object} io env, out(text), err(text), isTTY, signal
 * @param {(values: object, io: object, positionals: string[]) => Promise<number>} run
 * @returns {Promise<number>} the exit code
 */
async function runCommand({ name, help, options, positionals = false }, argv, io, run) {
  const full = withDefaults(io);
  try {
    const parsed = readArgs(argv, options, positionals);
    if (parsed.values.help) {
      full.out(help);
      return EXIT.ok;
    }
    return await run(parsed.values, full, parsed.positionals);
  } catch (error) {
    if (error instanceof UsageError) {
      full.err(`${error.message}\n\n${help}`);
      return EXIT.usage;
    }
    full.err(`warmpath ${name}: ${explain(error)}\n`);
    return error instanceof Unreachable ? EXIT.unreachable : EXIT.failed;
  }
}

function readArgs(args, options, allowPositionals) {
  try {
    const help = { type: 'boolean', short: 'h', default: false };
    return parseArgs({ args, options: { ...options, help }, allowPositionals });
  } catch (error) {
    throw new UsageError(error.message);
  }
}

/**
 * `… | head`: nobody reads any more. What can be interrupted is, as by Ctrl-C; else this process ends here, without a word, with the
 * code that the shell has for it.
 */
function onUnread(error) {
  if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') throw error;
  if (process.listenerCount('SIGINT') === 0) process.exit(EXIT.unread);
  process.emit('SIGINT', 'SIGINT');
}

function withDefaults({ env = process.env, out, err, isTTY = process.stdout.isTTY === true, signal } = {}) {
  for (const [given, stream] of [
    [out, process.stdout],
    [err, process.stderr],
  ]) {
    if (given === undefined && stream.listenerCount('error') === 0) stream.on('error', onUnread);
  }
  return {
    env,
    isTTY,
    signal,
    out: out ?? ((text) => process.stdout.write(text)),
    err: err ?? ((text) => process.stderr.write(text)),
  };
}

/** A message that may be shown: ours; of others only what kind of failure it was, since drivers put addresses into texts. */
function explain(error) {
  if (error instanceof WarmpathError) return `${error.code}: ${error.message}`;
  if (error instanceof Unreachable) return error.message;
  return `${error.name} ${error.code ?? ''}`.trim();
}

/** A whole number in a range. @throws {UsageError} */
function wholeNumber(values, name, { min = 1, max }) {
  const text = values[name];
  if (text === undefined) return undefined;
  if (!/^\d{1,12}$/.test(text) || Number(text) < min || Number(text) > max) {
    throw new UsageError(`--${name} must be a whole number from ${min} to ${max}`);
  }
  return Number(text);
}

module.exports = { EXIT, UsageError, Unreachable, runCommand, wholeNumber, explain };
