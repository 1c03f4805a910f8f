'use strict';

// Child process: one contender, one task, in one thread. Prints the ns of each measured stretch.

const { TASKS, BATCH } = require('./contenders.js');

const { task, contender, depth, ms } = JSON.parse(process.argv[2]);
const { put, take, fill } = TASKS[task][contender]();
const perCall = task === 'batch' ? BATCH : 1;

let next = 0;
if (fill) {
  // The hand-written queue's inserts would take minutes to get there.
  fill(depth);
  next = depth;
} else {
  for (; next < depth; next++) put(next);
}

/** CPU time of the whole process so far, in ns: what other processes do to the wall clock is not in it. */
function cpu() {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

/** Runs pairs for that long; CPU ns for each. */
function stretch(forMs) {
  const started = cpu();
  const end = started + forMs * 1e6;
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
    now = cpu();
    if (step < 512 && (now - started) / pairs < 50_000) step *= 2;
  }
  return (now - started) / (pairs * perCall);
}

stretch(ms / 2);
console.log(JSON.stringify({ ns: stretch(ms) }));
