'use strict';

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const path = require('node:path');
const test = require('node:test');
const { inspect } = require('node:util');
const errors = require('../lib/errors.js');

const { WarmpathError, fromOutcome, fromNative, abortError, databaseError } = errors;

test('an error carries its fields, and only those that are set', () => {
  const err = new WarmpathError('ERR_WARMPATH_TELEGRAM_THROTTLED', 'slow down', {
    class: 'throttled',
    retryAfterMs: 2000,
  });
  assert.equal(err.name, 'WarmpathError');
  assert.deepEqual(Object.keys(err).sort(), ['class', 'code', 'retryAfterMs']);
  assert.deepEqual(JSON.parse(JSON.stringify(err)), {
    name: 'WarmpathError',
    code: 'ERR_WARMPATH_TELEGRAM_THROTTLED',
    class: 'throttled',
    message: 'slow down',
    retryAfterMs: 2000,
  });
});

test('JSON leaves the cause out: it may carry anything', () => {
  const err = databaseError('saving', new Error('postgres://user:hunter2@host'));
  assert.equal(err.cause.message, 'postgres://user:hunter2@host');
  assert.ok(!JSON.stringify(err).includes('hunter2'));
  assert.ok(!err.message.includes('hunter2'));
});

test('instanceof holds over two copies of the package, and for subclasses as usual', () => {
  const file = require.resolve('../lib/errors.js');
  delete require.cache[file];
  const copy = require('../lib/errors.js');
  require.cache[file].exports = errors;
  assert.notEqual(copy.WarmpathError, WarmpathError);
  assert.ok(new copy.WarmpathError('ERR_WARMPATH_CLOSED', 'x') instanceof WarmpathError);
  assert.ok(!(new Error('x') instanceof WarmpathError));
  assert.ok(!(null instanceof WarmpathError));
  class Mine extends WarmpathError {}
  assert.ok(new Mine('ERR_WARMPATH_CLOSED', 'x') instanceof WarmpathError);
  assert.ok(!(new WarmpathError('ERR_WARMPATH_CLOSED', 'x') instanceof Mine));
});

test('an outcome becomes an error with the same fields', () => {
  const error = {
    code: 'ERR_WARMPATH_SEND_AMBIGUOUS',
    class: 'ambiguous',
    phase: 'answer',
    message: 'm',
    certainty: 'maybe-sent',
  };
  const { code, phase, message, certainty, ...rest } = fromOutcome(error);
  assert.deepEqual({ code, class: rest.class, phase, message, certainty }, error);
});

test('a native error keeps our code; anything else is a defect of this package', () => {
  const ours = fromNative(Object.assign(new Error('text'), { code: 'ERR_WARMPATH_CLOSED' }));
  assert.equal(ours.code, 'ERR_WARMPATH_CLOSED');
  const foreign = fromNative(Object.assign(new Error('Missing field'), { code: 'InvalidArg' }));
  assert.equal(foreign.code, 'ERR_WARMPATH_INTERNAL');
  assert.equal(foreign.class, 'bug');
  assert.equal(fromNative(ours), ours);
});

test('an abort has the name others use, our code, and the reason as cause', () => {
  const reason = new Error('why');
  const err = abortError(AbortSignal.abort(reason));
  assert.equal(err.name, 'AbortError');
  assert.equal(err.code, 'ERR_WARMPATH_ABORTED');
  assert.equal(err.class, 'cancelled');
  assert.equal(err.cause, reason);
  assert.match(inspect(err), /AbortError/);
});

test('every code this layer throws is in the native table, with the same class', () => {
  const { errorTable } = require('../lib/native.js').native();
  const table = new Map(JSON.parse(errorTable()).map((row) => [row.code, row.class]));
  const thrown = execFileSync('grep', ['-rhoE', 'ERR_WARMPATH_[A-Z0-9_]+[A-Z0-9]', 'lib', 'index.js'], {
    cwd: path.join(__dirname, '..'),
    encoding: 'utf8',
  });
  for (const code of new Set(thrown.trim().split('\n'))) {
    assert.ok(table.has(code), `${code} is not in the table`);
    const { class: kind } = new WarmpathError(code, 'x');
    if (kind !== 'permanent') assert.equal(kind, table.get(code), code);
  }
});

const child = (env, code) =>
  execFileSync(process.execPath, ['-e', code], {
    cwd: path.join(__dirname, '..'),
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });

test('without the addon the package loads, and the first constructor says why it cannot work', () => {
  const out = child(
    { WARMPATH_NATIVE_PATH: '/nowhere/warmpath.node' },
    `const { Queue, WarmpathError, jobKey } = require('.');
     console.log(jobKey({ kind: 'photo', sha256: 'a', botSlug: 'b' }));
     try { new Queue() } catch (e) { console.log(e instanceof WarmpathError, e.code, e.message) }`,
  );
  assert.match(out, /^photo:a:b\ntrue ERR_WARMPATH_NATIVE_LOAD /);
  for (const part of [process.platform, process.arch, '/nowhere/warmpath.node', 'WARMPATH_NATIVE_PATH']) {
    assert.ok(out.includes(part), part);
  }
});

test('an addon of another version is named as such', () => {
  const out = child(
    { WARMPATH_NATIVE_PATH: require.resolve('../lib/key.js') },
    "try { new (require('.').Queue)() } catch (e) { console.log(e.code, e.message) }",
  );
  assert.match(out, /ERR_WARMPATH_NATIVE_LOAD[\s\S]*lacks queueDoor/);
});

test('the names are importable from an ES module', () => {
  const names = 'Queue, SigV4Signer, PrewarmExecutor, PrewarmWorker, MemoryStore, WarmpathError, jobKey';
  const out = execFileSync(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { ${names} } from 'warmpath'; console.log([${names}].map((f) => typeof f).join())`,
    ],
    { cwd: path.join(__dirname, '..'), encoding: 'utf8' },
  );
  assert.equal(out.trim(), Array(7).fill('function').join());
});
