'use strict';

// The declarations are the reference of the package: whatever a user may set or gets has a sentence there, and an option its default.

const assert = require('node:assert/strict');
const test = require('node:test');
const { declarationFiles, declarations } = require('./support/declarations.js');

const files = declarationFiles().map((file) => ({ file, found: declarations(file) }));
const all = files.flatMap(({ file, found }) => found.map((each) => ({ file, ...each })));
const at = ({ file, line, name }) => `${file}:${line} ${name}`;
/** `once`, `off` and the rest say what `on` says. */
const LIKE_ON = /^(once|off|(add|remove|prepend|prependOnce)Listener)$/;

/**
 * The parts of other packages' objects that an adapter touches: their own documents describe them, and a comment here could only
 * repeat them. Each has one that says whose it is.
 */
const SHAPES = new Map([
  ['lib/adapters/aws4.d.ts', ['RequestSigner', 'Credentials', 'Request', 'Signed']],
  ['lib/adapters/smithy.d.ts', ['Credentials', 'Request', 'Client', 'Command']],
  ['lib/adapters/baileys.d.ts', ['BaileysMessage']],
  ['lib/adapters/whatsapp-web.d.ts', ['WebMessage', 'WebMedia']],
  ['lib/adapters/bullmq.d.ts', ['BullJob', 'BullErrors', 'BullQueue', 'BullModule', 'ClosableWorker']],
  ['lib/adapters/graphile-worker.d.ts', ['GraphileHelpers']],
  ['lib/adapters/pg-boss.d.ts', ['Boss', 'BossJob']],
  ['lib/adapters/prom-client.d.ts', ['PromRegistry']],
  ['lib/adapters/telegraf.d.ts', ['TelegrafBot']],
]);

const last = (name) => name.slice(name.lastIndexOf('.') + 1);
const first = (name) => name.split('.', 1)[0];
const isShape = ({ file, name }) => SHAPES.get(file)?.includes(first(name)) ?? false;

/** Comments by `Type.member`, for classes that implement an interface. */
const documented = new Map();
for (const { name, comment } of all) if (comment !== '' && !documented.has(name)) documented.set(name, comment);

/** Whether it stands in a class, and the interface of that class has a comment for it. */
const byHeritage = ({ name, heritage }) => heritage.some((parent) => documented.has(`${parent}.${name.split('.')[1]}`));

/** Whether a reader finds a sentence about it: its own, that of an overload, of the interface, or of what stands around it. */
function isDocumented(each) {
  const { name, comment, literal, inherited, inline, optional, accepted } = each;
  if (comment !== '' || literal || documented.has(name) || LIKE_ON.test(last(name))) return true;
  // What stands around it has a sentence; an option of several lines wants its own.
  if (inherited.trim() !== '' && (inline || !(optional && accepted))) return true;
  return byHeritage(each) || inherited.includes(`\`${last(name)}\``);
}

test('every member of what the package declares has a doc comment', () => {
  assert.ok(files.length > 25 && all.length > 1500, 'the walk found too little');
  const bare = all.filter((each) => each.member && !isShape(each) && !isDocumented(each));
  assert.deepEqual(bare.map(at), []);
});

test('what mirrors other packages is still there, and says whose it is', () => {
  for (const [file, names] of SHAPES) {
    for (const name of names)
      assert.ok(documented.has(name) && all.some((each) => each.file === file && each.name === name), name);
  }
});

test('every option that may be left out says what happens then', () => {
  const options = all.filter(
    (each) => each.member && each.optional && each.accepted && !each.literal && !isShape(each),
  );
  assert.ok(options.length > 300, 'the walk found too few options');
  const silent = options.filter((each) => {
    const { comment, inherited, inline, name } = each;
    const text = comment === '' ? (documented.get(name) ?? inherited) : comment;
    return (
      !inline &&
      !(comment === '' && byHeritage(each)) &&
      !/default|absent|needed|required|none|without|else|where/i.test(text)
    );
  });
  assert.deepEqual(silent.map(at), []);
});
