'use strict';

const { redactText, redactValue } = require('./log/redact.js');

// The brand lives in the global symbol registry, so that `instanceof` holds when two copies of the package are loaded
// (a CommonJS and a bundled one, or two versions side by side).
const BRAND = Symbol.for('warmpath.WarmpathError');

// Only what this layer itself throws: these must work before, and without, the native table.
const CLASS_OF = {
  ERR_WARMPATH_ABORTED: 'cancelled',
  ERR_WARMPATH_CANCELLED: 'cancelled',
  ERR_WARMPATH_LEASE_LOST: 'cancelled',
  ERR_WARMPATH_CREDENTIALS_NOT_READY: 'config',
  ERR_WARMPATH_BOT_NOT_FOUND: 'config',
  ERR_WARMPATH_BOT_TOKEN_NOT_SET: 'config',
  ERR_WARMPATH_WARMUP_CHAT_NOT_SET: 'config',
  ERR_WARMPATH_DATABASE: 'transient',
  ERR_WARMPATH_INTERNAL: 'bug',
};

/**
 * The one error class of the package. `code` is stable and machine readable, `class` says what to do about it
 * (`transient`, `throttled`, `permanent`, `config`, `ambiguous`, `cancelled`, `bug`). Messages hold no secrets and no URLs.
 */
class WarmpathError extends Error {
  /**
   * @param {string} code one of WarmpathErrorCode
   * @param {string} message safe text
   * @param {object} [fields] class, phase, retryAfterMs, certainty, option, cause; of an ingest also needs, hookFailed; of a prewarm chatId
   */
  constructor(code, message, fields = {}) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.code = code;
    this.class = fields.class ?? CLASS_OF[code] ?? 'permanent';
    for (const name of ['phase', 'retryAfterMs', 'certainty', 'option', 'needs', 'hookFailed', 'chatId']) {
      if (fields[name] !== undefined && fields[name] !== null) this[name] = fields[name];
    }
  }

  /** Fields only: `cause` is left out, because a foreign error may carry anything, a secret too. */
  toJSON() {
    const { name, code, message, phase, retryAfterMs, certainty, option } = this;
    return { name, code, class: this.class, message, phase, retryAfterMs, certainty, option };
  }

  /** As Node shows an error, but for the cause: what a foreign one says goes through the redaction of the logs. */
  [Symbol.for('nodejs.util.inspect.custom')](_depth, options, inspect) {
    const { name: _name, message: _message, ...fields } = this.toJSON();
    const known = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
    const head = `${this.stack} ${inspect(known, { ...options, showHidden: false })}`;
    const { cause } = this;
    if (cause === undefined) return head;
    if (cause instanceof WarmpathError) return `${head}\n  [cause]: ${inspect(cause, options)}`;
    const foreign = cause instanceof Error && typeof cause.stack === 'string' ? cause.stack : null;
    return `${head}\n  [cause]: ${redactText(foreign ?? inspect(redactValue(cause), { ...options, showHidden: false }))}`;
  }
}

Object.defineProperty(WarmpathError, Symbol.hasInstance, {
  value(value) {
    if (this !== WarmpathError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return typeof value === 'object' && value !== null && value[BRAND] === true;
  },
});
Object.defineProperty(WarmpathError.prototype, 'name', { value: 'WarmpathError', writable: true, configurable: true });
Object.defineProperty(WarmpathError.prototype, BRAND, { value: true });

/** The error of an outcome (a plain value) as a class instance with a JS stack. */
function fromOutcome(error) {
  return new WarmpathError(error.code, error.message, error);
}

/**
 * What a native call threw, as a WarmpathError. An error without one of our codes can only come from the binding itself
 * (a wrong argument type that the checks above it let through), so it is a bug of this package.
 */
function fromNative(err) {
  if (err instanceof WarmpathError) return err;
  const code = typeof err?.code === 'string' && err.code.startsWith('ERR_WARMPATH_') ? err.code : null;
  if (code === null) {
    return new WarmpathError('ERR_WARMPATH_INTERNAL', `the native core failed: ${err?.message ?? 'no reason given'}`, {
      cause: err,
    });
  }
  return new WarmpathError(code, err.message);
}

/** Runs a synchronous native call and turns what it throws into a WarmpathError. */
function guard(call) {
  try {
    return call();
  } catch (err) {
    throw fromNative(err);
  }
}

/** The same for one that gives a promise: it rejects only where native code panicked. */
async function guardAsync(call) {
  try {
    return await call();
  } catch (err) {
    throw fromNative(err);
  }
}

/** The rejection of an aborted call: the name that `fetch` and `timers/promises` use, our code, and the signal's reason as cause. */
function abortError(signal) {
  const err = new WarmpathError('ERR_WARMPATH_ABORTED', 'the call was aborted', { cause: signal.reason });
  Object.defineProperty(err, 'name', { value: 'AbortError', writable: true, configurable: true });
  return err;
}

/** A database (or store) failure. Its own text is kept out of the message: drivers put connection strings there. */
function databaseError(what, cause) {
  // SQLSTATE or an errno name; any other text in that place is not ours to repeat.
  const state = /^[0-9A-Z_]{1,40}$/.test(cause?.code) ? ` (${cause.code})` : '';
  return new WarmpathError('ERR_WARMPATH_DATABASE', `${what} failed${state}`, { cause, phase: 'settle' });
}

module.exports = { WarmpathError, fromOutcome, fromNative, guard, guardAsync, abortError, databaseError };
