'use strict';

const { invalidOption } = require('../options');
const { KINDS, PARAMETERS } = require('./kinds');

const SCHEDULE = ['kind', 'name', 'match', 'times', 'after', 'nth', 'at', 'side'];
const FIELDS = new Set([...SCHEDULE, ...Object.keys(PARAMETERS)]);

/** One scheduled fault. `bites` counts how often it really did its harm, not how often it was merely due. */
class Fault {
  #waiting = [];
  #onBite;

  constructor(id, spec, { match = {}, onBite } = {}) {
    this.#onBite = onBite;
    this.id = id;
    if (spec.name !== undefined) this.name = spec.name;
    this.kind = spec.kind;
    this.match = match;
    this.times = spec.times ?? (spec.nth === undefined ? 1 : [spec.nth].flat().length);
    this.after = spec.after ?? 0;
    if (spec.nth !== undefined) this.nth = [spec.nth].flat();
    this.side = spec.side ?? 'response';
    this.at = this.side === 'request' ? 'head' : (spec.at ?? KINDS[spec.kind].normal);
    for (const name of Object.keys(PARAMETERS)) if (spec[name] !== undefined) this[name] = spec[name];
    /** Requests that matched so far. */
    this.seen = 0;
    /** Requests it was set on so far, at most `times`. */
    this.taken = 0;
    this.bites = 0;
  }

  get modifier() {
    return Boolean(KINDS[this.kind].modifier);
  }

  get inside() {
    return Boolean(KINDS[this.kind].inside);
  }

  /** Where in a body of `total` bytes it bites. */
  markIn(total) {
    return this.bytes ?? Math.floor(total * this.fraction);
  }

  /** Counts a matching request: whether the fault is due on it. */
  isDue() {
    this.seen += 1;
    if (this.taken >= this.times) return false;
    return this.nth ? this.nth.includes(this.seen) : this.seen > this.after;
  }

  bite() {
    this.bites += 1;
    this.#onBite?.();
    this.#waiting = this.#waiting.filter(({ count, resolve }) => {
      if (this.bites < count) return true;
      resolve(this);
      return false;
    });
  }

  /** Resolves when the fault has bitten `count` times: lets a test wait for the harm instead of sleeping. */
  bitten(count = 1) {
    if (this.bites >= count) return Promise.resolve(this);
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }

  toJSON() {
    const out = { ...this, times: this.times === Infinity ? null : this.times };
    out.match = Object.fromEntries(Object.entries(this.match).map(([k, v]) => [k, v instanceof RegExp ? v.source : v]));
    return out;
  }
}

const wrong = (text) => invalidOption(`faults.add: ${text}`);

/**
 * Checks what a user gave and puts the meaning of a name in its place.
 *
 * @param {any} given
 * @param {{ kinds: string[], names: Record<string, object> }} protocol
 * @returns {object} the same with `kind` and without surprises
 */
function readSpec(given, { kinds, names }) {
  if (given === null || typeof given !== 'object') throw wrong('the fault must be an object');
  for (const key of Object.keys(given)) if (!FIELDS.has(key)) throw wrong(`unknown field ${key}`);
  if (given.name !== undefined && !Object.hasOwn(names, given.name)) {
    throw wrong(`name must be one of ${Object.keys(names).join(', ')}`);
  }
  if (given.name !== undefined && given.kind !== undefined) throw wrong('give a name or a kind, not both');
  const named = given.name === undefined ? {} : names[given.name];
  const spec = { ...named, ...given };
  const kind = kinds.includes(spec.kind) ? KINDS[spec.kind] : undefined;
  if (!kind) throw wrong(`kind must be one of ${kinds.join(', ')}`);
  for (const [name, check] of Object.entries(PARAMETERS)) {
    if (spec[name] !== undefined && !check(spec[name])) throw wrong(`${name} of kind ${spec.kind} is not right`);
  }
  for (const name of kind.needs ?? []) {
    if (spec[name] === undefined) throw wrong(`kind ${spec.kind} needs ${name}`);
  }
  if (kind.mark && (spec.bytes === undefined) === (spec.fraction === undefined)) {
    throw wrong(`kind ${spec.kind} needs bytes or fraction`);
  }
  checkSchedule(spec, kind);
  // JSON has no Infinity: over HTTP "always" is null.
  return { ...spec, times: spec.times === null ? Infinity : spec.times };
}

function checkSchedule(spec, kind) {
  const { times, after, nth, side } = spec;
  if (times !== undefined && times !== null && times !== Infinity && !(Number.isSafeInteger(times) && times > 0)) {
    throw wrong('times must be a whole number above 0, or Infinity');
  }
  if (after !== undefined && !(Number.isSafeInteger(after) && after >= 0)) {
    throw wrong('after must be a whole number, 0 or more');
  }
  if (nth !== undefined) {
    if (times !== undefined || after !== undefined) throw wrong('nth says it all: give no times and no after');
    const list = [nth].flat();
    if (list.length === 0 || !list.every((n) => Number.isSafeInteger(n) && n > 0)) {
      throw wrong('nth must be a whole number above 0, or a list of them');
    }
  }
  if (side !== undefined && !['request', 'response'].includes(side)) throw wrong('side must be request or response');
  if (side === 'request' && !kind.request) throw wrong(`kind ${spec.kind} has no side request`);
  if (spec.at !== undefined && (side === 'request' || !kind.stages.includes(spec.at))) {
    throw wrong(`kind ${spec.kind} can bite at ${kind.stages.join(', ')}`);
  }
}

module.exports = { Fault, readSpec };
