'use strict';

// node benchmark/run.js [name…] [--quick] [--rounds N] [--contenders a,b] [--sizes BYTES,BYTES] [--network own|system] [--servers core|anywhere] [--record]
// Runs the named benchmarks (all without a name), writes JSON and Markdown to benchmark/results/ and prints the Markdown. With --record
// the page docs/benchmarks.md tells of this run from now on; with --page it is only made again of what is recorded.

const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { describe, heading } = require('./lib/machine');
const { buildNative } = require('./lib/native');
const { enterNetwork } = require('./lib/network');
const { BENCHMARKS, PLAIN } = require('./names');
const page = require('./page');

/** Where the servers run: on a processor of their own, or where the system puts their threads. */
const SERVERS = ['core', 'anywhere'];
const USAGE = `node benchmark/run.js [${BENCHMARKS.join('] [')}] [--quick] [--rounds N] [--contenders a,b] [--sizes BYTES,BYTES] [--network own|system] [--servers core|anywhere] [--record | --page]`;

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      contenders: { type: 'string' },
      sizes: { type: 'string' },
      record: { type: 'boolean', default: false },
      network: { type: 'string', default: 'own' },
      servers: { type: 'string', default: 'core' },
      page: { type: 'boolean', default: false },
      help: { type: 'boolean' },
    },
  });
  const unknown = positionals.find((name) => !BENCHMARKS.includes(name));
  if (values.help || unknown) {
    console.error(unknown ? `no benchmark named ${unknown}\n${USAGE}` : USAGE);
    process.exitCode = unknown ? 1 : 0;
    return;
  }
  if (values.page) {
    page.write(BENCHMARKS);
    return;
  }
  const { quick, servers } = values;
  if (!SERVERS.includes(servers)) {
    console.error(`--servers ${servers}: one of ${SERVERS.join(', ')}`);
    process.exitCode = 1;
    return;
  }
  if (values.record && (quick || values.contenders || values.sizes || servers !== SERVERS[0])) {
    console.error('--record keeps whole runs only: no --quick, no --contenders, no --sizes, no --servers');
    process.exitCode = 1;
    return;
  }
  const chosen = BENCHMARKS.filter((each) => positionals.length === 0 || positionals.includes(each));
  const programs = chosen.every((name) => PLAIN.includes(name)) ? null : await buildNative();
  // Built before: in there nothing can be fetched.
  const built = programs && { WARMPATH_BENCH_BIN: path.dirname(programs.server) };
  const exit = values.network === 'own' ? enterNetwork(built) : null;
  if (exit !== null) {
    process.exitCode = exit;
    return;
  }
  const about = describe(process.argv.slice(2));
  const results = {};
  const sections = [heading(about)];
  for (const name of chosen) {
    const { run } = require(`./${name}`);
    const log = (text) => console.error(`[${name}] ${text}`);
    const contenders = values.contenders?.split(',');
    const rounds = values.rounds && Number(values.rounds);
    const sizes = values.sizes?.split(',').map(Number);
    const { data, markdown } = await run({ quick, rounds, programs, contenders, sizes, servers, log });
    results[name] = data;
    sections.push(markdown);
    if (values.record) {
      const rounds = values.rounds ? ` --rounds ${values.rounds}` : '';
      page.record(name, { ...about, command: `node benchmark/run.js ${name}${rounds}` }, { data, markdown });
    }
  }
  if (values.record) page.write(BENCHMARKS);
  const folder = path.join(__dirname, 'results');
  fs.mkdirSync(folder, { recursive: true });
  const stem = path.join(folder, about.date.replaceAll(':', '-').replace(/\..*/, ''));
  const markdown = `${sections.join('\n\n')}\n`;
  fs.writeFileSync(`${stem}.json`, JSON.stringify({ ...about, quick, results }, null, 1));
  fs.writeFileSync(`${stem}.md`, markdown);
  console.log(markdown);
  console.error(`written: ${path.relative(process.cwd(), stem)}.json and .md`);
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
