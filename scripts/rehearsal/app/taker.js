'use strict';

const { parentPort } = require('node:worker_threads');
const { Queue } = require('warmpath');

(async () => {
  const items = [];
  const jobs = new Queue({ name: 'jobs', capacity: 1000 });
  parentPort.postMessage('open');
  for await (const item of jobs) items.push(item);
  parentPort.postMessage(items);
})();
