'use strict';

// Runs the tests of a mutant until they have used up their time, or wait for ever. A clock on the wall would call a mutant killed
// that had no more than a slow neighbour: what counts is the time of a processor, and that every thread sleeps.
//
//   node bounded.js PROGRAM ARGS...    as cargo's runner; reads /proc, so elsewhere it bounds nothing

const { spawn } = require('node:child_process');
const fs = require('node:fs');

/** The tests of a room take about a second. */
const MOST_SECONDS = 10;
/** No test sleeps this long, s. */
const LONGEST_SLEEP = 15;
const TICKS_A_SECOND = 100;

const [program, ...args] = process.argv.slice(2);
const child = spawn(program, args, { stdio: 'inherit' });

/** `{ ticks, sleeps }` of all threads; `null` where there is no telling. */
function look() {
  try {
    const folder = `/proc/${child.pid}/task`;
    const threads = fs.readdirSync(folder).map((id) => fs.readFileSync(`${folder}/${id}/stat`, 'utf8'));
    // The name, which stands in brackets, may hold anything.
    const states = threads.map((text) => text.slice(text.lastIndexOf(')') + 2, text.lastIndexOf(')') + 3));
    const whole = fs.readFileSync(`/proc/${child.pid}/stat`, 'utf8');
    const fields = whole.slice(whole.lastIndexOf(')') + 2).split(' ');
    return { ticks: Number(fields[11]) + Number(fields[12]), sleeps: states.every((state) => state === 'S') };
  } catch {
    return null;
  }
}

let [before, asleep] = [0, 0];
const timer = setInterval(() => {
  const now = look();
  if (now === null) return;
  asleep = now.sleeps && now.ticks === before ? asleep + 1 : 0;
  before = now.ticks;
  if (now.ticks < MOST_SECONDS * TICKS_A_SECOND && asleep < LONGEST_SLEEP) return;
  console.log(asleep < LONGEST_SLEEP ? 'ended by time: it never ends' : 'ended by time: all its threads sleep');
  child.kill('SIGKILL');
}, 1000);

child.on('error', (error) => {
  throw error;
});
child.on('close', (status) => {
  clearInterval(timer);
  process.exitCode = status ?? 1;
});
