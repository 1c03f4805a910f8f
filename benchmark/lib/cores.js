'use strict';

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');

/** The processors that this process may run on, by number. */
function allowed() {
  const [, list] = /^Cpus_allowed_list:\s*(\S+)$/m.exec(fs.readFileSync('/proc/self/status', 'utf8'));
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/**
 * The last processor, where there are two at least and util-linux's `taskset` can bind a program to it.
 * @returns {number | null}
 */
function lastCore() {
  const cores = allowed();
  const bound = spawnSync('taskset', ['--cpu-list', String(cores.at(-1)), 'true'], { stdio: 'ignore' }).status === 0;
  return cores.length > 1 && bound ? cores.at(-1) : null;
}

/**
 * A program with its arguments, bound to one processor.
 * @param {number | null} core null: left to the system
 */
const onCore = (core, program, args) =>
  core === null ? [program, args] : ['taskset', ['--cpu-list', String(core), program, ...args]];

module.exports = { lastCore, onCore };
