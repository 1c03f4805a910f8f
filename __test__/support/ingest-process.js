'use strict';

// A process that works off the queue ProcessMedia until it is killed: node ingest-process.js <options as JSON>.

const { Pool } = require('pg');
const { ProcessMedia } = require('../../lib/adapters/bullmq.js');

const { databaseUrl, ...options } = JSON.parse(process.argv[2]);
const pool = new Pool({ connectionString: databaseUrl });
pool.on('error', () => {});
const media = new ProcessMedia({ pool, ...options });
media.on('error', () => {});
media.process();
process.stdout.write('working\n');
process.once('SIGTERM', async () => {
  await media.close({ timeoutMs: 500 });
  await pool.end();
});
