'use strict';

// Every command in the documents, in blocks and in the text: the program is there and knows the flags. Which of them are run as well:
// docs-run.test.js (npx warmpath), docs-newcomer.test.js (the first steps), and the suites that have the long ones (npm test, npm run demo).

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { allBlocks, documents, root } = require('./support/docs/blocks.js');

const { scripts } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
const there = (file) => fs.existsSync(path.join(root, file));

/** Languages whose blocks are data or show what something looks like; each has a test elsewhere, or nothing to run. */
const OTHER = new Map([
  ['sql', 'queries of the reader on the tables; the tables have tests'],
  ['yaml', 'settings of Prometheus'],
  ['http', 'what a request looks like'],
  ['text', 'a drawing'],
  ['', 'what is printed'],
]);

/** Programs that are not of this package. */
const FOREIGN = /^(supabase|bash|cargo install|RUSTC_BOOTSTRAP|WARMPATH_FUZZ_SEEDS)\b/;

const help = new Map();

/** What `warmpath COMMAND --help` prints. */
function helpOf(command) {
  if (!help.has(command)) {
    const { stdout, status } = spawnSync(process.execPath, [path.join(root, 'bin', 'warmpath.js'), command, '--help'], {
      encoding: 'utf8',
    });
    help.set(command, status === 0 ? stdout : null);
  }
  return help.get(command);
}

const flagsOf = (words) => words.filter((word) => /^--[a-z]/.test(word)).map((word) => word.split('=')[0]);

/** Why `npx warmpath …` would not do, or null. */
function wrongWarmpath([command, ...words]) {
  if (command === undefined || command.startsWith('<')) return null;
  const text = helpOf(command);
  if (text === null) return `there is no command ${command}`;
  const unknown = flagsOf(words).find((flag) => !text.includes(flag) && flag !== '--help');
  return unknown === undefined ? null : `${command} knows no ${unknown}`;
}

/** Why `npm run …` would not do, or null. */
function wrongScript([name]) {
  return name in scripts ? null : `there is no script ${name}`;
}

/** Why `node …` would not do, or null: files and globs of files have to be there. */
function wrongNode(words) {
  for (const word of words.filter((each) => /^[\w_.@/*-]+\.(m?js)$/.test(each))) {
    const folder = path.dirname(word);
    const pattern = new RegExp(`^${path.basename(word).replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
    if (!there(folder) || !fs.readdirSync(path.join(root, folder)).some((name) => pattern.test(name)))
      return `there is no ${word}`;
  }
  return null;
}

/** Why `cargo …` would not do, or null. */
function wrongCargo(words) {
  const after = (flag) => (words.includes(flag) ? words[words.indexOf(flag) + 1] : undefined);
  if (after('-p') !== undefined && !['warmpath', 'warmpath-engine', 'warmpath-bench'].includes(after('-p')))
    return `no crate ${after('-p')}`;
  const target = after('--test');
  if (target !== undefined && !there(`engine/tests/${target}.rs`) && !there(`engine/tests/${target}/main.rs`))
    return `no test ${target}`;
  const bench = after('--bench');
  return bench === undefined || there(`engine/benches/${bench}.rs`) ? null : `no bench ${bench}`;
}

/** Why a command would not do, or null; undefined where it is none that is known. */
function wrong(line) {
  // Settings in front of it are the reader's.
  const words = line.replace(/^(?:[A-Z][A-Z0-9_]*=\S*\s+)+/, '').split(/\s+/);
  const [program, second, ...rest] = words;
  if (FOREIGN.test(line)) return null;
  if (program === 'npx' && second === 'warmpath') return wrongWarmpath(rest);
  if (program === 'npx' && ['napi', 'biome', 'tsc'].includes(second))
    return there(`node_modules/.bin/${second}`) ? null : 'not there';
  if (program === 'npm' && second === 'run') return wrongScript(rest);
  if (program === 'npm' && ['test', 'start'].includes(second)) return null;
  if (program === 'npm' && ['install', 'init', 'ls', 'pack'].includes(second)) return null;
  if (program === 'node') return line === 'node quickstart.mjs' ? null : wrongNode([second, ...rest]);
  if (program === 'cargo') return wrongCargo([second, ...rest]);
  return undefined;
}

/** The commands of a block of the shell: continued lines as one, without what is said behind them. */
const linesOf = (code) =>
  code
    .replace(/\\\n/g, ' ')
    .split('\n')
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .filter((line) => line !== '');

test('every command of a block is one that is there', () => {
  let seen = 0;
  for (const block of allBlocks().filter(({ language }) => language === 'sh')) {
    for (const line of linesOf(block.code)) {
      seen++;
      const fault = wrong(line);
      assert.notEqual(fault, undefined, `${block.file}:${block.line}: nobody knows how to check: ${line}`);
      assert.equal(fault, null, `${block.file}:${block.line}: ${line}`);
    }
  }
  assert.ok(seen >= 25, `only ${seen} commands were found`);
});

test('every command in the text is one that is there', () => {
  let seen = 0;
  for (const file of documents()) {
    const text = fs.readFileSync(path.join(root, file), 'utf8').replace(/^(\s*)(```+)[\s\S]*?^\1\2\s*$/gm, '');
    for (const [, code] of text.matchAll(
      /`((?:npx warmpath|npm run|npm test|node (?:--test|benchmark|scripts)|cargo) ?[^`…]*)`/g,
    )) {
      seen++;
      assert.equal(wrong(code.replaceAll('\n', ' ')), null, `${file}: ${code}`);
    }
  }
  assert.ok(seen >= 40, `only ${seen} commands were found`);
});

test('every block is of a language that is tested, or one that has a reason not to be', () => {
  for (const { file, line, language } of allBlocks()) {
    assert.ok(['js', 'ts', 'sh'].includes(language) || OTHER.has(language), `${file}:${line}: ${language}`);
  }
});
