'use strict';

const { watchBody } = require('./fetch/body.js');
const { retryHint } = require('./fetch/hint.js');
const { Lanes } = require('./fetch/lane.js');
const { fetchOptions } = require('./fetch/options.js');
const { mayRepeat, readCall } = require('./fetch/replay.js');

const originOf = (url) => (URL.canParse(url) ? new URL(url).origin : url);

/** As AbortSignal.timeout() does it, so that everybody recognises it. */
const timedOut = (what, ms) => new DOMException(`the ${what} was not over in ${ms} ms`, 'TimeoutError');

/**
 * Aborts when any of its sources does. Not AbortSignal.any: sources may be look-alikes (clients bring their own AbortController),
 * and nothing may stay attached to a signal of the user's that lives long.
 */
class Scope {
  #controller = new AbortController();
  #off = [];

  get signal() {
    return this.#controller.signal;
  }

  follow(signal) {
    if (signal === null || signal === undefined) return this;
    const abort = () =>
      this.#controller.abort(signal.reason ?? new DOMException('This operation was aborted', 'AbortError'));
    if (signal.aborted) {
      abort();
      return this;
    }
    signal.addEventListener('abort', abort);
    this.#off.push(() => signal.removeEventListener('abort', abort));
    return this;
  }

  limit(what, ms) {
    if (ms === undefined) return this;
    // Not a reason to stay alive: the request itself is one, and a body that nobody reads should be none.
    const timer = setTimeout(() => this.#controller.abort(timedOut(what, ms)), ms).unref();
    this.#off.push(() => clearTimeout(timer));
    return this;
  }

  /** Lets go of timers and of signals; what hangs on `signal` itself goes on. */
  end() {
    for (const off of this.#off.splice(0)) off();
  }
}

/** A wait; rejects with the signal's reason. */
const pause = (ms, signal) =>
  new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal.addEventListener('abort', stop, { once: true });
  });

/**
 * A `fetch` with the guarantees that SDKs on top of fetch lack. See createFetch in index.d.ts.
 *
 * @param {object} [options]
 * @returns {typeof fetch & { stats(): object }}
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION
 */
function createFetch(options = {}) {
  const { totalTimeoutMs, attemptTimeoutMs, retry, limits, fetch: given } = fetchOptions(options);
  const lanes = new Lanes(limits);
  const keyOf = limits.key ?? ((url) => originOf(url));
  const counts = { requests: 0, attempts: 0, retries: 0, timeouts: 0 };

  async function warmpathFetch(input, init) {
    // Looked up at each call: tests and tracers replace the global one.
    const base = given ?? globalThis.fetch;
    const call = readCall(input, init);
    const lane = lanes.get(String(keyOf(call.url, init ?? {})));
    const deadline = performance.now() + totalTimeoutMs;
    const total = new Scope().follow(call.signal).limit('call', totalTimeoutMs);
    counts.requests += 1;
    try {
      for (let attempt = 0; ; attempt += 1) {
        const result = await once(base, lane, total, call, input, init);
        const wait = waitAfter(result, attempt, call, total.signal);
        // No time is left for another try: what there is, is the answer.
        if (wait === null || performance.now() + wait >= deadline) return deliver(result, total);
        await result.response?.body?.cancel().catch(() => {});
        result.end();
        counts.retries += 1;
        await pause(wait, total.signal);
      }
    } catch (err) {
      total.end();
      if (err?.name === 'TimeoutError') counts.timeouts += 1;
      throw err;
    }
  }

  /** One request, up to its head. @returns {Promise<{ response?, error?, scope, end() }>} */
  async function once(base, lane, total, call, input, init) {
    const leave = await lane.enter(total.signal);
    const scope = new Scope().follow(total.signal).limit('attempt', attemptTimeoutMs);
    const end = () => {
      scope.end();
      leave();
    };
    counts.attempts += 1;
    try {
      // `duplex` is what undici wants to hear for a body that streams.
      const more = call.streams ? { duplex: 'half' } : {};
      const response = await base(input, { ...more, ...init, signal: scope.signal });
      const hint = retryHint(response.headers, response.status);
      // A pause longer than any call lasts would only let them all time out, where a 429 says more.
      if (response.status === 429 && hint !== null && hint < totalTimeoutMs) lane.block(hint);
      return { response, hint, scope, end };
    } catch (error) {
      end();
      // Whatever a fetch makes of its signal, the caller is to see the reason.
      return { error: scope.signal.aborted ? scope.signal.reason : error, hint: null, scope, end };
    }
  }

  /** How long until the next try; null: there is none. */
  function waitAfter({ response, error, hint }, attempt, call, signal) {
    if (attempt >= retry.quick || signal.aborted) return null;
    if (error === undefined && (response.ok || !retry.statuses.includes(response.status))) return null;
    if (!mayRepeat(call, retry, { status: response?.status, error })) return null;
    // Full jitter, so that those who failed together do not come back together; what was asked for is the floor of it.
    return (hint ?? 0) + Math.random() * Math.min(retry.maxMs, retry.baseMs * 2 ** attempt);
  }

  function deliver({ response, error, scope, end }, total) {
    if (error !== undefined) throw error;
    return watchBody(response, scope.signal, () => {
      if (scope.signal.reason?.name === 'TimeoutError') counts.timeouts += 1;
      end();
      total.end();
    });
  }

  warmpathFetch.stats = () => ({ ...counts, ...lanes.stats() });
  return warmpathFetch;
}

module.exports = { createFetch };
