'use strict';

const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { digits, range, table } = require('../lib/markdown');
const { spread } = require('../lib/statistics');
const { IMPORTS } = require('./child');

const CHILD = path.join(__dirname, 'child.js');

const PLANS = { full: { rounds: 30 }, quick: { rounds: 2 } };

/** What we promise of `require('warmpath')`, files in the cache of the system. */
const LIMIT_MS = 20;

const TITLES = {
  nothing: 'nothing (Node alone)',
  warmpath: "**warmpath**: require('warmpath')",
  'warmpath-module': "**warmpath**: import('warmpath')",
  'warmpath-all': '**warmpath**: every export read',
  'warmpath-native': '**warmpath**: the addon loaded, a signer made',
};

/**
 * What an app pays for an import: fresh processes, one import each, in turns.
 * @returns {Promise<{ data: object, markdown: string }>}
 */
async function run({ quick, rounds, contenders, log }) {
  const plan = { rounds: rounds || (quick ? PLANS.quick : PLANS.full).rounds };
  const names = Object.keys(IMPORTS).filter(
    (name) => !contenders || name === 'nothing' || name.startsWith('warmpath') || contenders.includes(name),
  );
  // Once unmeasured: what is measured is an import of files that are in the cache.
  for (const name of names) start(name);
  const measured = new Map(names.map((name) => [name, []]));
  for (let round = 0; round < plan.rounds; round += 1) {
    for (let turn = 0; turn < names.length; turn += 1) {
      const name = names[(turn + round) % names.length];
      measured.get(name).push(start(name));
    }
    log(`round ${round + 1} of ${plan.rounds}`);
  }
  const results = names.map((name) => ({ name, rounds: measured.get(name) }));
  return { data: { plan, results }, markdown: report(plan, results) };
}

/** One process, from its start to its end. */
function start(name) {
  const begin = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, [CHILD, name], { encoding: 'utf8' });
  const processMs = performance.now() - begin;
  if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr}`);
  return { ...JSON.parse(stdout), processMs };
}

function report(plan, results) {
  const of = (name, field) => spread(results.find((row) => row.name === name).rounds.map((round) => round[field]));
  const alone = of('nothing', 'processMs').median;
  const rows = results.map(({ name }) => [
    TITLES[name] ?? name,
    name === 'nothing' ? '–' : range(of(name, 'ms')),
    range(of(name, 'processMs')),
    name === 'nothing' ? '–' : digits(Math.max(0, of(name, 'processMs').median - alone)),
    digits(of(name, 'rss').median / (1 << 20)),
    `${of(name, 'threads').max}`,
  ]);
  const ms = of('warmpath', 'ms').median;
  const started = Math.max(
    ...['warmpath', 'warmpath-module', 'warmpath-all', 'warmpath-native'].map((name) => of(name, 'threads').max),
  );
  const met = (is) => (is ? 'yes' : '**no**');
  return [
    '## load: what an import costs',
    `Median (min–max) of ${plan.rounds} fresh processes each, in turns, after one that is not counted: the files are in the system's cache. ` +
      'Beside it packages that an app of this kind imports anyway.',
    table(['', 'import ms', 'process ms', 'above Node alone', 'RSS grown MB', 'threads started'], rows),
    '### What we promise',
    table(
      ['', 'measured', 'promised', 'met'],
      [
        ["require('warmpath')", `${digits(ms)} ms`, `≤ ${LIMIT_MS} ms`, met(ms <= LIMIT_MS)],
        ['threads before there is an executor', `${started}`, '0', met(started === 0)],
      ],
    ),
  ].join('\n\n');
}

module.exports = { run };
