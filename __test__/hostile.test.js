'use strict';

// Hostile values in every place where a value can be given: each is refused with a typed error, or taken for what it is. The list of
// places is made from the code, so that a new option is in it by itself. A long run (WARMPATH_TEST_LONG=1) gives every value
// everywhere; a short one a seeded part of them. WARMPATH_HOSTILE_SEED names the seed.

const assert = require('node:assert/strict');
const EventEmitter = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { discover, withValue } = require('./support/hostile/discover.js');
const { VALUES, boom } = require('./support/hostile/values.js');
const { Judge, isOwn } = require('./support/hostile/judge.js');
const targets = require('./support/hostile/targets.js');

const LONG = process.env.WARMPATH_TEST_LONG === '1';
const seed = Number(process.env.WARMPATH_HOSTILE_SEED ?? (LONG ? Date.now() % 2 ** 31 : 1));
/** Of the values, how many each place is given in a short run. */
const SOME = 24;

let state = seed;
/** xorshift: the same seed, the same values. */
function chance() {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) / 2 ** 32;
}

function some() {
  if (LONG) return VALUES;
  return VALUES.map((value) => [chance(), value])
    .sort(([a], [b]) => a - b)
    .slice(0, SOME)
    .map(([, value]) => value);
}

// Only what nobody catches: a rejection that nobody waits for would end the process of a user.
const strays = [];
process.on('unhandledRejection', (error) => strays.push(`unhandled: ${error?.stack ?? error}`));
process.on('uncaughtException', (error) => strays.push(`uncaught: ${error?.stack ?? error}`));

function verdict(t, judge) {
  t.diagnostic(`seed ${seed}: ${judge.calls} calls, ${judge.refused} refused`);
  const faults = [...judge.faults].map(([where, { first, count }]) => `${where} (${count} times, first by ${first})`);
  faults.push(...new Set(strays.splice(0)));
  assert.ok(faults.length === 0, `seed ${seed}: neither an answer nor a typed error:\n${faults.join('\n')}`);
}

const types = fs.readFileSync(path.join(__dirname, '..', 'index.d.ts'), 'utf8');

/** The methods of a class by its types, inherited ones too: what else there is on it is no part of the face. */
function documentedMethods(name) {
  const found = new RegExp(
    `^export (?:declare )?(?:abstract )?class ${name}\\b[^{]*?(?:extends (\\w+))?[^{]*{\\n(.*?)^}`,
    'ms',
  ).exec(types);
  if (found === null) return [];
  const own = [...found[2].matchAll(/^ {2}(\w+)(?:<[^>]*>)?\(/gm)].map(([, method]) => method);
  return [...new Set([...own, ...(found[1] ? documentedMethods(found[1]) : [])])].filter(
    (method) => method !== 'constructor',
  );
}

const dotted = (path) => path.join('.').replaceAll('.[]', '[]');

for (const [title, list] of [
  ['options', targets.withOptions()],
  ['fields of jobs and requests', targets.withJobs()],
]) {
  test(`hostile ${title}`, async (t) => {
    const judge = new Judge();
    let places = 0;
    for (const [name, call, base, own = false] of list) {
      judge.strict = !own;
      const paths = await discover(call, base);
      places += paths.length;
      for (const [kind, value] of VALUES) judge.call(`${name}(${kind})`, () => call(value()));
      for (const place of paths) {
        for (const [kind, value] of some()) {
          judge.call(`${name} ${dotted(place)} = ${kind}`, () => call(withValue(base, place, value())));
        }
        const throwing = Object.defineProperty(withValue(base, place.slice(0, 1), 1), place[0], {
          enumerable: true,
          get: boom,
        });
        judge.call(`${name} ${place[0]}: a getter that throws`, () => call(throwing));
      }
      await new Promise(setImmediate);
    }
    await judge.settled();
    t.diagnostic(`${places} places in ${list.length} callables`);
    assert.ok(places > (title === 'options' ? 400 : 100), `only ${places} places were found`);
    verdict(t, judge);
  });
}

test('hostile arguments', async (t) => {
  // The drop-in modules say on the console what they refuse.
  t.mock.method(console, 'warn', () => {});
  const judge = new Judge();
  for (const [name, call, right] of targets.withArguments()) {
    judge.call(`${name}()`, () => call());
    for (let place = 0; place <= right.length; place++) {
      for (const [kind, value] of some()) {
        judge.call(`${name} argument ${place} = ${kind}`, () =>
          call(...right.slice(0, place), value(), ...right.slice(place + 1)),
        );
      }
    }
    await new Promise(setImmediate);
  }
  await judge.settled();
  verdict(t, judge);
});

test('hostile arguments of methods', async (t) => {
  const judge = new Judge();
  for (const [name, create, right] of targets.instances()) {
    let one = create();
    const methods = documentedMethods(one.constructor.name).filter(
      (method) => typeof one[method] === 'function' && !(method in EventEmitter.prototype),
    );
    assert.ok(methods.length >= 5, `${name}: ${methods}`);
    for (const method of methods) {
      const given = right[method] ?? [];
      for (let place = 0; place <= given.length; place++) {
        for (const [kind, value] of some()) {
          judge.call(`${name}.${method} argument ${place} = ${kind}`, () =>
            one[method](...given.slice(0, place), value(), ...given.slice(place + 1)),
          );
        }
      }
      if (/^(close|stop)/.test(method)) one = create();
      await new Promise(setImmediate);
    }
  }
  await judge.settled();
  verdict(t, judge);
});

test('a getter that says one thing to the check and another to the queue', () => {
  const { Queue } = require('..');
  for (const name of [undefined, 'two-faced']) {
    const queue = new Queue({ name, capacity: 8 });
    for (const field of ['key', 'priority', 'item']) {
      for (const [kind, make] of VALUES) {
        let asked = 0;
        const entry = {
          item: 1,
          get [field]() {
            return asked++ === 0 ? { key: 'k', priority: 1, item: 1 }[field] : make();
          },
        };
        const { item: _, ...options } = Object.getOwnPropertyDescriptors(entry);
        for (const call of [
          () => queue.enqueueMany([entry]),
          () => queue.enqueue(1, Object.defineProperties({}, options)),
        ]) {
          try {
            call();
          } catch (error) {
            // Native code refuses by code what passed the check; what an item's own getter throws comes out as it is.
            const refused = /^ERR_WARMPATH_(?!INTERNAL)/.test(error?.code);
            assert.ok(refused || (field === 'item' && isOwn(error)), `${field} = ${kind}: ${error.stack}`);
          }
          asked = 0;
          queue.clear();
        }
      }
    }
    assert.equal(queue.enqueue('after'), 'queued');
    assert.deepEqual([queue.dequeue(), queue.length], ['after', 0]);
    queue.close();
  }
});
