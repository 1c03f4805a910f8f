'use strict';

const { digits, range, table } = require('../lib/markdown');
const { spread } = require('../lib/statistics');
const { contenders } = require('./contenders');

const PLANS = {
  full: { rounds: 31, sliceMs: 12, warmMs: 250 },
  quick: { rounds: 3, sliceMs: 2, warmMs: 10 },
};

/** What this package promises of itself, as ratios of medians within one run. */
const PROMISES = [
  ['sign', 'aws4', 10],
  ['sign', '@smithy, node:crypto', 18],
  ['sign', 'by hand, the best', 2.5],
  ['presign', 'aws4', 10],
];

/** ns a signature, over about `ms` of work. */
async function slice({ run, async, many = 1 }, ms, from) {
  let count = 0;
  let elapsed = 0;
  // Something must use the results, or the compiler may drop the work.
  let last = null;
  const started = performance.now();
  for (let batch = 8; elapsed < ms; batch *= 2) {
    if (async) for (let i = 0; i < batch; i++) last = await run(from + count + i);
    else for (let i = 0; i < batch; i++) last = run(from + count + i);
    count += batch;
    elapsed = performance.now() - started;
  }
  return { ns: (elapsed * 1e6) / count / many, last };
}

/** Everybody whose signature can be read must compute the one that we do, in the same second. */
async function verify(list) {
  for (const group of ['sign', 'presign']) {
    const checked = list.filter((each) => each.group === group && each.signature);
    for (const each of checked.slice(1)) {
      let ours;
      let theirs;
      // A second may begin between the two.
      for (let attempt = 0; attempt < 3 && (ours === undefined || ours !== theirs); attempt++) {
        ours = checked[0].signature(await checked[0].run(5));
        theirs = each.signature(await each.run(5));
      }
      if (ours !== theirs) throw new Error(`${each.name} computes another signature (${group})`);
    }
  }
}

/**
 * All contenders in one process, taking turns inside of a round; every round begins with another one.
 *
 * @returns {Promise<{ data: object, markdown: string }>}
 */
async function run({ quick, rounds, contenders: only, log }) {
  const plan = quick ? PLANS.quick : PLANS.full;
  const list = (await contenders(log)).filter((each) => !only || only.includes(each.name) || each.name === 'warmpath');
  await verify(list);
  for (const each of list) await slice(each, plan.warmMs, 0);
  const times = list.map(() => []);
  for (let round = 0; round < (rounds || plan.rounds); round++) {
    for (let turn = 0; turn < list.length; turn++) {
      const at = (round + turn) % list.length;
      times[at].push((await slice(list[at], plan.sliceMs, round * 7)).ns);
    }
    if (round % 10 === 9) log(`round ${round + 1}`);
  }
  const results = list.map(({ group, name }, i) => ({ group, name, ns: spread(times[i]), all: times[i] }));
  return { data: { plan, results }, markdown: report(results) };
}

const find = (results, group, name) => results.find((each) => each.group === group && each.name === name);

function report(results) {
  const sections = ['sign', 'presign', 'presignMany'].map((group) => section(results, group));
  return [
    '## signer: one signature, one process, one thread',
    'A GET of an object on R2, payload unsigned, the clock of now, caches warm. Median (smallest–largest) of the rounds; every ' +
      'contender computes the same signature, which is checked first (but for “as usual”, whose signature lacks x-amz-date, and the SDK, ' +
      'which adds a parameter). † beats ours.',
    ...sections,
    promises(results),
  ].join('\n\n');
}

function section(results, group) {
  const rows = results.filter((each) => each.group === group);
  const base = group === 'presignMany' ? find(results, 'presign', 'warmpath') : rows[0];
  if (rows.length === 0 || base === undefined) return `### ${group}: not run`;
  const against = group === 'presignMany' ? '× presign()' : '× warmpath';
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
    ['presign', 'warmpath/smithy getSignedUrl', 'SDK getSignedUrl', 100],
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
