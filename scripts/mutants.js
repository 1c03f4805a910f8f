'use strict';

// Mutation testing of the pure cores (sigv4, executor, queue): a seeded sample of mutants, each built and tested in turn.
//
//   cargo install --locked cargo-mutants
//   node scripts/mutants.js                    150 mutants, 50 of each room, seed 1
//   node scripts/mutants.js --seed 7 --sample 300
//   node scripts/mutants.js --list             only names them
//   node scripts/mutants.js --iterate          goes on: after more tests, or where a run was broken off
//   node scripts/mutants.js --room queue --only 'lanes.rs'   all whose name fits
//
// A mutant of the whole engine takes a minute to build, most of it TLS and pipelines that cannot notice it. The three
// rooms import nothing to their left and not each other, so each stands in a crate of its own here, which builds in seconds; that
// it builds at all is a test of the rule.

const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');

const root = path.join(__dirname, '..');
const engine = path.join(root, 'engine');
const results = path.join(root, 'target', 'mutants');
const BOUNDED = path.join(__dirname, 'mutants', 'bounded.js');
const HOST = /^host: (.*)$/m.exec(execFileSync('rustc', ['-vV'], { encoding: 'utf8' }))[1];
const crateOf = (room) => path.join(results, room);

const ROOMS = ['sigv4', 'executor', 'queue'];
const SHARED = ['clock.rs', 'error.rs', 'failpoint.rs', 'runtime.rs', 'secret.rs'];
// What only makes proofs: a mutant there weakens a test, not the product. `sync.rs` is the switch to loom.
const LEFT_OUT = [
  '**/tests.rs',
  '**/tests/**',
  '**/fuzz.rs',
  '**/sim/**',
  '**/planted.rs',
  'src/queue/sync.rs',
  'src/*.rs',
];
// Mutants that no test can tell from the original, by what they are; the others are judged one by one in docs/mutation.md.
const EQUIVALENT = ['impl (Debug|std::fmt::Debug|fmt::Debug) for', '<impl Drop for .*Secret'];

/** The crate of a room: the room as it is, and the dependencies of the engine that it names. */
function writeCrate(room) {
  const crate = crateOf(room);
  fs.rmSync(path.join(crate, 'src'), { recursive: true, force: true });
  fs.mkdirSync(path.join(crate, 'src'), { recursive: true });
  for (const name of [room, ...SHARED]) {
    fs.cpSync(path.join(engine, 'src', name), path.join(crate, 'src', name), { recursive: true });
  }
  const modules = [room, ...SHARED].map((name) => `pub mod ${path.parse(name).name};\n`).join('');
  // As a module and not as a test of its own, which would double what is built.
  const vectors = path.join(engine, 'tests', 'sigv4_vectors.rs');
  const more = room === 'sigv4' ? `extern crate self as warmpath_engine;\n#[cfg(test)]\nmod tests;\n` : '';
  if (room === 'sigv4') {
    const text = fs
      .readFileSync(vectors, 'utf8')
      .replace(/^\/\/!.*\n/gm, '')
      .replace(/^#!\[[\s\S]*?\]\n/m, '');
    fs.writeFileSync(path.join(crate, 'src', 'tests.rs'), text);
    const beside = path.join('__test__', 'support', 'sigv4');
    fs.cpSync(path.join(root, beside), path.join(results, beside), { recursive: true });
  }
  fs.writeFileSync(path.join(crate, 'src', 'lib.rs'), `//! A pure core of the engine.\n${modules}${more}`);
  fs.writeFileSync(path.join(crate, 'Cargo.toml'), manifest(crate));
  fs.copyFileSync(path.join(root, 'Cargo.lock'), path.join(crate, 'Cargo.lock'));
}

function manifest(crate) {
  const text = fs.readFileSync(path.join(engine, 'Cargo.toml'), 'utf8');
  const section = (name) => (text.split(`[${name}]\n`)[1] ?? '').split(/^\[/m)[0];
  const source = allSource(path.join(crate, 'src'));
  const used = (line) => source.includes(`${line.split(' ', 1)[0].replaceAll('-', '_')}::`);
  const dependencies = section('dependencies')
    .split('\n')
    .filter((line) => line !== '' && (used(line) || line.startsWith('loom')));
  return `[package]
name = "warmpath-engine"
version = "0.0.0"
edition = "2024"
publish = false

[workspace]

[features]
loom = ["dep:loom"]
failpoints = []

[dependencies]
${dependencies.join('\n')}

[dev-dependencies]
${section('dev-dependencies')}
[profile.dev]
debug = false
opt-level = 1

[profile.dev.package."*"]
opt-level = 1
`;
}

function allSource(folder) {
  const names = fs.readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.rs'));
  return names.map((name) => fs.readFileSync(path.join(folder, name), 'utf8')).join('\n');
}

function cargo(room, args, options = {}) {
  const env = {
    ...process.env,
    WARMPATH_SIM_SEEDS: '5',
    CARGO_TARGET_DIR: path.join(results, 'target'),
    // Nobody reads how the tests of a mutant failed, and it takes longer than they do.
    RUST_BACKTRACE: '0',
    [`CARGO_TARGET_${HOST.toUpperCase().replaceAll('-', '_')}_RUNNER`]: `${process.execPath} ${BOUNDED}`,
  };
  const result = spawnSync('cargo', args, {
    cwd: crateOf(room),
    env,
    maxBuffer: 2 ** 28,
    encoding: 'utf8',
    ...options,
  });
  if (result.error) throw result.error;
  return result;
}

/** Every mutant of a room, in a fixed order. */
function mutantsOf(room) {
  const filters = [...LEFT_OUT.flatMap((glob) => ['-e', glob]), ...EQUIVALENT.flatMap((re) => ['-E', re])];
  const { status, stdout, stderr } = cargo(room, ['mutants', '--list', '--json', ...filters]);
  if (status !== 0) throw new Error(`cargo mutants --list failed: ${stderr}`);
  const names = new Set(JSON.parse(stdout).map(({ name }) => name));
  return [...names].sort();
}

/** mulberry32: the same seed takes the same sample on every machine. */
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Some of them. */
function sample(names, size, seed) {
  const next = random(seed);
  const left = [...names];
  const taken = [];
  while (taken.length < size && left.length > 0) taken.push(...left.splice(Math.floor(next() * left.length), 1));
  return taken;
}

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\-]/g, '\\$&');

