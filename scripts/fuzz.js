'use strict';

// Campaigns of the fuzz targets: libFuzzer with AddressSanitizer, a target for each core. See fuzz/README.md.
//
//   npm run fuzz                                every target for a minute
//   npm run fuzz -- mp4 url --seconds 600       these two for ten
//   npm run fuzz -- --keep                      ... and what was found to reach something new goes into the corpus
//   npm run fuzz -- --planted                   a bug in every target, to be found by the campaign and by the short form

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { workshop } = require('./fuzz/campaign.js');
const { plant } = require('./fuzz/copy.js');
const { PLANTED } = require('./fuzz/planted.js');

const CARGO_FUZZ = 'cargo-fuzz@0.13.2';

const root = path.join(__dirname, '..');
const fuzz = path.join(root, 'fuzz');
const tools = path.join(root, '.cache', 'cargo-fuzz');
// cargo-fuzz is looked for where it was installed here, too.
const environment = { ...process.env, PATH: `${process.env.PATH}${path.delimiter}${path.join(tools, 'bin')}` };

function cargo(args, options = {}) {
  const result = spawnSync('cargo', args, { cwd: root, stdio: 'inherit', env: environment, ...options });
  if (result.error) throw result.error;
  return result;
}

function must(result, what) {
  if (result.status !== 0) throw new Error(`${what} failed`);
  return result;
}

/** Builds the programs, and says where they are. */
function build(folder) {
  if (cargo(['fuzz', '--version'], { stdio: 'ignore' }).status !== 0) {
    console.log(`installing ${CARGO_FUZZ} into .cache/`);
    must(cargo(['install', '--locked', '--root', tools, CARGO_FUZZ]), 'the installation of cargo-fuzz');
  }
  const host = /^host: (.*)$/m.exec(must(cargo(['-vV'], { stdio: 'pipe', encoding: 'utf8' }), 'cargo').stdout)[1];
  const target = path.join(fuzz, 'target');
  // The sanitizer's runtime is in the stable toolchain, its switch is not.
  const env = { ...environment, RUSTC_BOOTSTRAP: '1' };
  must(cargo(['fuzz', 'build', '--fuzz-dir', folder, '--target', host, '--target-dir', target], { env }), 'the build');
  return path.join(target, host, 'release');
}

/** Runs `work` for each name, so many at once. */
async function each(names, atOnce, work) {
  const left = [...names];
  const worker = async () => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) await work(name);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

const grouped = (number) => number.toLocaleString('en-US');

async function hunt(names, { seconds, seed, keep, jobs }) {
  const { campaign, keep: takeOver } = workshop(fuzz, build(fuzz));
  let [all, broken] = [0, 0];
  console.log(`${names.length} targets, ${seconds} s each, ${jobs} at once, seed ${seed}\n`);
  console.log('| target | executions | branches reached | |\n|---|---|---|---|');
  await each(names, jobs, async (name) => {
    const { executions, coverage, found } = await campaign(name, { seconds, seed });
    const taken = keep && found === null ? await takeOver(name) : 0;
    all += executions;
    const end = found === null ? 'nothing' : `**broken**: ${path.relative(root, found.artifact)}`;
    const kept = taken > 0 ? `; ${taken} inputs kept` : '';
    console.log(`| ${name} | ${grouped(executions)} | ${grouped(coverage)} | ${end}${kept} |`);
    if (found === null) return;
    broken += 1;
    console.error(found.lines.join('\n'));
  });
  console.log(`\n${grouped(all)} executions; ${broken} of ${names.length} targets broken`);
  if (broken > 0) process.exitCode = 1;
}

/** Which targets fail in the short form. */
function shortForm(folder) {
  const args = ['test', '-p', 'warmpath-engine', '--features', 'shrink', '--lib', '--no-fail-fast', 'fuzz::each'];
  const env = { ...environment, CARGO_TARGET_DIR: path.join(root, 'target') };
  const { stdout, stderr } = cargo(args, { cwd: folder, env, stdio: 'pipe', encoding: 'utf8', maxBuffer: 2 ** 28 });
  const lines = [...stdout.matchAll(/^test fuzz::each::(\w+) \.\.\. (\w+)$/gm)];
  if (lines.length === 0) throw new Error(`the short form did not run:\n${stderr}`);
  return new Set(lines.filter(([, , how]) => how === 'FAILED').map(([, name]) => name));
}

async function prove(names, { seconds, seed, jobs }) {
  const chosen = PLANTED.filter(({ target }) => names.includes(target));
  const folder = path.join(root, 'target', 'planted');
  plant(folder, chosen);
  const failed = shortForm(folder);
  const copy = path.join(folder, 'fuzz');
  const { campaign } = workshop(copy, build(copy));
  let missed = 0;
  console.log('| target | planted | short form | campaign |\n|---|---|---|---|');
  await each(chosen, jobs, async ({ target, bug }) => {
    const { executions, found } = await campaign(target, { seconds, seed });
    const isFound = found !== null && failed.has(target);
    if (!isFound) missed += 1;
    const short = failed.has(target) ? 'found' : '**missed**';
    const long = found === null ? '**missed**' : `found after ${grouped(executions)}`;
    console.log(`| ${target} | ${bug} | ${short} | ${long} |`);
  });
  console.log(`\n${missed} of ${chosen.length} missed`);
  if (missed > 0) process.exitCode = 1;
}

function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: '1' },
      jobs: { type: 'string', default: String(os.availableParallelism()) },
      keep: { type: 'boolean', default: false },
      planted: { type: 'boolean', default: false },
    },
  });
  const all = fs.readdirSync(path.join(fuzz, 'fuzz_targets')).map((file) => path.parse(file).name);
  const unknown = positionals.filter((name) => !all.includes(name));
  if (unknown.length > 0) throw new Error(`no such target: ${unknown.join(', ')}. There are ${all.join(', ')}`);
  const names = positionals.length > 0 ? positionals : all;
  const numbers = Object.fromEntries(['seconds', 'seed', 'jobs'].map((name) => [name, Number(values[name])]));
  return values.planted ? prove(names, numbers) : hunt(names, { ...numbers, keep: values.keep });
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
