'use strict';

// The code blocks of the documents, in their order.

const fs = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '..', '..', '..');

/** Written by a tool, from comments that are checked elsewhere. */
const GENERATED = /^docs[\\/]api[\\/]/;

/** Every document that a user may read, as paths from the root. */
function documents() {
  const inDocs = fs.readdirSync(path.join(root, 'docs'), { recursive: true }).map((name) => path.join('docs', name));
  const beside = fs.readdirSync(root);
  const examples = fs.readdirSync(path.join(root, 'examples')).map((name) => path.join('examples', name, 'README.md'));
  return [...beside, ...inDocs, ...examples, path.join('benchmark', 'README.md')]
    .filter((name) => name.endsWith('.md') && !GENERATED.test(name))
    .sort();
}

/**
 * @typedef {object} Block
 * @property {string} file
 * @property {number} index among the blocks of its language in that file, from 0
 * @property {number} line of its first line of code
 * @property {string} language the first word behind the fence, '' where there is none; of a `diff`: that of what it leaves, js
 * @property {string} code
 */

/** What a change leaves: the code that a reader has when it is made. */
const afterOf = (lines) => ({ language: 'js', code: lines.map((line) => (line.startsWith('-') ? '' : line.slice(1))) });

/** @returns {Block[]} */
function blocksOf(file) {
  const lines = fs.readFileSync(path.join(root, file), 'utf8').split('\n');
  const blocks = [];
  const counts = new Map();
  let open = null;
  lines.forEach((line, at) => {
    const fence = line.match(/^(\s*)(```+)\s*(\S*)/);
    if (open === null && fence !== null)
      open = { indent: fence[1].length, mark: fence[2], language: fence[3], line: at + 2, code: [] };
    else if (open !== null && fence !== null && fence[2].length >= open.mark.length) {
      const { line: first } = open;
      const { language, code } = open.language === 'diff' ? afterOf(open.code) : open;
      const index = counts.get(language) ?? 0;
      counts.set(language, index + 1);
      blocks.push({ file, index, line: first, language, code: code.join('\n') });
      open = null;
    } else if (open !== null) open.code.push(line.slice(open.indent));
  });
  if (open !== null) throw new Error(`${file}: a code block is not closed`);
  return blocks;
}

const allBlocks = () => documents().flatMap(blocksOf);

module.exports = { root, documents, blocksOf, allBlocks };
