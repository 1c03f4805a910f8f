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
  return {
    bullmq,
    queue(t, options = {}) {
      const queue = new bullmq.Queue(`q-${randomUUID()}`, { connection: redis.connection, ...options });
      quiet(queue);
      t.after(() => queue.close());
      return queue;
    },
    worker(t, queue, process, options = {}) {
      const connection = { ...redis.connection, maxRetriesPerRequest: null };
      const worker = new bullmq.Worker(queue.name, process, { connection, drainDelay: 1, ...options });
      worker.errors = [];
      worker.on('error', (err) => worker.errors.push(err));
      t.after(() => worker.close(true));
      return worker;
    },
  };
}

module.exports = { BULLMQ, openOn };
