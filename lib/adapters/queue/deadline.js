'use strict';

/**
 * The promise, or `late()`'s error when `ms` pass first. What the promise does afterwards is nobody's unhandled rejection.
 *
 * @template T
 * @param {PromiseLike<T>} promise
 * @param {number} ms
 * @param {() => Error} late
 * @returns {Promise<T>}
 */
function withDeadline(promise, ms, late) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), ms);
    Promise.resolve(promise)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });
}

module.exports = { withDeadline };
