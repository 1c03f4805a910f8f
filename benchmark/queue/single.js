'use strict';

// Child process: one contender, one task, in one thread. Prints the ns of each measured stretch.

const { TASKS, BATCH } = require('./contenders.js');

const { task, contender, depth, ms } = JSON.parse(process.argv[2]);
const { put, take, fill } = TASKS[task][contender]();
const perCall = task === 'batch' ? BATCH : 1;

let next = 0;
if (fill) {
  // The seed's own inserts would take minutes to get there.
  fill(depth);
  next = depth;
} else {
  for (; next < depth; next++) put(next);
}

/** Runs pairs for that long; ns for each. */
function stretch(forMs) {
  const started = process.hrtime.bigint();
  const end = started + BigInt(Math.round(forMs * 1e6));
  let pairs = 0;
  let now = started;
  // The clock is read every so many pairs: of a slow contender after each.
  let step = 1;
  while (now < end) {
    for (let i = 0; i < step; i++) {
      put(next++);
      take();
    }
    pairs += step;
    now = process.hrtime.bigint();
    if (step < 512 && Number(now - started) / pairs < 50_000) step *= 2;
  }
  return Number(now - started) / (pairs * perCall);
}

stretch(ms / 2);
console.log(JSON.stringify({ ns: stretch(ms) }));
