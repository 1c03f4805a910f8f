'use strict';

const { redactValue } = require('./redact.js');

/** pino, and what is made like it, takes the object first; given second, it would be dropped without a word. */
function isObjectFirst(logger) {
  return (
    typeof logger.child === 'function' &&
    (typeof logger.bindings === 'function' || logger[Symbol.for('pino.metadata')] === true)
  );
}

/**
 * One way to write to any logger: `log(level, tag, fields)`. console and its kind get `(tag, fields)`, pino `({ tag, …fields }, tag)`.
 * Fields are looked through for secrets before. A logger that throws is ignored: watching a job never changes how it ends.
 *
 * @param {object | undefined} logger with debug, info, warn, error
 */
function logTo(logger) {
  if (logger === undefined) return () => {};
  const objectFirst = isObjectFirst(logger);
  return (level, tag, fields) => {
    try {
      // A level that is off costs nothing.
      if (objectFirst && logger.isLevelEnabled?.(level) === false) return;
      const clean = fields === undefined ? undefined : redactValue(fields);
      if (objectFirst) logger[level]({ tag, ...clean }, tag);
      else if (clean === undefined) logger[level](tag);
      else logger[level](tag, clean);
    } catch {}
  };
}

module.exports = { logTo };
