'use strict';

// Values that nobody means to give. Each is made anew: some can be used once only.

const { MessageChannel } = require('node:worker_threads');

const MINE = 'from the inside of a hostile value';
const boom = () => {
  throw new RangeError(MINE);
};

/** Every trap throws. */
const throwing = (target) => new Proxy(target, new Proxy({}, { get: () => boom }));

function revoked(target) {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

function detached() {
  const bytes = new Uint8Array(8);
  const { port1 } = new MessageChannel();
  port1.postMessage(bytes, [bytes.buffer]);
  port1.close();
  return bytes;
}

function cycle() {
  const value = {};
  value.self = value;
  return value;
}

function deep(levels) {
  let value = {};
  for (let i = 0; i < levels; i++) value = { inner: value };
  return value;
}

class Instance {
  capacity = 5;
}

/** An object whose own property of that name throws when it is read. */
function getter(name) {
  return Object.defineProperty({}, name, { enumerable: true, configurable: true, get: boom });
}

const PRIMITIVES = {
  null: null,
  true: true,
  false: false,
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
  '-0': -0,
  0: 0,
  '-1': -1,
  1.5: 1.5,
  'int32 + 1': 2 ** 31,
  'uint32 + 5': 2 ** 32 + 5,
  'safe integer + 1': 2 ** 53,
  huge: 1e300,
  tiny: 5e-324,
  bigint: 1n,
  'large bigint': 2n ** 70n,
  'empty text': '',
  blank: ' ',
  'number text': '5',
  NUL: '\0',
  'lone surrogate': '\ud800',
  'line break': 'a\r\nb: c',
  path: '../../etc/passwd',
  proto: '__proto__',
  text: 'text',
};

const MADE = {
  'a megabyte': () => 'x'.repeat(2 ** 20),
  symbol: () => Symbol('x'),
  'well-known symbol': () => Symbol.iterator,
  '{}': () => ({}),
  '[]': () => [],
  '[[]]': () => [[]],
  '[null]': () => [null],
  sparse: () => new Array(5),
  'long array': () => new Array(100_000).fill(0),
  'null prototype': () => Object.create(null),
  frozen: () => Object.freeze({ a: 1 }),
  'unknown key': () => ({ concurency: 5 }),
  'symbol key': () => ({ [Symbol('capacity')]: 5 }),
  'proto key': () => JSON.parse('{"__proto__":{"capacity":5}}'),
  instance: () => new Instance(),
  inherited: () => Object.create({ capacity: 5, key: 'k', kind: 'photo' }),
  cycle,
  'deep nesting': () => deep(20_000),
  Date: () => new Date(Number.NaN),
  RegExp: () => /x/g,
  Map: () => new Map([['a', 1]]),
  Set: () => new Set([1]),
  URL: () => new URL('http://h/'),
  Error: () => new Error('x'),
  'String object': () => Object('x'),
  'Number object': () => Object(5),
  function: () => () => {},
  'throwing function': () => boom,
  'async function': () => async () => {},
  class: () => class {},
  Buffer: () => Buffer.from('bytes'),
  'shared bytes': () => new Uint8Array(new SharedArrayBuffer(8)),
  'detached bytes': detached,
  DataView: () => new DataView(new ArrayBuffer(8)),
  promise: () => Promise.resolve(5),
  'throwing thenable': () => getter('then'),
  'throwing getter': () => getter('key'),
  'throwing toString': () => ({ toString: boom, valueOf: boom, toJSON: boom, [Symbol.toPrimitive]: boom }),
  'throwing iterator': () => ({ [Symbol.iterator]: boom, length: 3 }),
  'throwing proxy': () => throwing({}),
  'throwing proxy of an array': () => throwing([]),
  'revoked proxy': () => revoked({}),
  'revoked proxy of an array': () => revoked([]),
  globalThis: () => globalThis,
};

/** `[name, make]` of every hostile value. */
const VALUES = [...Object.entries(PRIMITIVES).map(([name, value]) => [name, () => value]), ...Object.entries(MADE)];

module.exports = { VALUES, MINE, boom };
