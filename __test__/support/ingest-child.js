'use strict';

// Stores media without an end, until somebody kills it: `node ingest-child.js DIR`. Prints `ready` once the first is stored.

const { randomBytes, randomInt } = require('node:crypto');
const { IngestExecutor } = require('../..');

const executor = new IngestExecutor({ dir: process.argv[2], concurrency: 8 });
let said = false;

async function store() {
  for (;;) {
    const bytes = randomBytes(randomInt(1, 2_000_000));
    const { sha256 } = await executor.run({ source: { bytes } });
    if (!said) process.stdout.write('ready\n');
    said = true;
    // Told before anything else happens: what was said to be stored has to be there.
    process.stdout.write(`${sha256}\n`);
  }
}

for (let i = 0; i < 8; i++) store();
