'use strict';

// Child process: an Express app, and one contender's uploads in the same process, as in a bot backend. Each line on standard
// input is a number of jobs to upload; what became of them is said when they are done.

const path = require('node:path');
const readline = require('node:readline');
const express = require('express');

// What a route of such an app does: look something up, make JSON of it. Some 50 µs.
const ROWS = Array.from({ length: 60 }, (_, id) => ({
  id,
  slug: `shop-${id}`,
  status: 'ready',
  fileId: `BQACAgIAAxk${id}`,
}));

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

async function main(config) {
  const { create } = require(path.join(__dirname, '..', 'contenders', config.contender));
  const contender = create(config);
  const app = express();
  app.disable('x-powered-by');
  app.get('/api/media/:slug', (req, res) => {
    const rows = ROWS.filter(({ id }) => id % 2 === 0).map((row) => ({ ...row, asked: req.params.slug }));
    res.json({ rows });
  });
  const server = app.listen(0, '127.0.0.1', async () => {
    say({ event: 'ready', port: server.address().port });
    for await (const line of readline.createInterface({ input: process.stdin })) {
      const started = performance.now();
      const cpu = process.cpuUsage();
      await contender.run(Number(line));
      const { user, system } = process.cpuUsage(cpu);
      say({ event: 'uploaded', wallMs: performance.now() - started, cpuUs: user + system });
    }
    await contender.close();
    server.close();
    server.closeAllConnections();
  });
}

main(JSON.parse(process.argv[2]));
