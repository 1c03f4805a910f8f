'use strict';

// A fresh process that imports one thing and ends: `node child.js NAME`. It prints how long that took and what it left running.

const { performance } = require('node:perf_hooks');

/** What an app writes at its top. Each is asked for as its own documentation does. */
const IMPORTS = {
  nothing: () => {},
  warmpath: () => require('../..'),
  // Every class and function: the files behind them are read as they are asked for.
  'warmpath-all': () => ({ ...require('../..') }),
  // The native part, too: it is loaded by the first thing that needs it.
  'warmpath-native': () => new (require('../..').SigV4Signer)({ accessKeyId: 'id', secretAccessKey: 'secret' }),
  'warmpath-module': () => import('../../index.js'),
  express: () => require('express'),
  pg: () => require('pg'),
  grammy: () => require('grammy'),
  bullmq: () => require('bullmq'),
  '@aws-sdk/client-s3': () => require('@aws-sdk/client-s3'),
};

/** Linux lists them; elsewhere none is counted. */
function threads() {
  try {
    return require('node:fs').readdirSync('/proc/self/task').length;
  } catch {
    return 0;
  }
}

async function main(load) {
  const before = { threads: threads(), rss: process.memoryUsage.rss() };
  const start = performance.now();
  await load();
  const ms = performance.now() - start;
  const now = { threads: threads(), rss: process.memoryUsage.rss() };
  console.log(JSON.stringify({ ms, threads: now.threads - before.threads, rss: now.rss - before.rss }));
}

if (require.main === module) main(IMPORTS[process.argv[2]]);

module.exports = { IMPORTS };
