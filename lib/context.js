'use strict';

const { AsyncLocalStorage } = require('node:async_hooks');

/**
 * Runs a function in nobody's async context, which is the one in which this package was loaded. What goes on for long (a claim
 * loop, a native callback) would else keep for ever what an app had in its AsyncLocalStorage when it was started, for example
 * by a request: and show it to every event that follows.
 *
 * @type {<T>(fn: () => T) => T}
 */
const inNobodysContext = AsyncLocalStorage.snapshot();

module.exports = { inNobodysContext };
