'use strict';

// One target under libFuzzer: for a time, until it breaks, or to take over what it has found.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');

// Longer inputs reach nothing more in these parsers, they only take longer.
const LONGEST = 4096;
const LONGEST_OF = new Map([
  ['inspect', 16_384],
  ['look', 16_384],
  ['mp4', 16_384],
]);

/** What a program says while it runs, as far as it is needed after. */
const TOLD = 60;

/**
 * The programs of a folder, and the folders that they read and write.
 * @param {string} folder `fuzz/`, or a copy of it
 * @param {string} programs where the programs are
 */
function workshop(folder, programs) {
  const place = (kind, name) => path.join(folder, kind, name);

  async function run(name, args) {
    const child = spawn(path.join(programs, name), args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      // What cargo-fuzz sets: a static of a dependency may stand in two of its crates.
      env: { ...process.env, ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:detect_odr_violation=0` },
    });
    const told = { lines: [], executions: 0, coverage: 0, artifact: null };
    const closed = once(child, 'close');
    for await (const line of readline.createInterface({ input: child.stderr })) {
      told.executions = Number(/^#(\d+)\t/.exec(line)?.[1] ?? told.executions);
      told.executions = Number(/number_of_executed_units:\s*(\d+)/.exec(line)?.[1] ?? told.executions);
      told.coverage = Number(/\bcov: (\d+)/.exec(line)?.[1] ?? told.coverage);
      told.artifact = /Test unit written to (.*)$/.exec(line)?.[1] ?? told.artifact;
      told.lines.push(line);
      if (told.lines.length > TOLD) told.lines.shift();
    }
    const [status] = await closed;
    return { ...told, status };
  }

  /** Folders of inputs; the first is written to. */
  function inputs(name) {
    for (const kind of ['grown', 'artifacts']) fs.mkdirSync(place(kind, name), { recursive: true });
    return ['grown', 'corpus', 'regressions'].map((kind) => place(kind, name)).filter((dir) => fs.existsSync(dir));
  }

  function options(name) {
    const words = place('dictionaries', `${name}.dict`);
    const dictionary = fs.existsSync(words) ? [`-dict=${words}`] : [];
    return [...dictionary, `-max_len=${LONGEST_OF.get(name) ?? LONGEST}`, '-rss_limit_mb=2048', '-timeout=10'];
  }

  /**
   * Runs a target for so many seconds, or until it breaks.
   * @returns what was done, and `found`: what broke it, and does so again when it is tried alone
   */
  async function campaign(name, { seconds, seed }) {
    const until = Date.now() + seconds * 1000;
    let [executions, coverage] = [0, 0];
    for (let round = seed; ; round++) {
      const left = Math.ceil((until - Date.now()) / 1000);
      if (left <= 0) return { name, executions, coverage, found: null };
      const prefix = `-artifact_prefix=${place('artifacts', name)}${path.sep}`;
      const time = [`-max_total_time=${left}`, `-seed=${round}`, '-print_final_stats=1'];
      const told = await run(name, [...options(name), ...time, prefix, ...inputs(name)]);
      executions += told.executions;
      coverage = Math.max(coverage, told.coverage);
      if (told.status === 0) return { name, executions, coverage, found: null };
      if (told.artifact === null) throw new Error(`${name} did not run:\n${told.lines.join('\n')}`);
      // A machine that was stopped for a while makes a timeout of anything.
      const again = await run(name, [...options(name), told.artifact]);
      if (again.status !== 0) return { name, executions, coverage, found: told };
      fs.rmSync(told.artifact);
    }
  }

  /** Takes over into the corpus what reaches a place that nothing there reaches, as few and as small inputs as will do. */
  async function keep(name) {
    const corpus = place('corpus', name);
    const before = fs.readdirSync(corpus).length;
    inputs(name);
    const told = await run(name, [
      '-set_cover_merge=1',
      // By branches alone: how often each is taken, and what is compared, would keep a thousand where a hundred will do.
      '-use_counters=0',
      '-use_cmp=0',
      `-max_len=${LONGEST_OF.get(name) ?? LONGEST}`,
      corpus,
      place('grown', name),
    ]);
    if (told.status !== 0) throw new Error(`${name}: nothing was taken over:\n${told.lines.join('\n')}`);
    return fs.readdirSync(corpus).length - before;
  }

  return { campaign, keep };
}

module.exports = { workshop };
