'use strict';

// Child process: requests to an app. Each line on standard input is a task: `{ port, ms, connections }` sends as fast as the
// answers come, `{ port, ms, rate }` so many a second whether answers come or not, so that a slow one delays none behind it.

const readline = require('node:readline');
const { Pool } = require('undici');

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

async function get(pool) {
  const started = performance.now();
  const { statusCode, body } = await pool.request({ method: 'GET', path: '/api/media/shop-1' });
  await body.dump();
  if (statusCode !== 200) {
    throw new Error(`the app answered ${statusCode}`);
  }
  return performance.now() - started;
}

/** Requests a second, at full speed. */
async function flood(pool, { ms, connections }) {
  const end = performance.now() + ms;
  let done = 0;
  const loop = async () => {
    while (performance.now() < end) {
      await get(pool);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: connections }, loop));
  return { perSecond: done / (ms / 1000) };
}

/** Latencies at a fixed rate, in ms. */
async function steady(pool, { ms, rate }) {
  const started = performance.now();
  const total = Math.floor((rate * ms) / 1000);
  const running = [];
  while (running.length < total) {
    const due = Math.min(total, Math.floor(((performance.now() - started) / 1000) * rate));
    while (running.length < due) {
      running.push(get(pool));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const times = (await Promise.all(running)).sort((a, b) => a - b);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))];
  return { requests: times.length, p50: at(0.5), p99: at(0.99), max: times.at(-1) };
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const task = JSON.parse(line);
    const pool = new Pool(`http://127.0.0.1:${task.port}`, { connections: task.connections ?? 64, pipelining: 1 });
    say(await (task.rate ? steady(pool, task) : flood(pool, task)));
    await pool.close();
  }
}

main();
