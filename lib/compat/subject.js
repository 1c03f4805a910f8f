'use strict';

const { Operated } = require('../worker/operated.js');

/**
 * The compat module as the admin router sees it: one queue for the whole process, and a worker that is another one after each
 * start, or none before the first.
 *
 * @param {object} parts state: the module's; store(), numbers(), start(pool, intervalMs), stop(), gauges(), queueItems(),
 *   metrics()
 */
function prewarmSubject({ state, store, numbers, start, stop, queueItems, metrics }) {
  // In the module's state, since the first worker goes on under what an operator has set before it.
  const standIn = () => {
    const { monitor, compatNames, pool } = state;
    const ping = pool === null ? undefined : () => pool.query('SELECT 1');
    state.standIn ??= new Operated({
      ...{ store: store(), monitor, compatNames, ping },
      name: 'prewarm',
      ...numbers(),
    });
    return state.standIn;
  };
  return {
    worker: () => state.worker ?? standIn(),
    isRunning: () => state.running !== null,
    start: () => start(state.pool, state.intervalMs),
    stop,
    seedMetrics: () => ({ metrics: metrics(), items: queueItems() }),
  };
}

module.exports = { prewarmSubject };
