'use strict';

const { shape, withDefault, oneOf, func, failWith } = require('../options/check.js');
const { redactText, redactValue } = require('./redact.js');

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'];

const share = (value, path, fail) => {
  if (typeof value !== 'number' || !(value >= 0 && value <= 1)) fail(path, 'must be a number from 0 to 1');
  return value;
};

const options = shape({
  level: withDefault(oneOf(...LEVELS), 'info'),
  sample: withDefault(shape({ trace: share, debug: share, info: share }), () => ({})),
  write: withDefault(func, () => (line) => process.stdout.write(line)),
});

/**
 * A logger that writes one JSON object a line: `time`, `level`, `tag`, and the fields. Its methods take what console's and pino's
 * take: `(tag, fields)`, `(fields, tag)`, or a text alone. Secrets are taken out.
 *
 * @param {{ level?: string, sample?: { trace?: number, debug?: number, info?: number }, write?: (line: string) => void }} [given]
 *   level: the lowest that is written, `info`; sample: the share of lines of a level that is written, 1 (warnings and errors
 *   always are); write: where to, the standard output
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION
 */
function createLogger(given = {}) {
  const { level, sample, write } = options(given, '', failWith('ERR_WARMPATH_INVALID_OPTION'));
  const lowest = LEVELS.indexOf(level);
  const logger = {};
  for (const [rank, name] of LEVELS.entries()) {
    if (name === 'silent') continue;
    const keep = rank < lowest ? 0 : (sample[name] ?? 1);
    logger[name] = keep === 0 ? () => {} : method(name, keep, write);
  }
  return logger;
}

function method(level, keep, write) {
  // By turns and not by chance: a tenth of the lines is every tenth line.
  let due = 1 - keep;
  return (first, second) => {
    due += keep;
    if (due < 1) return;
    due -= 1;
    const [fields, tag] = typeof first === 'object' && first !== null ? [first, second] : [second, first];
    const entry = { time: new Date().toISOString(), level, ...(tag !== undefined && { tag: redactText(String(tag)) }) };
    if (fields instanceof Error) entry.err = redactValue(fields);
    else if (fields !== undefined)
      Object.assign(entry, redactValue(typeof fields === 'object' ? fields : { detail: fields }));
    write(`${JSON.stringify(entry)}\n`);
  };
}

module.exports = { createLogger };
