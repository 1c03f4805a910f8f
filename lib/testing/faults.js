'use strict';

const { invalidOption } = require('./options');

/**
 * What each kind does, where in a request it may bite and what it needs.
 *
 * `head`: the request head is in, the body unread. `body`: the request was read and its sender verified, nothing has
 * happened yet. `answer`: the request took effect and only the answer is spoilt, so the client cannot know.
 * `modifier`: may bite together with another fault on the same request.
 */
const KINDS = {
  status: { stages: ['head', 'body', 'answer'], normal: 'body', needs: ['status'] },
  stallBeforeHead: { stages: ['head', 'body', 'answer'], normal: 'body', needs: [] },
  answerThenClose: { stages: ['head', 'body', 'answer'], normal: 'head', needs: [] },
  stallAfterBytes: { stages: ['answer'], normal: 'answer', needs: ['bytes'], request: true },
  cutAfterBytes: { stages: ['answer'], normal: 'answer', needs: ['bytes'], request: true },
  trickle: { stages: ['answer'], normal: 'answer', needs: ['bytesPerSecond'], request: true },
  truncate: { stages: ['answer'], normal: 'answer', needs: ['bytes'] },
  malformedJson: { stages: ['answer'], normal: 'answer', needs: [] },
  emptyBody: { stages: ['body', 'answer'], normal: 'answer', needs: [] },
  delay: { stages: ['head', 'body', 'answer'], normal: 'body', needs: ['ms'], modifier: true },
  changeEtag: { stages: ['body', 'answer'], normal: 'body', needs: [], modifier: true },
};

const FIELDS = new Set(
  'kind match times after at side status headers body retryAfter html bytes bytesPerSecond ms reset'.split(' '),
);

/** One scheduled fault. `bites` counts how often it really did its harm, not how often it was merely due. */
class Fault {
  #waiting = [];

  constructor(id, spec, facts) {
    this.id = id;
    this.kind = spec.kind;
    this.match = facts;
    this.times = spec.times ?? 1;
    this.after = spec.after ?? 0;
    this.side = spec.side ?? 'response';
    this.at = this.side === 'request' ? 'head' : (spec.at ?? KINDS[spec.kind].normal);
    for (const name of ['status', 'headers', 'body', 'retryAfter', 'html', 'bytes', 'bytesPerSecond', 'ms', 'reset']) {
      if (spec[name] !== undefined) this[name] = spec[name];
    }
    /** Requests that matched so far. */
    this.seen = 0;
    /** Requests it was set on so far, at most `times`. */
    this.taken = 0;
    this.bites = 0;
  }

  get modifier() {
    return Boolean(KINDS[this.kind].modifier);
  }

  bite() {
    this.bites += 1;
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

/** The schedule of faults of one sandbox. */
class FaultBook {
  #faults = [];
  #nextId = 1;
  #matchers;
  #kinds;

  /**
   * @param {{ matchers: string[], kinds: string[], lateMatchers?: string[] }} protocol which facts a request of this
   *   sandbox has, which of them are known only once the body was read, and which kinds make sense
   */
  constructor(protocol) {
    this.#matchers = protocol;
    this.#kinds = protocol.kinds;
  }

  /** Adds a fault; it stays in the list after its last bite, so that its count can be read. */
  add(spec) {
    if (spec === null || typeof spec !== 'object') throw invalidOption('faults.add: the fault must be an object');
    const kind = Object.hasOwn(KINDS, spec.kind) && this.#kinds.includes(spec.kind) ? KINDS[spec.kind] : undefined;
    if (!kind) throw invalidOption(`faults.add: kind must be one of ${this.#kinds.join(', ')}`);
    for (const key of Object.keys(spec)) {
      if (!FIELDS.has(key)) throw invalidOption(`faults.add: unknown field ${key}`);
    }
    for (const name of kind.needs) {
      if (!Number.isFinite(spec[name]) || spec[name] < 0) {
        throw invalidOption(`faults.add: kind ${spec.kind} needs ${name}, a number of 0 or more`);
      }
    }
    if (spec.bytesPerSecond === 0) throw invalidOption('faults.add: bytesPerSecond must be above 0');
    // JSON has no Infinity: over HTTP "always" is null.
    const times = spec.times === null ? Infinity : spec.times;
    if (times !== undefined && times !== Infinity && !(Number.isSafeInteger(times) && times > 0)) {
      throw invalidOption('faults.add: times must be a whole number above 0, or Infinity');
    }
    if (spec.after !== undefined && !(Number.isSafeInteger(spec.after) && spec.after >= 0)) {
      throw invalidOption('faults.add: after must be a whole number, 0 or more');
    }
    if (spec.side !== undefined && !['request', 'response'].includes(spec.side)) {
      throw invalidOption('faults.add: side must be request or response');
    }
    if (spec.side === 'request' && !kind.request) {
      throw invalidOption(`faults.add: kind ${spec.kind} has no side request`);
    }
    if (spec.at !== undefined && (spec.side === 'request' || !kind.stages.includes(spec.at))) {
      throw invalidOption(`faults.add: kind ${spec.kind} can bite at ${kind.stages.join(', ')}`);
    }
    const fault = new Fault(this.#nextId, { ...spec, times }, this.#readMatch(spec.match));
    if (fault.at === 'head' && (this.#matchers.lateMatchers ?? []).some((name) => name in fault.match)) {
      throw invalidOption('faults.add: that part of match is known only after the body: give a later `at`');
    }
    this.#nextId += 1;
    this.#faults.push(fault);
    return fault;
  }

  #readMatch(match = {}) {
    const out = {};
    for (const key of Object.keys(match)) {
      if (!this.#matchers.matchers.includes(key)) {
        throw invalidOption(`faults.add: match may hold ${this.#matchers.matchers.join(', ')}`);
      }
      if (match[key] === undefined) continue;
      if (key !== 'keyPattern') out[key] = String(match[key]);
      else out[key] = toPattern(match[key]);
    }
    return out;
  }

  /**
   * The faults due on this request at this stage: any number of modifiers and at most one other. Reading them uses
   * them up, so each stage asks once.
   */
  take(stage, facts) {
    const due = { modifiers: [], main: null };
    for (const fault of this.#faults) {
      if (fault.at !== stage || !matches(fault.match, facts)) continue;
      fault.seen += 1;
      if (fault.seen <= fault.after || fault.taken >= fault.times) continue;
      if (fault.modifier) due.modifiers.push(fault);
      else if (due.main === null) due.main = fault;
      else continue;
      fault.taken += 1;
    }
    return due;
  }

  list() {
    return [...this.#faults];
  }

  remove(id) {
    const before = this.#faults.length;
    this.#faults = this.#faults.filter((fault) => fault.id !== id);
    return this.#faults.length < before;
  }

  clear() {
    this.#faults = [];
  }
}

function toPattern(given) {
  if (given instanceof RegExp) return given;
  try {
    return new RegExp(given, 'u');
  } catch {
    throw invalidOption('faults.add: keyPattern must be a RegExp or the source of one');
  }
}

function matches(match, facts) {
  for (const [name, wanted] of Object.entries(match)) {
    if (wanted instanceof RegExp) {
      // A global or sticky pattern keeps its place between calls.
      wanted.lastIndex = 0;
      if (facts.key === undefined || !wanted.test(facts.key)) return false;
    } else if (facts[name] === undefined || String(facts[name]).toLowerCase() !== wanted.toLowerCase()) {
      return false;
    }
  }
  return true;
}

module.exports = { FaultBook };
