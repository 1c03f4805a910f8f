'use strict';

const path = require('node:path');
const { Child } = require('../lib/child');
const { digits, range, table } = require('../lib/markdown');
const { spread } = require('../lib/statistics');
const { SIGNED_COMMANDS } = require('./contenders');

const PLANS = {
  // Long enough that what the one before has left (garbage, cold caches) does not decide.
  full: { rounds: 31, sliceMs: 20, warmMs: 250 },
  quick: { rounds: 3, sliceMs: 2, warmMs: 10 },
};

/** What is compared with each other: each in a process of its own, as no server has twelve signers. */
const PROCESSES = [['sign'], ['presign', 'presignMany'], ['getSignedUrl']];

/** What this package promises of itself, as ratios of medians within one run. */
const PROMISES = [
  ['sign', 'aws4', 10],
  ['sign', '@smithy, node:crypto', 18],
  ['sign', 'by hand, the best', 2.5],
  ['presign', 'aws4', 10],
];

/** @returns {Promise<{ data: object, markdown: string }>} */
async function run({ quick, rounds, contenders: only, log }) {
  const plan = { ...(quick ? PLANS.quick : PLANS.full) };
  plan.rounds = rounds || plan.rounds;
  const results = [];
  for (const groups of PROCESSES) {
    const child = Child.node(path.join(__dirname, 'measure.js'), { plan, groups, only });
    try {
      let said = await child.hear();
      for (; said.results === undefined; said = await child.hear()) log(said.log);
      results.push(...said.results.map((each) => ({ ...each, ns: spread(each.all) })));
    } finally {
      await child.end();
    }
  }
  return { data: { plan, results }, markdown: report(results) };
}

const find = (results, group, name) => results.find((each) => each.group === group && each.name === name);

function report(results) {
  const sections = ['sign', 'presign', 'presignMany', 'getSignedUrl'].map((group) => section(results, group));
  return [
    '## signer: one signature, one thread',
    'A GET of an object on R2, payload unsigned, the clock of now, caches warm; a process for each table, presignMany with presign. ' +
      'Median (smallest–largest) of the rounds; every contender computes the same signature, which is checked first (but for “as usual”, whose signature lacks x-amz-date, and the SDK, ' +
      'which adds a parameter). † beats ours.',
    ...sections,
    promises(results),
  ].join('\n\n');
}

function section(results, group) {
  const rows = results.filter((each) => each.group === group);
  const base = ['presignMany', 'getSignedUrl'].includes(group) ? find(results, 'presign', 'warmpath') : rows[0];
  if (rows.length === 0 || base === undefined) return `### ${group}: not run`;
  const against = base === rows[0] ? '× warmpath' : '× presign()';
  const lines = rows.map(({ name, ns }) => {
    const ratio = ns.median / base.ns.median;
    const mine = name.startsWith('warmpath');
    return [
      `${mine ? `**${name}**` : name}${!mine && ratio < 1 ? ' †' : ''}`,
      range(ns, 1000),
      Math.round(1e9 / ns.median).toLocaleString('en'),
      digits(ratio),
    ];
  });
  return [`### ${group}`, table(['', 'µs', 'a second', against], lines)].join('\n\n');
}

function promises(results) {
  const lines = [];
  const tell = (what, ratio, wanted, met) => lines.push([what, digits(ratio), wanted, met ? 'yes' : '**no**']);
  for (const [group, name, wanted] of PROMISES) {
    const [ours, theirs] = [find(results, group, 'warmpath'), find(results, group, name)];
    if (!ours || !theirs) continue;
    const ratio = theirs.ns.median / ours.ns.median;
    tell(`${group}(): ${name} / warmpath`, ratio, `≥ ${wanted}`, ratio >= wanted);
  }
  const one = find(results, 'presign', 'warmpath');
  for (const each of results.filter(({ group }) => group === 'presignMany')) {
    const ratio = each.ns.median / one.ns.median;
    tell(`presignMany (${each.name.replace('warmpath, ', '')}) a URL / presign()`, ratio, '≤ 0.5', ratio <= 0.5);
  }
  const dropIns = [
    ['sign', 'warmpath/aws4', 'aws4', 4],
    ['sign', 'warmpath/smithy', '@smithy, node:crypto', 2],
    ...SIGNED_COMMANDS.map((name) => ['getSignedUrl', `warmpath/smithy ${name}`, `SDK ${name}`, 100]),
  ];
  for (const [group, mine, peer, wanted] of dropIns) {
    const [ours, theirs] = [find(results, group, mine), find(results, group, peer)];
    if (!ours || !theirs) continue;
    const ratio = theirs.ns.median / ours.ns.median;
    tell(`${peer} / ${mine}`, ratio, `≥ ${wanted}`, ratio >= wanted);
  }
  return ['### What we promise', table(['ratio of medians', 'measured', 'promised', 'met'], lines)].join('\n\n');
}

module.exports = { run };
