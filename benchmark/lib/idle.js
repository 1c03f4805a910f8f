'use strict';

// The control of the delay columns: a Node process that does nothing, watched beside the same load on the same cores.
// Each line on standard input starts a watch, the next one ends it.

const readline = require('node:readline');
const { startDelayWatch } = require('./probe');

let stop = null;

readline.createInterface({ input: process.stdin }).on('line', () => {
  if (stop === null) {
    stop = startDelayWatch();
    return;
  }
  process.stdout.write(`${JSON.stringify(stop())}\n`);
  stop = null;
});
