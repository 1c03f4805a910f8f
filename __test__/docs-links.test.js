'use strict';

// Links between the documents lead somewhere: files are there, and so are the headings that anchors name.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { documents, root } = require('./support/docs/blocks.js');

/** Helpers of the module of the same name beside them. */
const SMALL = new Set(['lib/campaign', 'lib/fetch', 'lib/queue', 'lib/signer', 'lib/upload']);

const read = (file) => fs.readFileSync(path.join(root, file), 'utf8');

/** A document without its code, in which brackets mean nothing. */
const prose = (text) =>
  text.replace(/^(\s*)(```+)[\s\S]*?^\1\2\s*$/gm, '').replace(/`[^`\n]*`/g, (code) => '·'.repeat(code.length));

/** The anchors of a document, as GitHub makes them of its headings. */
function anchorsOf(file) {
  const anchors = new Set();
  const seen = new Map();
  const text = read(file).replace(/^(\s*)(```+)[\s\S]*?^\1\2\s*$/gm, '');
  for (const [, heading] of text.matchAll(/^#{1,6} +(.+?)\s*$/gm)) {
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[`*]/g, '');
    const slug = plain
      .toLowerCase()
      .replace(/[^\p{Letter}\p{Number}\p{Mark} _-]/gu, '')
      .replaceAll(' ', '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    anchors.add(count === 0 ? slug : `${slug}-${count}`);
  }
  for (const [, id] of text.matchAll(/<a id="([^"]+)"/g)) anchors.add(id);
  return anchors;
}

/** Links and pictures: `[text](target)`, also with brackets or a picture in the text. */
function linksOf(file) {
  const links = [...prose(read(file)).matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)];
  return links.map(([, target]) => target);
}

test('every relative link of the documents leads to a file, and its anchor to a heading', () => {
  const broken = [];
  let followed = 0;
  for (const file of documents()) {
    for (const link of linksOf(file)) {
      if (/^[a-z][a-z+.-]*:/i.test(link)) continue;
      followed++;
      const [target, anchor] = link.split('#');
      const there = target === '' ? file : path.join(path.dirname(file), decodeURIComponent(target));
      if (!fs.existsSync(path.join(root, there))) broken.push(`${file}: ${link}`);
      else if (anchor !== undefined && !(there.endsWith('.md') && anchorsOf(there).has(anchor)))
        broken.push(`${file}: ${link}: no such heading`);
    }
  }
  assert.ok(followed > 150, `only ${followed} links were found`);
  assert.deepEqual(broken, []);
});

test('every page of docs/ is in its index', () => {
  const listed = new Set(linksOf('docs/README.md').map((link) => link.split('#')[0]));
  const pages = fs.readdirSync(path.join(root, 'docs')).filter((name) => name.endsWith('.md') && name !== 'README.md');
  assert.deepEqual(
    pages.filter((page) => !listed.has(page)),
    [],
  );
});

test('the architecture names the folders that are there, and no others', () => {
  const tables = new Map();
  let folder = null;
  for (const line of read('ARCHITECTURE.md').split('\n')) {
    const head = line.match(/^\| `([\w/]+)` \| \|$/);
    if (head !== null) folder = head[1];
    else if (!line.startsWith('|')) folder = null;
    else if (folder !== null) {
      const names = [...line.split('|')[1].matchAll(/`([^`]+)`/g)].map(([, name]) => name.replace('/', ''));
      tables.set(folder, [...(tables.get(folder) ?? []), ...names]);
    }
  }
  assert.deepEqual([...tables.keys()], ['engine/src', 'src', 'lib']);
  for (const [where, names] of tables) {
    for (const name of names) assert.ok(fs.existsSync(path.join(root, where, name)), `${where}/${name} is not there`);
    const folders = fs
      .readdirSync(path.join(root, where), { withFileTypes: true })
      .filter((entry) => entry.isDirectory());
    const untold = folders
      .map(({ name }) => name)
      .filter((name) => !names.includes(name) && !SMALL.has(`${where}/${name}`));
    assert.deepEqual(untold, [], `ARCHITECTURE.md says nothing of them (${where})`);
  }
});

test('addresses on the web are https, and name no private host', () => {
  for (const file of documents()) {
    for (const link of linksOf(file)) {
      if (!/^[a-z][a-z+.-]*:/i.test(link)) continue;
      const url = new URL(link);
      assert.equal(url.protocol, 'https:', `${file}: ${link}`);
      assert.match(url.hostname, /\.[a-z]{2,}$/, `${file}: ${link}`);
    }
  }
});

test('the two front pages have the same parts, blocks and pictures', () => {
  const shape = (file) => ({
    parts: [...prose(read(file)).matchAll(/^(#{1,6}) /gm)].map(([, marks]) => marks.length),
    blocks: [...read(file).matchAll(/^```(\w+)$/gm)].map(([, language]) => language),
    pictures: [...prose(read(file)).matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)].map(([, target]) => target),
  });
  assert.deepEqual(shape('README.pt-BR.md'), shape('README.md'));
});
