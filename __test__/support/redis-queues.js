'use strict';

const { randomUUID } = require('node:crypto');

/** Every major that is installed: the same tests run on each. */
const BULLMQ = [
  ['BullMQ 6', require('bullmq')],
  ['BullMQ 5', require('bullmq-v5')],
];

/** Opens queues and workers of one BullMQ on one Redis, closed when the test ends. */
function openOn(bullmq, redis) {
  const quiet = (emitter) => emitter.on('error', () => {});
  // Tests wait for a Redis that came back: no longer than they have to.
  const connection = { ...redis.connection, retryStrategy: () => 50 };
  return {
    bullmq,
    queue(t, options = {}) {
      const queue = new bullmq.Queue(`q-${randomUUID()}`, { connection, ...options });
      quiet(queue);
      t.after(() => queue.close());
      return queue;
    },
    worker(t, queue, process, options = {}) {
      const patient = { ...connection, maxRetriesPerRequest: null };
      const worker = new bullmq.Worker(queue.name, process, { connection: patient, drainDelay: 1, ...options });
      worker.errors = [];
      worker.on('error', (err) => worker.errors.push(err));
      t.after(() => worker.close(true));
      return worker;
    },
  };
}

module.exports = { BULLMQ, openOn };
