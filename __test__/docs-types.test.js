'use strict';

// Every JavaScript and TypeScript block of the documents, under `tsc --strict`: as CommonJS and as an ES module.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { allBlocks, root } = require('./support/docs/blocks.js');
const { namesOf } = require('./support/docs/names.js');
const { typeOf } = require('./support/docs/types.js');

const blocks = allBlocks().filter(({ language }) => language === 'js' || language === 'ts');
const folder = path.join(root, 'target', 'docs-types');

/** The lines of a block's own, in a function whose parameter is what the block takes from around it. */
function inFunction(block, code) {
  const free = namesOf(block.code).free.filter((name) => name !== 'assert');
  const types = free.map((name) => {
    const type = typeOf(name, block);
    assert.ok(
      type !== undefined,
      `${block.file}:${block.line}: nobody says what ${name} is (__test__/support/docs/types.js)`,
    );
    return `${name}: ${type}`;
  });
  return `async (/** @type {{ ${types.join('; ')} }} */ { ${free.join(', ')} }) => {\n${code}\n};\n`;
}

/** An assertion function narrows only where its name is declared as one. */
const IMPORT = "import assert from 'node:assert/strict';\n";
const ASSERT = "const assert = require('node:assert/strict');\n";

/** With the imports of an ES module in the place of every `require`. */
function asModule(code) {
  const imports = [];
  const rest = code
    .replace(/^(?:const|let) (\{[^}]*\}|\w+) = require\(('[^']+')\);?(.*)$/gm, (_line, names, from, comment) => {
      imports.push(`import ${names.replaceAll(':', ' as')} from ${from};`);
      return comment.trim();
    })
    .replace(/\brequire\(('[^']+')\)/g, '(await import($1))')
    .replace(/^import .*$/gm, (line) => {
      imports.push(line);
      return '';
    });
  return { imports, rest };
}

test('every block is JavaScript', () => {
  assert.ok(blocks.length >= 45, 'the documents have lost their blocks');
  for (const block of blocks) assert.equal(namesOf(block.code).error, null, `${block.file}:${block.line}`);
});

test('every block holds under tsc --strict, as CommonJS and as an ES module', () => {
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  const origin = new Map();
  for (const block of blocks) {
    const name = `${block.file.replaceAll(/[\\/]/g, '-').replace('.md', '')}-${block.index}`;
    origin.set(name, block);
    if (!/^import /m.test(block.code)) {
      fs.writeFileSync(path.join(folder, `${name}.cjs`), `${ASSERT}module.exports = ${inFunction(block, block.code)}`);
    }
    const { imports, rest } = asModule(block.code);
    fs.writeFileSync(
      path.join(folder, `${name}.mjs`),
      `${IMPORT}${imports.join('\n')}\nexport default ${inFunction(block, rest)}`,
    );
  }
  const config = {
    extends: '../../__test__/types/tsconfig.json',
    compilerOptions: {
      ...{ allowJs: true, checkJs: true, skipLibCheck: true, strict: true },
      // JavaScript has no place for the type of a parameter.
      noImplicitAny: false,
      // Beyond `strict`.
      ...{ exactOptionalPropertyTypes: false, noUncheckedIndexedAccess: false },
    },
    include: ['*.cjs', '*.mjs'],
  };
  fs.writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(config));
  const tsc = path.join(root, 'node_modules', '.bin', 'tsc');
  const { stdout, stderr, status } = spawnSync(tsc, ['-p', folder, '--pretty', 'false'], {
    cwd: root,
    encoding: 'utf8',
  });
  const readable = stdout.replace(/target\/docs-types\/(\S+?)\.([cm]js)\((\d+),/g, (whole, name, kind, line) => {
    const block = origin.get(name);
    return kind === 'cjs'
      ? `${block.file}:${block.line + Number(line) - 3} (${whole}`
      : `${block.file}:${block.line}… (${whole}`;
  });
  assert.equal(status, 0, `${readable}${stderr}`);
});
