'use strict';

const { isPromise, isProxy } = require('node:util').types;
const { WarmpathError } = require('../../../index.js');
const { MINE } = require('./values.js');

/** Long enough for whatever answers at once; what waits for the world is accepted. */
const PATIENCE_MS = 2000;

/** A code that says the check was missing: the value went through and broke something inside. */
const isTyped = (error) =>
  error instanceof WarmpathError &&
  /^ERR_WARMPATH_[A-Z0-9_]+$/.test(error.code) &&
  error.code !== 'ERR_WARMPATH_INTERNAL' &&
  typeof error.message === 'string';

/** What the value itself threw, from a getter or as a proxy: it comes out as it is. */
const isOwn = (error) => error?.message === MINE || /on a proxy that has been revoked$/.test(error?.message);

/** Collects what went wrong of many calls: anything but a typed error or an answer. */
class Judge {
  /** By what happened and where: how often, and the first call. */
  faults = new Map();
  calls = 0;
  refused = 0;
  #pending = new Set();
  /** What a getter throws must come out as a typed error too. */
  strict = false;

  /** An error that came out of a call. */
  #thrown(what, error) {
    this.refused++;
    if (!isTyped(error) && (this.strict || !isOwn(error))) this.#fault(what, error);
  }

  #fault(what, error) {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : typeof error;
    const at =
      error instanceof Error
        ? (String(error.stack)
            .split('\n')
            .find((line) => line.includes('/lib/'))
            ?.trim() ?? '')
        : '';
    const where = `${text.slice(0, 90).replaceAll('\n', ' ')} ${at.replace(/^at .*\/lib\//, 'lib/').replace(')', '')}`;
    const known = this.faults.get(where);
    if (known) known.count++;
    else this.faults.set(where, { first: what, count: 1 });
  }

  /**
   * Makes one call. What it opened is closed.
   *
   * @param {string} what
   * @param {() => unknown} call
   */
  call(what, call) {
    this.calls++;
    let answer;
    try {
      answer = call();
    } catch (error) {
      this.#thrown(what, error);
      return;
    }
    // Not instanceof: an answer may be a hostile value itself.
    if (!isPromise(answer)) return void this.#close(answer);
    const done = answer.then(
      (value) => this.#close(value),
      (error) => this.#thrown(what, error),
    );
    this.#pending.add(done);
    done.finally(() => this.#pending.delete(done));
  }

  #close(value) {
    if (isProxy(value)) return;
    for (const name of ['stop', 'close']) {
      if (typeof value?.[name] === 'function' && value.constructor?.name !== 'Object') {
        const closed = value[name](name === 'close' ? undefined : { timeoutMs: 0 });
        if (closed instanceof Promise) closed.catch(() => {});
        return;
      }
    }
  }

  /** Waits for what answers soon. */
  async settled() {
    let timer;
    const patience = new Promise((resolve) => {
      timer = setTimeout(resolve, PATIENCE_MS);
    });
    await Promise.race([Promise.all(this.#pending), patience]);
    clearTimeout(timer);
  }
}

module.exports = { Judge, isOwn };
