'use strict';

// The contenders of some groups in one process, taking turns inside of a round; every round begins with another one.
// Argument: { plan, groups, only? } as JSON. Says { log } or, at the end, { results }, a line each.

const { contenders } = require('./contenders');

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

async function measure({ plan, groups, only }, log) {
  const asked = ({ group, name }) => groups.includes(group) && (!only || only.includes(name) || name === 'warmpath');
  const list = (await contenders(log)).filter(asked);
  await verify(list);
  for (const each of list) await slice(each, plan.warmMs, 0);
  const times = list.map(() => []);
  for (let round = 0; round < plan.rounds; round++) {
    for (let turn = 0; turn < list.length; turn++) {
      const at = (round + turn) % list.length;
      times[at].push((await slice(list[at], plan.sliceMs, round * 7)).ns);
    }
    if (round % 10 === 9) log(`${groups.join(', ')}: round ${round + 1}`);
  }
  return list.map(({ group, name }, i) => ({ group, name, all: times[i] }));
}

const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

measure(JSON.parse(process.argv[2]), (log) => say({ log })).then((results) => say({ results }));