/** What is known of mutants by their names: `killed`, `time`, `missed`, `unviable`. */
function known(room) {
  const file = path.join(crateOf(room), 'known.json');
  const before = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : {};
  const out = path.join(crateOf(room), 'mutants.out');
  const results = path.join(out, 'outcomes.json');
  // Written while it runs: a run that was broken off is not lost.
  const { outcomes } = fs.existsSync(results) ? JSON.parse(fs.readFileSync(results, 'utf8')) : { outcomes: [] };
  for (const { scenario, summary, log_path: log } of outcomes) {
    const how = { CaughtMutant: 'killed', Timeout: 'time', MissedMutant: 'missed', Unviable: 'unviable' }[summary];
    if (scenario.Mutant === undefined || how === undefined) continue;
    const isEndless = how === 'killed' && fs.readFileSync(path.join(out, log), 'utf8').includes('\nended by time');
    before[scenario.Mutant.name] = isEndless ? 'time' : how;
  }
  fs.writeFileSync(file, JSON.stringify(before, null, 1));
  return before;
}

function forget(room) {
  for (const name of ['known.json', 'mutants.out']) {
    fs.rmSync(path.join(crateOf(room), name), { recursive: true, force: true });
  }
}

/** Tries some mutants. */
function attempt(room, chosen) {
  const config = path.join(crateOf(room), 'mutants.toml');
  fs.writeFileSync(config, `examine_re = [\n${chosen.map((name) => `  '''^${escaped(name)}$''',\n`).join('')}]\n`);
  const args = ['mutants', '--in-place', '--config', config, '-o', crateOf(room), '--no-shuffle', '--colors', 'never'];
  // The proof that the simulation finds planted bugs says nothing of mutants, and hundreds of seeds nothing that five do not.
  const tests = ['--', '--', '--skip', 'every_planted_bug'];
  // The runner ends what never does; the clock is for where it cannot.
  const bounds = ['--minimum-test-timeout', '900', '--cargo-arg', '--lib'];
  const { status } = cargo(room, [...args, ...bounds, ...tests], { stdio: 'inherit' });
  // 2 and 3 are of mutants that survived or did not end; others of trouble before the first.
  if (![0, 2, 3].includes(status)) throw new Error(`cargo mutants ended with ${status}`);
}

/** Tries some mutants, and says what came of it: `{ killed, all }`. */
function run(room, chosen) {
  if (!values.iterate) forget(room);
  const before = known(room);
  const left = chosen.filter((name) => before[name] === undefined || before[name] === 'missed');
  if (left.length > 0) attempt(room, left);
  const now = known(room);
  const are = (...hows) => chosen.filter((name) => hows.includes(now[name]));
  const [killed, missed, endless] = [are('killed', 'time'), are('missed'), are('time')];
  const all = killed.length + missed.length;
  console.log(
    `${room}: ${killed.length} of ${all} killed (${endless.length} by time); ${are('unviable').length} did not compile`,
  );
  for (const name of endless) console.log(`  by time: ${name}`);
  for (const name of missed) console.log(`  survived: ${name}`);
  return { killed: killed.length, all };
}

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    sample: { type: 'string', default: '150' },
    room: { type: 'string', multiple: true, default: ROOMS },
    only: { type: 'string' },
    list: { type: 'boolean', default: false },
    iterate: { type: 'boolean', default: false },
  },
});
let [killed, all] = [0, 0];
for (const room of values.room) {
  writeCrate(room);
  const mutants = mutantsOf(room);
  // As many of each room, so that the largest does not crowd out the others.
  const share = Math.ceil(Number(values.sample) / ROOMS.length);
  const wanted = values.only === undefined ? null : new RegExp(values.only);
  const chosen = wanted ? mutants.filter((name) => wanted.test(name)) : sample(mutants, share, Number(values.seed));
  console.log(`${room}: ${chosen.length} of ${mutants.length} mutants, seed ${values.seed}`);
  if (values.list) {
    for (const name of chosen) console.log(name);
    continue;
  }
  const found = run(room, chosen);
  killed += found.killed;
  all += found.all;
}
if (!values.list) {
  console.log(`all: ${killed} of ${all} killed = ${((100 * killed) / all).toFixed(1)} %`);
  if (killed < 0.8 * all) process.exitCode = 1;
}
