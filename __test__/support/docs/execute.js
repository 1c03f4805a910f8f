'use strict';

// Runs one block: its free names are given to it, its top-level names come back, and what it made is closed.

const { namesOf } = require('./names.js');

const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;

/** A line that stands for the reader's own code; what it gives back replaces the free names of the block. */
const STAND_IN = /^\/\/ … the code under test.*$/m;

/** Each import as the `require` that does the same. */
const withoutImports = (code) =>
  code.replace(
    /^import (\{[^}]*\}|\w+) from ('[^']+');?$/gm,
    (_line, names, from) => `const ${names} = require(${from});`,
  );

/**
 * @param {import('./blocks.js').Block} block
 * @param {Record<string, unknown>} values of its free names
 * @param {{ require: (name: string) => unknown, codeUnderTest?: (made: object) => Promise<object> }} around
 * @returns {Promise<Record<string, any>>} its top-level names
 */
function execute(block, values, { require, codeUnderTest }) {
  const { free, made } = namesOf(block.code);
  for (const name of free) {
    if (!(name in values)) throw new Error(`${block.file}:${block.line}: nobody gives ${name} to it`);
  }
  const code = withoutImports(block.code).replace(STAND_IN, () => {
    const before = made;
    const take = free.map((name) => `if ('${name}' in $given) ${name} = $given.${name};`);
    return `const $given = await $codeUnderTest({ ${before.join(', ')} }); ${take.join(' ')}`;
  });
  const run = new AsyncFunction('require', '$codeUnderTest', ...free, `${code}\nreturn { ${made.join(', ')} };`);
  return run(require, codeUnderTest, ...free.map((name) => values[name]));
}

/** Ends what has an end, the newest first; what is over already stays so. */
async function closeAll(things) {
  for (const thing of [...things].reverse()) {
    const end = ['stop', 'close', 'end', 'disconnect'].find((name) => typeof thing?.[name] === 'function');
    if (end === undefined || thing === console || thing === process) continue;
    try {
      await thing[end](end === 'stop' ? { timeoutMs: 1000 } : undefined);
    } catch {
      // The block has ended it.
    }
  }
}

module.exports = { execute, closeAll };
