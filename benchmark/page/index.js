'use strict';

// docs/benchmarks.md and its charts, made of what `--record` wrote: a pure function of those files, so that a test can tell whether the
// page is still what was measured.

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('../lib/native');
const { chart } = require('./chart');
const { losses } = require('./losses');
const { panelsOf } = require('./panels');

const RECORDED = path.join(__dirname, '..', 'recorded');
const DOCS = path.join(root, 'docs');

const HEAD = `# Benchmarks

<!-- made by \`npm run bench:page\` of benchmark/recorded; do not edit -->

Every comparison, as its command printed it, with its rows where a peer is better. \`npm run bench:all\` runs them all again and makes this page; a part of it is
run by the command above its tables. What is fair in them and what is not: [benchmark/README.md](../benchmark/README.md). Trust the ratios within one table, not
the digits: the machine has two cores and neighbours. In the charts the bar is the median, the line over it goes from the smallest to the largest round.`;

/** Keeps what one benchmark said, for the page. */
function record(name, about, { data, markdown }) {
  fs.mkdirSync(RECORDED, { recursive: true });
  const kept = { about, panels: panelsOf(name, data), markdown };
  fs.writeFileSync(path.join(RECORDED, `${name}.json`), `${JSON.stringify(kept, null, 1)}\n`);
}

/** @returns {[string, object][]} what is recorded, in the order of `names` */
function recorded(names) {
  return names.flatMap((name) => {
    const file = path.join(RECORDED, `${name}.json`);
    return fs.existsSync(file) ? [[name, JSON.parse(fs.readFileSync(file, 'utf8'))]] : [];
  });
}

/** Headings one level lower: the benchmark's own title becomes a section of the page. */
const section = (name, { about, panels, markdown }) => {
  const [title, ...rest] = markdown.split('\n');
  const versions = Object.entries(about.versions).map(([what, version]) => `${what} ${version}`);
  return [
    title,
    '',
    `\`${about.command}\`, ${about.date.slice(0, 10)}. ${about.cpu}, ${about.cores} cores, ${about.memoryGiB} GiB, ${about.kernel}, TCP ${about.congestion}; load average before ${about.loadBefore.toFixed(2)}. ${versions.join(' · ')}.`,
    '',
    ...(panels.length > 0 ? [`![${panels.map((each) => each.title).join('; ')}](benchmarks/${name}.svg)`, ''] : []),
    ...rest.slice(rest[0] === '' ? 1 : 0),
  ]
    .join('\n')
    .trimEnd();
};

function lost(all) {
  const found = all.map(([name, { markdown }]) => [name, losses(markdown)]);
  const list = (what) => {
    const lines = found.flatMap(([, each]) => each[what].map((line) => `- ${line}`));
    return lines.length > 0 ? lines.join('\n') : 'None in these runs.';
  };
  return [
    '## Where we lose',
    'Taken from the tables below by their marks, none left out.',
    '### Promises that these runs did not hold',
    list('missed'),
    '### Figures in which a peer is better',
    list('beaten'),
  ].join('\n\n');
}

/** @returns {Map<string, string>} file, relative to docs → its text */
function render(names) {
  const all = recorded(names);
  const files = new Map();
  for (const [name, { panels }] of all) {
    if (panels.length > 0) files.set(`benchmarks/${name}.svg`, chart(`warmpath benchmark: ${name}`, panels));
  }
  const parts = [HEAD, lost(all), ...all.map(([name, kept]) => section(name, kept))];
  files.set('benchmarks.md', `${parts.join('\n\n')}\n`);
  return files;
}

function write(names) {
  for (const [file, text] of render(names)) {
    fs.mkdirSync(path.dirname(path.join(DOCS, file)), { recursive: true });
    fs.writeFileSync(path.join(DOCS, file), text);
  }
}

module.exports = { DOCS, record, render, write };
