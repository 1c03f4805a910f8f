'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { root } = require('./native');
const { congestion } = require('./network');

function version(program, ...args) {
  try {
    return execFileSync(program, args, { encoding: 'utf8' }).trim();
  } catch {
    return 'not installed';
  }
}

/** What a reader needs to know to repeat a run: machine, versions, command, date. */
function describe(args) {
  const packageVersion = (folder) => JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')).version;
  return {
    date: new Date().toISOString(),
    command: `node benchmark/run.js ${args.join(' ')}`.trim(),
    cpu: os.cpus()[0].model.trim(),
    cores: os.cpus().length,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    kernel: `${os.type()} ${os.release()} ${os.arch()}`,
    congestion: congestion(),
    loadBefore: os.loadavg()[0],
    versions: {
      warmpath: packageVersion(root),
      node: process.versions.node,
      openssl: process.versions.openssl,
      'undici (npm)': packageVersion(path.dirname(require.resolve('undici/package.json'))),
      'undici (in Node, behind fetch)': process.versions.undici,
      rustc: version('rustc', '--version'),
    },
  };
}

/** The same as Markdown. */
function heading(about) {
  const versions = Object.entries(about.versions).map(([name, text]) => `${name} ${text}`);
  return [
    '# Benchmark results',
    '',
    `- Command: \`${about.command}\`, ${about.date}`,
    `- Machine: ${about.cpu}, ${about.cores} cores, ${about.memoryGiB} GiB, ${about.kernel}, TCP ${about.congestion}; load average before the run ${about.loadBefore.toFixed(2)}`,
    `- Versions: ${versions.join(' · ')}`,
  ].join('\n');
}

module.exports = { describe, heading };
